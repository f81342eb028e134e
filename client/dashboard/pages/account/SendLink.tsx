import { Button, Stack, Text, TextInput } from '@mantine/core';
import { auth } from '../../auth.ts';
import { FormError } from '../../components/states.tsx';
import { useForm } from '../../components/useForm.ts';

/** Sends the link that confirms an address again: to `email` or, without `email`, to an address that is typed in. */
export function SendLink({ email }: { email?: string }) {
  const form = useForm<'email'>((fields) => auth.sendVerification(email ?? fields.email));
  if (form.isSuccess) {
    return (
      <Text role="status">
        If an account of this address waits to be confirmed, a new link is on its way. It works for a day.
      </Text>
    );
  }
  return (
    <form onSubmit={form.onSubmit}>
      <Stack>
        <FormError error={form.error} />
        {email === undefined && <TextInput label="Email" name="email" type="email" autoComplete="username" required />}
        <Button type="submit" variant="default" loading={form.isPending}>
          Send the link again
        </Button>
      </Stack>
    </form>
  );
}
