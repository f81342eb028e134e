import { Button, Stack, Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useSearchParams } from 'react-router';
import { PATHS } from '../../../../shared/paths.ts';
import { queryClient } from '../../api.ts';
import { AccountError, auth } from '../../auth.ts';
import { PasswordField } from '../../components/PasswordField.tsx';
import { FormError } from '../../components/states.tsx';
import { useForm } from '../../components/useForm.ts';
import { AccountCard } from '../../layout/AccountCard.tsx';
import { SendLink } from './SendLink.tsx';

const TITLE = 'Confirm your address';
const SIGN_IN = { to: PATHS.signIn, label: 'Sign in' };

/** Confirms the address of an account, by the link of a mail and the account's password, and signs in. */
export default function VerifyAddress() {
  const [query] = useSearchParams();
  const [token] = useState(query.get('token'));
  // The token leaves the address at once: an address is seen, kept in the history, and sent around.
  useEffect(() => window.history.replaceState(null, '', PATHS.verifyAddress), []);
  const form = useForm<'password'>(async ({ password }) => {
    await auth.verifyAddress(token ?? '', password);
    queryClient.clear();
    window.location.assign(PATHS.home);
  });
  const code = form.error instanceof AccountError ? form.error.code : undefined;
  if (!token || code === 'LINK_NOT_VALID') {
    return (
      <AccountCard title={TITLE} links={[SIGN_IN]}>
        <Text role="status">
          {token
            ? 'This link has expired, or is not complete.'
            : 'This address has no token in it. Open the link of the mail once more, or have a new one sent.'}
        </Text>
        <SendLink />
      </AccountCard>
    );
  }
  if (code === 'ALREADY_VERIFIED') {
    return (
      <AccountCard title="Your address is confirmed" links={[SIGN_IN]}>
        <Text role="status">The link has been used already. Sign in with your password.</Text>
      </AccountCard>
    );
  }
  return (
    <AccountCard
      title={TITLE}
      text="Enter the password of your account. Then the address is confirmed, and you are signed in."
      links={[{ to: PATHS.forgotPassword, label: 'I do not know the password: set a new one' }]}
    >
      <form onSubmit={form.onSubmit}>
        <Stack>
          <FormError error={form.error} />
          <PasswordField label="Password" autoFocus />
          <Button type="submit" loading={form.isPending || form.isSuccess}>
            Confirm the address
          </Button>
        </Stack>
      </form>
    </AccountCard>
  );
}
