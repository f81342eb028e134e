import { Button, Stack, Text, TextInput } from '@mantine/core';
import { PATHS } from '../../../../shared/paths.ts';
import { auth } from '../../auth.ts';
import { FormError } from '../../components/states.tsx';
import { useForm } from '../../components/useForm.ts';
import { AccountCard } from '../../layout/AccountCard.tsx';

export default function ForgotPassword() {
  const form = useForm<'email'>(({ email }) => auth.requestReset(email));
  const links = [{ to: PATHS.signIn, label: 'Back to sign-in' }];
  if (form.isSuccess) {
    return (
      <AccountCard title="Look into your mail" links={links}>
        <Text role="status">
          If there is an account of this address, a link to set a new password is on its way. It works for an hour.
        </Text>
      </AccountCard>
    );
  }
  return (
    <AccountCard title="Set a new password" text="We send you a link to set one." links={links}>
      <form onSubmit={form.onSubmit}>
        <Stack>
          <FormError error={form.error} />
          <TextInput label="Email" name="email" type="email" autoComplete="username" required autoFocus />
          <Button type="submit" loading={form.isPending}>
            Send the link
          </Button>
        </Stack>
      </form>
    </AccountCard>
  );
}
