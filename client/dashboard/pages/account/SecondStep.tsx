import { Anchor, Button, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { auth } from '../../auth.ts';
import { CodeField } from '../../components/CodeField.tsx';
import { FormError } from '../../components/states.tsx';
import { useForm } from '../../components/useForm.ts';

/** The second step of a sign-in, after the password: a code of the person's app, or a recovery code. */
export function SecondStep({ onDone }: { onDone: () => unknown }) {
  const [isLost, setIsLost] = useState(false);
  const form = useForm<'code'>(async ({ code }) => {
    await (isLost ? auth.recover(code.trim()) : auth.giveCode(code));
    await onDone();
  });
  return (
    <form onSubmit={form.onSubmit}>
      <Stack>
        <FormError error={form.error} />
        {isLost ? (
          <TextInput
            key="recovery"
            label="Recovery code"
            name="code"
            description="One of the codes that you kept when you set up the app. Each works once"
            autoComplete="off"
            required
            autoFocus
          />
        ) : (
          <CodeField key="code" autoFocus />
        )}
        <Button type="submit" loading={form.isPending || form.isSuccess}>
          Go on
        </Button>
        <Anchor component="button" type="button" size="sm" underline="always" onClick={() => setIsLost(!isLost)}>
          {isLost ? 'Use the app' : 'The app is gone: use a recovery code'}
        </Anchor>
        {isLost && (
          <Text size="sm" c="dimmed">
            The codes are gone too? Whoever runs this service can take the second factor off your account.
          </Text>
        )}
      </Stack>
    </form>
  );
}
