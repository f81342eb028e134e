import { Alert, Button, Group, Table, Text } from '@mantine/core';
import { IconGitMerge } from '@tabler/icons-react';
import { conflictsOf, type Draft } from './fields.ts';

interface ConflictNoticeProps {
  sides: { before: Draft; mine: Draft; theirs: Draft };
  /** Save this person's changes on top of the other person's. */
  onMine: () => void;
  /** Drop this person's changes. */
  onTheirs: () => void;
}

/** Another person has changed the contact: lists the fields at odds, and offers two ways to go on. */
export function ConflictNotice({ sides, onMine, onTheirs }: ConflictNoticeProps) {
  const conflicts = conflictsOf(sides);
  return (
    <Alert
      role="alert"
      color="orange"
      variant="light"
      icon={<IconGitMerge />}
      title="Somebody else changed this contact"
    >
      {conflicts.length === 0 ? (
        <Text size="sm">They changed other fields than you did: both changes can stay.</Text>
      ) : (
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Field</Table.Th>
              <Table.Th>Theirs</Table.Th>
              <Table.Th>Yours</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {conflicts.map(({ label, mine, theirs }) => (
              <Table.Tr key={label}>
                <Table.Td>{label}</Table.Td>
                <Table.Td>{theirs || '(empty)'}</Table.Td>
                <Table.Td>{mine || '(empty)'}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      <Group mt="sm">
        <Button size="xs" onClick={onMine}>
          Save mine as well
        </Button>
        <Button size="xs" variant="default" onClick={onTheirs}>
          Take theirs
        </Button>
      </Group>
    </Alert>
  );
}
