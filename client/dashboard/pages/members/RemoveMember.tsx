import { Alert, Button, Checkbox, Group, Modal, Stack, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { Member } from '../../../../shared/people.ts';
import { trpc } from '../../api.ts';
import { RelativeTime } from '../../components/RelativeTime.tsx';
import { ErrorState, FormError, RowsLoading } from '../../components/states.tsx';
import { useSession } from '../../session.ts';
import { hintOf } from '../apiKeys/keys.ts';

/** The dialog that ends a membership, and asks which of the keys that the person holds go on working. */
export function RemoveMember({ member, onClose }: { member: Member; onClose: () => void }) {
  const { id, person } = member;
  const { person: self } = useSession();
  const queries = useQueryClient();
  const [keepKeys, setKeepKeys] = useState<string[]>([]);
  const isOwn = person.id === self.id;
  const keys = useQuery(trpc.members.keys.queryOptions({ id }));
  const removing = useMutation(
    trpc.members.remove.mutationOptions({
      async onSuccess({ keptKeys, revokedKeys }) {
        notifications.show({
          message: `${person.email} is removed; ${revokedKeys.length} of their keys are revoked, ${keptKeys.length} kept`,
        });
        onClose();
        await queries.invalidateQueries();
      },
    }),
  );
  const held = keys.data?.keys ?? [];
  return (
    <Modal opened onClose={onClose} title={isOwn ? 'Leave the organization' : `Remove ${person.email}`} size="lg">
      <Stack>
        <Alert color="red" variant="light" icon={<IconAlertTriangle />}>
          {isOwn ? 'You lose' : `${person.name} loses`} access at once, and is signed out of this organization.
        </Alert>
        {keys.isPending && <RowsLoading rows={2} />}
        {keys.error && <ErrorState error={keys.error} onRetry={() => keys.refetch()} />}
        {keys.data && held.length === 0 && <Text>No active key is held by this person.</Text>}
        {held.length > 0 && isOwn && (
          <Text>
            The keys that you hold end: {held.map(({ name }) => `“${name}”`).join(', ')}. To keep some, ask another
            owner or admin to remove you, who then holds them.
          </Text>
        )}
        {held.length > 0 && !isOwn && (
          <Checkbox.Group
            label="Keys that this person holds, and the keys that these keys issued"
            description="They end, and what uses them stops working, unless you keep them. You become the holder of the keys that you keep."
            value={keepKeys}
            onChange={setKeepKeys}
          >
            <Stack gap="xs" mt="sm">
              {held.map((key) => (
                <Checkbox
                  key={key.id}
                  value={key.id}
                  label={`Keep “${key.name}” (${hintOf(key)})`}
                  description={
                    <>
                      {key.lastUsedAt ? <LastUse date={key.lastUsedAt} /> : 'Never used'}
                      {!key.isHeld && '; issued by one of these keys'}
                      {key.isShared && '; others hold secrets of the key, which go on'}
                    </>
                  }
                />
              ))}
            </Stack>
          </Checkbox.Group>
        )}
        <FormError error={removing.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            color="red"
            disabled={!keys.data}
            loading={removing.isPending}
            onClick={() => removing.mutate({ id, keepKeys })}
          >
            Remove
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

const LastUse = ({ date }: { date: Date }) => (
  <>
    Last used <RelativeTime date={date} />
  </>
);
