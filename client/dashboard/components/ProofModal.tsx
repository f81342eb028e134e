import { Anchor, Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { PATHS } from '../../../shared/paths.ts';
import { auth } from '../auth.ts';
import { usePasskeys } from '../passkeys.ts';
import { useAccountQuery } from '../session.ts';
import { CodeField } from './CodeField.tsx';
import { PasskeySignIn } from './PasskeySignIn.tsx';
import { PasswordField } from './PasswordField.tsx';
import { FormError } from './states.tsx';
import { useForm } from './useForm.ts';

interface ProofModalProps {
  isOpen: boolean;
  onEnd: (isProved: boolean) => void;
}

/** The form of `ProofDialog`, which a browser loads once the service asks for a proof. */
export default function ProofModal({ isOpen, onEnd }: ProofModalProps) {
  return (
    <Modal opened={isOpen} onClose={() => onEnd(false)} closeOnEscape={false} title="Is it still you?" zIndex={400}>
      <ProofForm onProved={() => onEnd(true)} onCancel={() => onEnd(false)} />
    </Modal>
  );
}

function ProofForm({ onProved, onCancel }: { onProved: () => void; onCancel: () => void }) {
  const account = useAccountQuery(true);
  const passkeys = usePasskeys();
  const queries = useQueryClient();
  const [isByCode, setIsByCode] = useState(false);
  const form = useForm<'password' | 'code'>(async ({ password, code }) => {
    await auth.prove(isByCode ? { code } : { password });
    onProved();
  });
  /** The new session goes on from the session before, unless somebody else has signed in. */
  const proveByPasskey = async ({ id }: { id: string }) => {
    if (id !== account.data?.user.id) return window.location.assign(PATHS.home);
    await Promise.all(['account', 'sessions'].map((key) => queries.invalidateQueries({ queryKey: [key] })));
    onProved();
  };
  return (
    <form onSubmit={form.onSubmit}>
      <Stack>
        <Text size="sm">You gave your password more than 15 minutes ago. Give it again before you go on.</Text>
        <FormError error={form.error} />
        {isByCode ? <CodeField autoFocus /> : <PasswordField label="Password" data-autofocus />}
        {account.data?.user.twoFactorEnabled && (
          <Anchor component="button" type="button" size="sm" underline="always" onClick={() => setIsByCode(!isByCode)}>
            {isByCode ? 'Give the password instead' : 'Give a code of your app instead'}
          </Anchor>
        )}
        {passkeys.data && passkeys.data.length > 0 && (
          <PasskeySignIn label="Use a passkey instead" onDone={proveByPasskey} />
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
