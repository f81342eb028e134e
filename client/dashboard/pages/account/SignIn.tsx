import { Button, Stack, TextInput } from '@mantine/core';
import { useSearchParams } from 'react-router';
import { PATHS } from '../../../../shared/paths.ts';
import { queryClient } from '../../api.ts';
import { auth, safeNext } from '../../auth.ts';
import { PasswordField } from '../../components/PasswordField.tsx';
import { FormError } from '../../components/states.tsx';
import { useForm } from '../../components/useForm.ts';
import { AccountCard } from '../../layout/AccountCard.tsx';

export default function SignIn() {
  const [query] = useSearchParams();
  const form = useForm<'email' | 'password'>(async ({ email, password }) => {
    await auth.signIn(email, password);
    queryClient.clear();
    // The browser loads a new page, so that nothing of the person before is left.
    window.location.assign(safeNext(query.get('next')));
  });
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
    </AccountCard>
  );
}
