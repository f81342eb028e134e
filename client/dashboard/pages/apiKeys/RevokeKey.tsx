import { Alert, Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { trpc } from '../../api.ts';
import { RelativeTime } from '../../components/RelativeTime.tsx';
import { FormError } from '../../components/states.tsx';
import { useSession } from '../../session.ts';
import { Descendants } from './Descendants.tsx';
import { useKeysChanged } from './keys.ts';

interface KeyDialogProps {
  apiKey: ApiKey;
  opened: boolean;
  onClose: () => void;
}

/** The dialog that revokes a key, once the key's name is typed: revoking cannot be undone. */
export const RevokeKey = ({ apiKey, opened, onClose }: KeyDialogProps) => (
  <Modal opened={opened} onClose={onClose} title={`Revoke “${apiKey.name}”`}>
    <RevokeForm apiKey={apiKey} onClose={onClose} />
  </Modal>
);

/** A closed dialog forgets the form, with the typed name and the choice. */
function RevokeForm({ apiKey, onClose }: Omit<KeyDialogProps, 'opened'>) {
  const { id, name } = apiKey;
  const { may } = useSession();
  const [typed, setTyped] = useState('');
  const [isKeeping, setKeeping] = useState(false);
  const changed = useKeysChanged();
  const revoking = useMutation(
    trpc.keys.revoke.mutationOptions({
      async onSuccess({ descendants: { length } }, { descendants }) {
        const keys = length === 1 ? '1 key' : `${length} keys`;
        const others = descendants === 'keep' ? `. You hold ${keys} of its family now` : `, and ${keys} with it`;
        notifications.show({ message: `“${name}” is revoked${length > 0 ? others : ''}` });
        onClose();
        await changed();
      },
    }),
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (typed.trim() !== name || revoking.isPending) return;
    revoking.mutate({ id, descendants: isKeeping ? 'keep' : 'revoke' });
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <Alert color="red" variant="light" icon={<IconAlertTriangle />} title="Whatever uses this key stops working">
          <WhatStops apiKey={apiKey} />
        </Alert>
        {may('keys:manage') ? (
          <Descendants id={id} isKeeping={isKeeping} onKeeping={setKeeping} />
        ) : (
          <Text size="sm">The keys that it issued, and theirs, are revoked with it.</Text>
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
