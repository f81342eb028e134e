import { Button, Group, Table, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { AuditAction } from '../../../../shared/audit.ts';
import { client, KEYSET, trpc } from '../../api.ts';
import { RelativeTime } from '../../components/RelativeTime.tsx';
import { ErrorState, RowsLoading } from '../../components/states.tsx';
import { describeEntry } from './describeEntry.ts';

/** Entries in one request. */
const LIMIT = 50;

interface AuditEntriesProps {
  filter: { subjectId?: string; action?: AuditAction };
}

/** Entries of the audit log, newest first. A button loads more. */
export function AuditEntries({ filter }: AuditEntriesProps) {
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: [...trpc.audit.list.pathKey(), 'pages', filter],
    queryFn: ({ pageParam, signal }) => client.audit.list.query({ ...filter, ...pageParam, limit: LIMIT }, { signal }),
    ...KEYSET,
  });
  if (isPending) return <RowsLoading rows={6} height={40} />;
  if (error) return <ErrorState error={error} onRetry={() => refetch()} />;
  const entries = data.pages.flatMap(({ items }) => items);
  if (entries.length === 0) return <Text c="dimmed">Nothing of this kind has happened yet.</Text>;
  return (
    <>
      <Table.ScrollContainer minWidth={560}>
        <Table verticalSpacing="xs" aria-label="What happened">
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={150}>When</Table.Th>
              <Table.Th w={240}>Who</Table.Th>
              <Table.Th>What</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {entries.map((entry) => {
              const { what, more } = describeEntry(entry);
              return (
                <Table.Tr key={entry.id}>
                  <Table.Td>
                    <RelativeTime date={entry.at} />
                  </Table.Td>
                  <Table.Td>
                    <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
                      {entry.actor.type === 'key' ? `API key “${entry.actor.name}”` : entry.actor.name}
                    </Text>
                  </Table.Td>
                  <Table.Td>
                    <Text size="sm">{what}</Text>
                    {more && (
                      <Text size="xs" c="dimmed">
                        {more}
                      </Text>
                    )}
                  </Table.Td>
                </Table.Tr>
              );
            })}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {hasNextPage && (
        <Group justify="center" mt="md">
          <Button variant="default" loading={isFetchingNextPage} onClick={() => fetchNextPage()}>
            Load more
          </Button>
        </Group>
      )}
    </>
  );
}
