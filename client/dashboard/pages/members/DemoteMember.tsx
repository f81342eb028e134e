import { Button, Group, List, Modal, Stack, Text } from '@mantine/core';
import type { Member, MemberKeys, Role } from '../../../../shared/people.ts';
import { useSession } from '../../session.ts';
import { hintOf } from '../apiKeys/keys.ts';
import { LastUse } from '../apiKeys/LastUse.tsx';

/** A demotion that waits for a confirmation. `keys`: the keys that lose scopes by the demotion. */
export interface Demotion {
  role: Role;
  keys: MemberKeys['keys'];
}

interface DemoteMemberProps {
  person: Member['person'];
  demotion: Demotion;
  opened: boolean;
  isPending: boolean;
  onConfirm: () => void;
  onClose: () => void;
}

/** The dialog that says which keys lose which scopes by a demotion, before the demotion takes effect. */
export function DemoteMember({ person, demotion, opened, isPending, onConfirm, onClose }: DemoteMemberProps) {
  const { role, keys } = demotion;
  const { person: self } = useSession();
  const isSelf = person.id === self.id;
  return (
    <Modal opened={opened} onClose={onClose} title={isSelf ? `Become ${role}` : `Make ${person.email} ${role}`}>
      <Stack>
        <Text size="sm">
          A key does no more than the role of its holder allows. With the role {role}, the secrets that{' '}
          {isSelf ? 'you hold' : 'this person holds'} lose scopes at once, and calls that need these scopes are refused:
        </Text>
        <List size="sm" listStyleType="disc" aria-label="Keys that lose scopes">
          {keys.map((key) => (
            <List.Item key={key.id}>
              “{key.name}” ({hintOf(key)}) loses {key.loses.join(', ')}
              <Text size="xs" c="dimmed" component="div">
                <LastUse date={key.lastUsedAt} />.{key.isShared && ' The secrets that others hold lose nothing.'}
              </Text>
            </List.Item>
          ))}
        </List>
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button color="red" loading={isPending} onClick={onConfirm}>
            Change the role
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
