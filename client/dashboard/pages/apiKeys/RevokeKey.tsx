import { Alert, Button, Checkbox, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { trpc } from '../../api.ts';
import { RelativeTime } from '../../components/RelativeTime.tsx';
import { FormError } from '../../components/states.tsx';
import { useSession } from '../../session.ts';
import { useKeysChanged } from './keys.ts';

interface KeyDialogProps {
  apiKey: ApiKey;
  opened: boolean;
  onClose: () => void;
}

/** The dialog that revokes a key, once the key's name is typed: revoking cannot be undone. */
export function RevokeKey({ apiKey, opened, onClose }: KeyDialogProps) {
  const { id, name } = apiKey;
  const { may } = useSession();
  const [typed, setTyped] = useState('');
  const [isKeeping, setKeeping] = useState(false);
  const changed = useKeysChanged();
  const revoking = useMutation(
    trpc.keys.revoke.mutationOptions({
      async onSuccess({ descendants }) {
        const more = descendants.length > 0 ? `, ${descendants.length} issued by it ${isKeeping ? 'kept' : 'too'}` : '';
        notifications.show({ message: `“${name}” is revoked${more}` });
        onClose();
        await changed();
      },
    }),
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (typed.trim() === name && !revoking.isPending)
      revoking.mutate({ id, descendants: isKeeping ? 'keep' : 'revoke' });
  };
  return (
    <Modal opened={opened} onClose={onClose} title={`Revoke “${name}”`}>
      <form onSubmit={submit}>
        <Stack>
          <Alert color="red" variant="light" icon={<IconAlertTriangle />} title="Whatever uses this key stops working">
            <WhatStops apiKey={apiKey} />
            <Text size="sm">The keys that it issued, and theirs, are revoked with it.</Text>
          </Alert>
          {may('keys:manage') && (
            <Checkbox
              label="Keep the keys that it issued"
              description="You become their holder."
              checked={isKeeping}
              onChange={(event) => setKeeping(event.currentTarget.checked)}
            />
          )}
          <FormError error={revoking.error} />
          <TextInput
            label="Type the name of the key to revoke it, at once and for good"
            placeholder={name}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            autoComplete="off"
            data-autofocus
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" color="red" disabled={typed.trim() !== name} loading={revoking.isPending}>
              Revoke the key
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function WhatStops({ apiKey: { id, lastUsedAt } }: { apiKey: ApiKey }) {
  const { data } = useQuery(trpc.keys.places.queryOptions({ id }));
  if (!lastUsedAt) return <Text size="sm">It was never used.</Text>;
  const [place] = data?.places ?? [];
  return (
    <Text size="sm">
      It was last used <RelativeTime date={lastUsedAt} />
      {place ? `, by ${place.userAgent} from ${place.address}` : ''}.
      {data && data.places.length > 1 && ` It was used from ${data.places.length} places in all.`}
    </Text>
  );
}
