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
import { allKeys, hintOf } from '../apiKeys/keys.ts';

/** The dialog that ends a membership, and asks which of the person's keys go on working. */
export function RemoveMember({ member, onClose }: { member: Member; onClose: () => void }) {
  const { id, person } = member;
  const { person: self } = useSession();
  const queries = useQueryClient();
  const [keepKeys, setKeepKeys] = useState<string[]>([]);
  const keys = useQuery(allKeys(person.id));
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
  const active = keys.data?.filter(({ state }) => state === 'active') ?? [];
  return (
    <Modal
      opened
      onClose={onClose}
      title={person.id === self.id ? 'Leave the organization' : `Remove ${person.email}`}
      size="lg"
    >
      <Stack>
        <Alert color="red" variant="light" icon={<IconAlertTriangle />}>
          {person.id === self.id ? 'You lose' : `${person.name} loses`} access at once, and is signed out of this
          organization.
        </Alert>
        {keys.isPending && <RowsLoading rows={2} />}
        {keys.error && <ErrorState error={keys.error} onRetry={() => keys.refetch()} />}
        {keys.data && active.length === 0 && <Text>No active key was issued by this person.</Text>}
        {active.length > 0 && (
          <Checkbox.Group
            label="Keys that this person issued"
            description="They are revoked, and what uses them stops working, unless you keep them."
            value={keepKeys}
            onChange={setKeepKeys}
          >
            <Stack gap="xs" mt="sm">
              {active.map((key) => (
                <Checkbox
                  key={key.id}
                  value={key.id}
                  label={`Keep “${key.name}” (${hintOf(key)})`}
                  description={key.lastUsedAt ? <LastUse date={key.lastUsedAt} /> : 'Never used'}
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
