import { Button, Group, List, Modal, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { Member, Role } from '../../../../shared/people.ts';
import { trpc } from '../../api.ts';
import { ErrorState, RowsLoading } from '../../components/states.tsx';
import { hintOf } from '../apiKeys/keys.ts';

interface ChangeRoleProps {
  member: Member;
  role: Role;
  onConfirm: () => void;
  onClose: () => void;
}

/** The dialog before a demotion. It says which keys of the member lose which scopes. */
export function ChangeRole({ member: { id, person }, role, onConfirm, onClose }: ChangeRoleProps) {
  const { data, error, isPending, refetch } = useQuery(trpc.members.keys.queryOptions({ id, role }));
  const losing = data?.keys.filter(({ loses }) => loses.length > 0) ?? [];
  return (
    <Modal opened onClose={onClose} title={`Make ${person.email} ${role}`}>
      <Stack>
        {isPending && <RowsLoading rows={2} />}
        {error && <ErrorState error={error} onRetry={() => refetch()} />}
        {data && losing.length === 0 && <Text>No key that this person holds loses a scope.</Text>}
        {losing.length > 0 && (
          <>
            <Text>A key does no more than the role of its holder allows. These keys lose scopes at once:</Text>
            <List size="sm">
              {losing.map((key) => (
                <List.Item key={key.id}>
                  “{key.name}” ({hintOf(key)}) loses {key.loses.join(', ')}
                </List.Item>
              ))}
            </List>
          </>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button disabled={!data} onClick={onConfirm}>
            Change the role
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
