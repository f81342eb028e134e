import { Anchor, Button, Divider, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useSearchParams } from 'react-router';
import { PATHS } from '../../../../shared/paths.ts';
import { queryClient } from '../../api.ts';
import { AccountError, auth, safeNext } from '../../auth.ts';
import { PasskeySignIn } from '../../components/PasskeySignIn.tsx';
import { PasswordField } from '../../components/PasswordField.tsx';
import { FormError } from '../../components/states.tsx';
import { useForm } from '../../components/useForm.ts';
import { AccountCard } from '../../layout/AccountCard.tsx';
import { canUsePasskeys } from '../../passkeys.ts';
import { SecondStep } from './SecondStep.tsx';
import { SendLink } from './SendLink.tsx';

export default function SignIn() {
  const [query] = useSearchParams();
  const [isHalfway, setIsHalfway] = useState(false);
  const enter = () => {
    queryClient.clear();
    // The browser loads a new page, so that nothing of the person before is left.
    window.location.assign(safeNext(query.get('next')));
  };
  const form = useForm<'email' | 'password'>(async ({ email, password }) => {
    const { twoFactorRedirect } = await auth.signIn(email, password);
    if (twoFactorRedirect) setIsHalfway(true);
    else enter();
  });
  const isRefused = form.error instanceof AccountError && form.error.status === 401;
  if (isHalfway) {
    return (
      <AccountCard title="Is it you?" text="Your password is right. Now your second factor.">
        <SecondStep onDone={enter} />
      </AccountCard>
    );
  }
  return (
    <AccountCard title="Sign in" links={[{ to: PATHS.forgotPassword, label: 'Forgot your password?' }]}>
      <form onSubmit={form.onSubmit}>
        <Stack>
          <FormError error={form.error} />
          <TextInput label="Email" name="email" type="email" autoComplete="username" required autoFocus />
          <PasswordField label="Password" />
          <Button type="submit" loading={form.isPending || form.isSuccess}>
            Sign in
          </Button>
        </Stack>
      </form>
      {canUsePasskeys && (
        <>
          <Divider label="or" />
          <PasskeySignIn label="Sign in with a passkey" onDone={enter} />
        </>
      )}
      {isRefused && form.sent && <NotConfirmed key={form.sent.email} email={form.sent.email} />}
    </AccountCard>
  );
}

/** The service does not tell a wrong password from an address that is not confirmed yet. */
function NotConfirmed({ email }: { email: string }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <Stack gap="xs">
      <Text size="sm">
        Is the account new? Then confirm its address first, by the link in the mail.{' '}
        {!isOpen && (
          <Anchor component="button" type="button" size="sm" underline="always" onClick={() => setIsOpen(true)}>
            The link is gone
          </Anchor>
        )}
      </Text>
      {isOpen && <SendLink email={email} />}
    </Stack>
  );
}
