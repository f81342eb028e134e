import { Anchor, Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useEffect, useEffectEvent, useState } from 'react';
import { auth } from '../auth.ts';
import { askBy } from '../proof.ts';
import { useAccountQuery } from '../session.ts';
import { CodeField } from './CodeField.tsx';
import { PasswordField } from './PasswordField.tsx';
import { FormError } from './states.tsx';
import { useForm } from './useForm.ts';

/** The dialog that asks for the password, or a code of the person's app, again. Calls that wait for the same proof share a dialog. */
export function ProofDialog() {
  const [waiting, setWaiting] = useState<((isProved: boolean) => void)[]>([]);
  useEffect(() => askBy(() => new Promise((settle) => setWaiting((before) => [...before, settle]))), []);
  const end = (isProved: boolean) => {
    for (const settle of waiting) settle(isProved);
    setWaiting([]);
  };
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (event.key !== 'Escape' || waiting.length === 0) return;
    event.stopImmediatePropagation();
    end(false);
  });
  // Before the dialog behind hears of the key: Escape closes one dialog. This listener is older than any dialog's.
  useEffect(() => {
    const listener = (event: KeyboardEvent) => onKey(event);
    window.addEventListener('keydown', listener, { capture: true });
    return () => window.removeEventListener('keydown', listener, { capture: true });
  }, []);
  return (
    <Modal
      opened={waiting.length > 0}
      onClose={() => end(false)}
      closeOnEscape={false}
      title="Is it still you?"
      zIndex={400}
    >
      <ProofForm onProved={() => end(true)} onCancel={() => end(false)} />
    </Modal>
  );
}

function ProofForm({ onProved, onCancel }: { onProved: () => void; onCancel: () => void }) {
  const account = useAccountQuery(true);
  const [isByCode, setIsByCode] = useState(false);
  const form = useForm<'password' | 'code'>(async ({ password, code }) => {
    await auth.prove(isByCode ? { code } : { password });
    onProved();
  });
  return (
    <form onSubmit={form.onSubmit}>
      <Stack>
        <Text size="sm">You gave your password more than 15 minutes ago. Give it again before a secret is shown.</Text>
        <FormError error={form.error} />
        {isByCode ? <CodeField autoFocus /> : <PasswordField label="Password" data-autofocus />}
        {account.data?.user.twoFactorEnabled && (
          <Anchor component="button" type="button" size="sm" underline="always" onClick={() => setIsByCode(!isByCode)}>
            {isByCode ? 'Give the password instead' : 'Give a code of your app instead'}
          </Anchor>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
          <Button type="submit" loading={form.isPending}>
            Go on
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
