import { Badge, Box, Button, Code, Group, Paper, Table, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ApiKeyDetails, ApiKeySecret } from '../../../../shared/apiKeys.ts';
import { RelativeTime } from '../../components/RelativeTime.tsx';
import { RowsLoading } from '../../components/states.tsx';
import { useSession } from '../../session.ts';
import { EndGrace } from './EndGrace.tsx';
import { KeyScopes } from './KeyState.tsx';
import { hintOf, olderSecretsOf } from './keys.ts';

/**
 * The secrets and tokens of a key that work, each with its holder, and a button that ends the grace of the older
 * secrets.
 */
export function Secrets({ apiKey }: { apiKey: ApiKeyDetails | undefined }) {
  const { may } = useSession();
  const [isEnding, { open, close }] = useDisclosure();
  const older = apiKey ? olderSecretsOf(apiKey) : [];
  return (
    <Paper withBorder p="md" component="section">
      <Group justify="space-between" mb="sm" mih={30}>
        <Title order={2} size="h4">
          Secrets that work
        </Title>
        {older.length > 0 && may('keys:manage') && (
          <Button size="xs" variant="default" onClick={open}>
            End the grace
          </Button>
        )}
      </Group>
      {!apiKey && <RowsLoading rows={2} height={36} />}
      {apiKey?.secrets.length === 0 && <Text c="dimmed">No secret of this key works.</Text>}
      {apiKey && apiKey.secrets.length > 0 && (
        <Table.ScrollContainer minWidth={640}>
          <Table aria-label="Secrets that work" className="nowrap-times">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Secret</Table.Th>
                <Table.Th>Holder</Table.Th>
                <Table.Th>Created</Table.Th>
                <Table.Th>Expires</Table.Th>
                <Table.Th>Last used</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {apiKey.secrets.map((secret) => (
                <SecretRow
                  key={`${secret.createdAt.getTime()} ${secret.hint}`}
                  secret={secret}
                  isOlder={older.includes(secret)}
                />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {apiKey && <EndGrace apiKey={apiKey} older={older} opened={isEnding} onClose={close} />}
    </Paper>
  );
}

const SecretRow = ({ secret, isOlder }: { secret: ApiKeySecret; isOlder: boolean }) => (
  <Table.Tr>
    <Table.Td>
      <Group gap={6} wrap="nowrap">
        {secret.hint === null ? 'An older secret' : <Code>{hintOf({ hint: secret.hint })}</Code>}
        {isOlder && (
          <Badge color="orange" variant="dot" tt="none" miw="max-content">
            In grace
          </Badge>
        )}
        {secret.type === 'token' && (
          <Badge color="indigo" variant="dot" tt="none" miw="max-content">
            Token
          </Badge>
        )}
      </Group>
      {secret.type === 'token' && (
        <Box mt={4}>
          <KeyScopes apiKey={secret} />
        </Box>
      )}
    </Table.Td>
    <Table.Td style={{ overflowWrap: 'anywhere' }}>{secret.holder?.name ?? 'The operator'}</Table.Td>
    <Table.Td>
      <RelativeTime date={secret.createdAt} />
    </Table.Td>
    <Table.Td>
      <RelativeTime date={secret.expiresAt} />
    </Table.Td>
    <Table.Td>{secret.lastUsedAt ? <RelativeTime date={secret.lastUsedAt} /> : 'Never'}</Table.Td>
  </Table.Tr>
);
