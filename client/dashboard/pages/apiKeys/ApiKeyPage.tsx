import {
  Anchor,
  Breadcrumbs,
  Code,
  Group,
  Paper,
  SimpleGrid,
  Skeleton,
  Stack,
  Table,
  Text,
  Title,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link, useParams } from 'react-router';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { PATHS } from '../../../../shared/paths.ts';
import { trpc } from '../../api.ts';
import { PageHeader } from '../../components/PageHeader.tsx';
import { RelativeTime } from '../../components/RelativeTime.tsx';
import { ErrorState, RowsLoading } from '../../components/states.tsx';
import { useSession } from '../../session.ts';
import { AuditEntries } from '../audit/AuditEntries.tsx';
import { FreshKeyHost } from './FreshKeyHost.tsx';
import { KeyActions } from './KeyActions.tsx';
import { Expires, KeyEnvironment, KeyScopes, KeyState, LastUsed } from './KeyState.tsx';
import { hintOf } from './keys.ts';
import { Secrets } from './Secrets.tsx';
import { Usage } from './Usage.tsx';

/** The page of a key: properties, secrets, usage, places of use, history. */
export default function ApiKeyPage() {
  const { id = '' } = useParams();
  const { may } = useSession();
  const { data: apiKey, error, refetch } = useQuery(trpc.keys.get.queryOptions({ id }));
  return (
    <FreshKeyHost>
      <Stack>
        <Breadcrumbs>
          <Anchor component={Link} to={PATHS.apiKeys}>
            API Keys
          </Anchor>
          <Text>{apiKey?.name ?? 'Key'}</Text>
        </Breadcrumbs>
        <PageHeader title={apiKey?.name ?? 'API key'} actions={apiKey && <KeyActions apiKey={apiKey} />} />
        {error && <ErrorState error={error} onRetry={() => refetch()} />}
        {!error && <Facts apiKey={apiKey} />}
        {!error && <Secrets apiKey={apiKey} />}
        {!error && <Usage id={id} />}
        {!error && <Places id={id} />}
        {!error && (
          <Paper withBorder p="md" component="section">
            <Title order={2} size="h4" mb="sm">
              History
            </Title>
            {may('keys:manage') ? (
              <AuditEntries filter={{ subjectId: id }} />
            ) : (
              <Text c="dimmed">An admin of your organization sees the history of its keys.</Text>
            )}
          </Paper>
        )}
      </Stack>
    </FreshKeyHost>
  );
}

/** Facts that have a row of their own. */
const LONG_FACTS = ['Allowed addresses', 'Description'];

function Facts({ apiKey }: { apiKey: ApiKey | undefined }) {
  const facts: [string, (key: ApiKey) => ReactNode][] = [
    ['State', (key) => <KeyState apiKey={key} />],
    ['Key', (key) => <Code>{hintOf(key)}</Code>],
    ['Environment', (key) => (key.environment ? <KeyEnvironment apiKey={key} /> : 'Not said')],
    ['Scopes', (key) => <KeyScopes apiKey={key} />],
    ['Created by', (key) => key.createdBy.name],
    ['Created', (key) => <RelativeTime date={key.createdAt} />],
    ['Last used', (key) => <LastUsed apiKey={key} />],
    ['Expires', (key) => <Expires apiKey={key} />],
    ['Rotates itself', (key) => (key.selfRotate ? 'Yes' : 'No')],
    ['Calls a minute', (key) => key.rateLimit ?? 'The rate of the service'],
    ['Revoked', (key) => (key.revokedAt ? <RelativeTime date={key.revokedAt} /> : 'No')],
    ['Allowed addresses', (key) => <Addresses apiKey={key} />],
    ['Description', (key) => <span className="prose">{key.description ?? 'None'}</span>],
  ];
  return (
    <Paper withBorder p="md">
      <SimpleGrid component="dl" m={0} cols={{ base: 1, xs: 2, md: 4 }}>
        {facts.map(([name, value]) => (
          <div key={name} className={LONG_FACTS.includes(name) ? 'whole-row' : undefined}>
            <Text component="dt" size="xs" c="dimmed">
              {name}
            </Text>
            <Text component="dd" m={0} size="sm" mih={24}>
              {apiKey ? value(apiKey) : <Skeleton component="span" display="inline-block" height={16} width={120} />}
            </Text>
          </div>
        ))}
      </SimpleGrid>
    </Paper>
  );
}

/** The addresses from which a key may be used, and what becomes of calls from elsewhere. */
function Addresses({ apiKey: { allowedAddresses, addressMode } }: { apiKey: ApiKey }) {
  if (allowedAddresses.length === 0) return 'Everywhere';
  return (
    <Group gap={4}>
      {allowedAddresses.map((block) => (
        <Code key={block}>{block}</Code>
      ))}
      <Text span size="sm">
        Calls from other addresses are {addressMode === 'enforce' ? 'refused' : 'only noted in the audit log'}.
      </Text>
    </Group>
  );
}

function Places({ id }: { id: string }) {
  const { data, error, isPending, refetch } = useQuery(trpc.keys.places.queryOptions({ id }));
  return (
    <Paper withBorder p="md" component="section">
      <Title order={2} size="h4" mb="sm">
        Used from
      </Title>
      {isPending && <RowsLoading rows={2} height={36} />}
      {error && <ErrorState error={error} onRetry={() => refetch()} />}
      {data?.places.length === 0 && <Text c="dimmed">It was never used.</Text>}
      {data && data.places.length > 0 && (
        <Table.ScrollContainer minWidth={640}>
          <Table aria-label="Places">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Network</Table.Th>
                <Table.Th>Program</Table.Th>
                <Table.Th>Secrets</Table.Th>
                <Table.Th>First</Table.Th>
                <Table.Th>Last</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {data.places.map(({ address, userAgent, firstUsedAt, lastUsedAt, secrets }) => (
                <Table.Tr key={`${address} ${userAgent}`}>
                  <Table.Td>
                    <Code>{address}</Code>
                  </Table.Td>
                  <Table.Td>{userAgent}</Table.Td>
                  <Table.Td>
                    <Group gap={4}>
                      {secrets.map(({ hint }) => (
                        <Code key={hint}>{hintOf({ hint })}</Code>
                      ))}
                    </Group>
                  </Table.Td>
                  <Table.Td>
                    <RelativeTime date={firstUsedAt} />
                  </Table.Td>
                  <Table.Td>
                    <RelativeTime date={lastUsedAt} />
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
