import { Button, Stack, Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useSearchParams } from 'react-router';
import { PATHS } from '../../../../shared/paths.ts';
import { auth } from '../../auth.ts';
import { NewPasswordField } from '../../components/PasswordField.tsx';
import { FormError } from '../../components/states.tsx';
import { useForm } from '../../components/useForm.ts';
import { AccountCard } from '../../layout/AccountCard.tsx';

export default function ResetPassword() {
  const [query] = useSearchParams();
  const [token] = useState(query.get('token'));
  // The token leaves the address at once: an address is seen, kept in the history, and sent around.
  useEffect(() => window.history.replaceState(null, '', PATHS.resetPassword), []);
  const form = useForm<'new-password'>(({ 'new-password': password }) => auth.resetPassword(token ?? '', password));
  if (form.isSuccess) {
    return (
      <AccountCard title="The password is set" links={[{ to: PATHS.signIn, label: 'Sign in' }]}>
        <Text role="status">You are signed out everywhere. Sign in with the new password.</Text>
      </AccountCard>
    );
  }
  const links = [{ to: PATHS.forgotPassword, label: 'Send a new link' }];
  if (!token) {
    return (
      <AccountCard title="Set a new password" links={links}>
        <Text>This address has no token in it. Open the link of the mail once more, or have a new one sent.</Text>
      </AccountCard>
    );
  }
  return (
    <AccountCard title="Set a new password" links={links}>
      <form onSubmit={form.onSubmit}>
        <Stack>
          <FormError error={form.error} />
          <NewPasswordField label="New password" autoFocus />
          <Button type="submit" loading={form.isPending}>
            Set the password
          </Button>
        </Stack>
      </form>
    </AccountCard>
  );
}
