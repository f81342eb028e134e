import { Button, Code, Group, Paper, Table, Text, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation } from '@tanstack/react-query';
import type { ApiKeyDetails } from '../../../../shared/apiKeys.ts';
import { KEY_PREFIX } from '../../../../shared/keyFormat.ts';
import { trpc } from '../../api.ts';
import { RelativeTime } from '../../components/RelativeTime.tsx';
import { FormError } from '../../components/states.tsx';
import { useSession } from '../../session.ts';
import { useKeysChanged } from './keys.ts';

/** The secrets of a key that work: who holds them, and until when they work. */
export function Secrets({ apiKey: { id, secrets } }: { apiKey: ApiKeyDetails }) {
  const { may } = useSession();
  const changed = useKeysChanged();
  const ending = useMutation(
    trpc.keys.endGrace.mutationOptions({
      async onSuccess() {
        notifications.show({ message: 'Only the newest secret works now' });
        await changed();
      },
    }),
  );
  return (
    <Paper withBorder p="md" component="section">
      <Group justify="space-between" mb="sm">
        <Title order={2} size="h4">
          Secrets
        </Title>
        {secrets.length > 1 && may('keys:manage') && (
          <Button
            size="xs"
            variant="light"
            color="red"
            loading={ending.isPending}
            onClick={() => ending.mutate({ id })}
          >
            End the grace of older secrets
          </Button>
        )}
      </Group>
      <FormError error={ending.error} />
      {secrets.length === 0 && <Text c="dimmed">No secret of this key works.</Text>}
      {secrets.length > 0 && (
        <Table.ScrollContainer minWidth={480}>
          <Table aria-label="Secrets">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Secret</Table.Th>
                <Table.Th>Holder</Table.Th>
                <Table.Th>Last used</Table.Th>
                <Table.Th>Expires</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {secrets.map(({ hint, holder, createdAt, expiresAt, lastUsedAt }) => (
                <Table.Tr key={createdAt.getTime()}>
                  <Table.Td>
                    <Code>
                      {KEY_PREFIX}
                      {hint ?? ''}…
                    </Code>
                  </Table.Td>
                  <Table.Td>{holder?.name ?? 'The operator'}</Table.Td>
                  <Table.Td>{lastUsedAt ? <RelativeTime date={lastUsedAt} /> : 'Never'}</Table.Td>
                  <Table.Td>
                    <RelativeTime date={expiresAt} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Paper>
  );
}
