import { Button, Group, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { PATHS } from '../../../../shared/paths.ts';
import { auth } from '../../auth.ts';
import { PageLoading } from '../../components/PageLoading.tsx';
import { PasswordField } from '../../components/PasswordField.tsx';
import { ErrorState, FormError } from '../../components/states.tsx';
import { useForm } from '../../components/useForm.ts';
import { AccountCard } from '../../layout/AccountCard.tsx';
import { NewAccountForm } from './NewAccountForm.tsx';
import { SecondStep } from './SecondStep.tsx';

const TITLE = 'Join an organization on Introzy';

export default function Invitation() {
  const { id = '' } = useParams();
  const session = useQuery({ queryKey: ['account'], queryFn: auth.getSession });
  if (session.isPending) return <PageLoading />;
  if (session.error) {
    return (
      <AccountCard title={TITLE}>
        <ErrorState error={session.error} onRetry={() => session.refetch()} />
      </AccountCard>
    );
  }
  return session.data ? <Accept id={id} email={session.data.user.email} /> : <SignInFirst id={id} />;
}

const accept = async (id: string) => {
  await auth.acceptInvitation(id);
  window.location.assign(PATHS.home);
};

function Accept({ id, email }: { id: string; email: string }) {
  const acceptance = useMutation({ mutationFn: () => accept(id) });
  const leaving = useMutation({ mutationFn: async () => auth.signOut().then(() => window.location.reload()) });
  return (
    <AccountCard title={TITLE} text={`You are signed in as ${email}. The invitation must be for this address.`}>
      <FormError error={acceptance.error ?? leaving.error} />
      <Group>
        <Button loading={acceptance.isPending || acceptance.isSuccess} onClick={() => acceptance.mutate()}>
          Accept the invitation
        </Button>
        <Button variant="default" loading={leaving.isPending} onClick={() => leaving.mutate()}>
          Use another account
        </Button>
      </Group>
    </AccountCard>
  );
}

function SignInFirst({ id }: { id: string }) {
  const [choice, setChoice] = useState('new');
  return (
    <AccountCard title={TITLE}>
      <SegmentedControl
        aria-label="Account"
        value={choice}
        onChange={setChoice}
        data={[
          { value: 'new', label: 'Create an account' },
          { value: 'old', label: 'I have one' },
        ]}
      />
      {choice === 'new' ? <NewAccountForm invitationId={id} onDone={() => accept(id)} /> : <SignInAndAccept id={id} />}
    </AccountCard>
  );
}

function SignInAndAccept({ id }: { id: string }) {
  const [isHalfway, setIsHalfway] = useState(false);
  const form = useForm<'email' | 'password'>(async ({ email, password }) => {
    const { twoFactorRedirect } = await auth.signIn(email, password);
    if (twoFactorRedirect) setIsHalfway(true);
    else await accept(id);
  });
  if (isHalfway) return <SecondStep onDone={() => accept(id)} />;
  return (
    <form onSubmit={form.onSubmit}>
      <Stack>
        <FormError error={form.error} />
        <TextInput label="Email" name="email" type="email" autoComplete="username" required />
        <PasswordField label="Password" />
        <Button type="submit" loading={form.isPending || form.isSuccess}>
          Sign in and join
        </Button>
        <Text size="sm" c="dimmed">
          With the address that the invitation was sent to.
        </Text>
      </Stack>
    </form>
  );
}
