import { Button, Stack, TextInput } from '@mantine/core';
import { auth } from '../../auth.ts';
import { NewPasswordField } from '../../components/PasswordField.tsx';
import { FormError } from '../../components/states.tsx';
import { useForm } from '../../components/useForm.ts';

interface NewAccountFormProps {
  /** An invitation opens sign-up to the invited address, also where sign-up is closed. */
  invitationId?: string;
  /** Called with the address of the new account. */
  onDone: (email: string) => unknown;
}

export function NewAccountForm({ invitationId, onDone }: NewAccountFormProps) {
  const form = useForm<'name' | 'email' | 'new-password'>(async ({ name, email, 'new-password': password }) => {
    await auth.signUp({ name, email, password, ...(invitationId !== undefined && { invitationId }) });
    await onDone(email);
  });
  return (
    <form onSubmit={form.onSubmit}>
      <Stack>
        <FormError error={form.error} />
        <TextInput label="Name" name="name" autoComplete="name" required maxLength={100} />
        <TextInput
          label="Email"
          name="email"
          type="email"
          autoComplete="username"
          required
          {...(invitationId !== undefined && { description: 'The address that the invitation was sent to' })}
        />
        <NewPasswordField label="Password" />
        <Button type="submit" loading={form.isPending || form.isSuccess}>
          Create the account
        </Button>
      </Stack>
    </form>
  );
}
