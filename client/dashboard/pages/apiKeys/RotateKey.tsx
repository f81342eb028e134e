import { Button, Group, Modal, NativeSelect, Radio, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { GRACE_HOURS } from '../../../../shared/keyFormat.ts';
import { trpc } from '../../api.ts';
import { FormError } from '../../components/states.tsx';
import { ExpirationField } from './ExpirationField.tsx';
import { useFreshKey } from './FreshKeyHost.tsx';
import { useKeysChanged } from './keys.ts';

const GRACES = [
  { value: '0', label: 'At once' },
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
    // The mutation's answer holds the key, which must not stay here.
    rotating.reset();
    onClose();
  };
  return (
    <Modal opened={opened} onClose={close} title={`Rotate “${name}”`} size="lg">
      <RotateForm
        isPending={rotating.isPending}
        error={rotating.error}
        onRotate={(choices) => rotating.mutate({ id, ...choices })}
        onCancel={close}
      />
    </Modal>
  );
}

interface RotateFormProps {
  isPending: boolean;
  error: unknown;
  onRotate: (choices: { graceHours: number; graceFrom: 'now' | 'firstUse'; expiresInDays?: number }) => void;
  onCancel: () => void;
}

function RotateForm({ isPending, error, onRotate, onCancel }: RotateFormProps) {
  const [grace, setGrace] = useState(String(GRACE_HOURS.default));
  const [isFromUse, setIsFromUse] = useState(false);
  const [expiresInDays, setDays] = useState<number>();
  return (
    <Stack>
      <Text size="sm">
        The key gets a new secret and a fresh expiry; its name and scopes stay. You become the holder of the new secret.
        Give it to whatever uses the key before the old secret stops working. The tokens that the old secret minted end
        with it.
      </Text>
      <FormError error={error} />
      <NativeSelect
        label="The old secret stops working"
        data={GRACES}
        value={grace}
        onChange={(event) => setGrace(event.currentTarget.value)}
      />
      <Radio.Group
        label="Counted from"
        value={isFromUse ? 'firstUse' : 'now'}
        onChange={(value) => setIsFromUse(value === 'firstUse')}
      >
        <Stack gap="xs" mt="xs">
          <Radio value="now" label="Now" />
          <Radio
            value="firstUse"
            label="The first use of the new secret"
            description="Until then the old secret works on, up to its own expiry"
          />
        </Stack>
      </Radio.Group>
      <ExpirationField days={expiresInDays} onChange={setDays} onAsBefore={() => setDays(undefined)} />
      <Group justify="flex-end">
        <Button variant="default" onClick={onCancel}>
          Cancel
        </Button>
        <Button
          loading={isPending}
          onClick={() =>
            onRotate({
              graceHours: Number(grace),
              graceFrom: isFromUse ? 'firstUse' : 'now',
              ...(expiresInDays !== undefined && { expiresInDays }),
            })
          }
        >
          Rotate the key
        </Button>
      </Group>
    </Stack>
  );
}
