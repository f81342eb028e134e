import { Button, Group, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { PATHS } from '../../../../shared/paths.ts';
import { auth } from '../../auth.ts';
import { PasskeySignIn } from '../../components/PasskeySignIn.tsx';
import { FormError, RowsLoading } from '../../components/states.tsx';
import { AccountCard } from '../../layout/AccountCard.tsx';
import { canUsePasskeys, usePasskeys } from '../../passkeys.ts';
import { Passkeys } from './factor/Passkeys.tsx';
import { SecondFactor } from './factor/SecondFactor.tsx';

const reload = () => window.location.reload();

/** For a member without a second factor, where the organization requires the factor. */
export default function FactorNeeded() {
  const { data: organizations = [] } = useQuery({ queryKey: ['organizations'], queryFn: auth.listOrganizations });
  const passkeys = usePasskeys();
  const choice = useMutation({
    mutationFn: async (id: string) => auth.setActive(id).then(() => window.location.assign(PATHS.home)),
  });
  const leaving = useMutation({
    mutationFn: async () => auth.signOut().then(() => window.location.assign(PATHS.signIn)),
  });
  return (
    <AccountCard title="A second factor, first" text="Your organization requires a second factor of every member.">
      {passkeys.isLoading ? (
        <RowsLoading rows={1} />
      ) : passkeys.data?.length ? (
        <>
          <Text size="sm">Your second factor is a passkey. Sign in with it to go on.</Text>
          <PasskeySignIn label="Sign in with a passkey" onDone={reload} />
        </>
      ) : (
        <>
          <SecondFactor onChange={reload} />
          {canUsePasskeys && <Passkeys />}
        </>
      )}
      <FormError error={choice.error ?? leaving.error} />
      {organizations.length > 1 && <Text size="sm">Or go to an organization of yours:</Text>}
      <Group>
        {organizations.length > 1 &&
          organizations.map(({ id, name }) => (
            <Button key={id} variant="default" loading={choice.isPending} onClick={() => choice.mutate(id)}>
              {name}
            </Button>
          ))}
        <Button variant="subtle" loading={leaving.isPending} onClick={() => leaving.mutate()}>
          Sign out
        </Button>
      </Group>
    </AccountCard>
  );
}
