import { Anchor, Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { auth } from '../auth.ts';
import { useAccountQuery } from '../session.ts';
import { CodeField } from './CodeField.tsx';
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
  const [isByCode, setIsByCode] = useState(false);
  const form = useForm<'password' | 'code'>(async ({ password, code }) => {
    await auth.prove(isByCode ? { code } : { password });
    onProved();
  });
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
