import { Button, Group, Modal, NativeSelect, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { EXPIRY_DAYS, GRACE_HOURS } from '../../../../shared/keyFormat.ts';
import { trpc } from '../../api.ts';
import { FormError } from '../../components/states.tsx';
import { ExpirationField } from './ExpirationField.tsx';
import { useFreshKey } from './FreshKeyHost.tsx';
import { useKeysChanged } from './keys.ts';

const GRACES = [
  { value: '0', label: 'At once: it is cut off now' },
  { value: '1', label: 'In an hour' },
  { value: '24', label: 'In a day' },
  { value: '72', label: 'In three days' },
  { value: '168', label: 'In a week' },
];

interface KeyDialogProps {
  apiKey: ApiKey;
  opened: boolean;
  onClose: () => void;
}

/** The dialog that gives a key a new secret, and shows the secret once. */
export function RotateKey({ apiKey: { id, name }, opened, onClose }: KeyDialogProps) {
  const [graceHours, setGraceHours] = useState(String(GRACE_HOURS.default));
  const [expiresInDays, setDays] = useState<number>(EXPIRY_DAYS.default);
  const changed = useKeysChanged();
  const showKey = useFreshKey();
  const rotating = useMutation(
    trpc.keys.rotate.mutationOptions({
      async onSuccess(issued) {
        showKey(issued);
        close();
        await changed();
      },
    }),
  );
  const close = () => {
    rotating.reset();
    onClose();
  };
  return (
    <Modal opened={opened} onClose={close} title={`Rotate “${name}”`} size="lg">
      <Stack>
        <Text size="sm">
          The key gets a new secret and a fresh expiry; its name and scopes stay. Give the new secret to whatever uses
          it before the old one stops working.
        </Text>
        <FormError error={rotating.error} />
        <NativeSelect
          label="The old secret stops working"
          data={GRACES}
          value={graceHours}
          onChange={(event) => setGraceHours(event.currentTarget.value)}
        />
        <ExpirationField days={expiresInDays} onChange={setDays} />
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button
            loading={rotating.isPending}
            onClick={() => rotating.mutate({ id, graceHours: Number(graceHours), expiresInDays })}
          >
            Rotate the key
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
