import { Box, Checkbox, List, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { ErrorState, RowsLoading } from '../../components/states.tsx';
import { descendantsOf, issuerOf } from './family.ts';
import { allKeys, hintOf } from './keys.ts';
import { LastUse } from './LastUse.tsx';

interface DescendantsProps {
  /** The id of the key that is to be revoked. */
  id: string;
  isKeeping: boolean;
  onKeeping: (isKeeping: boolean) => void;
}

/** The keys that a revocation takes along, and the choice to keep these keys. For people who manage keys. */
export function Descendants({ id, isKeeping, onKeeping }: DescendantsProps) {
  const { data: keys, error, isPending, refetch } = useQuery({ ...allKeys(), staleTime: 0 });
  const family = keys && descendantsOf(keys, id);
  if (family?.length === 0) return <Text size="sm">It issued no other key, so that no other key ends with it.</Text>;
  return (
    <Stack gap="xs">
      <Text size="sm">
        The keys that it issued, and theirs, {isKeeping ? 'go on: you become their holder' : 'are revoked with it'}
        {family ? ':' : '.'}
      </Text>
      {isPending && <RowsLoading rows={1} />}
      {error && <ErrorState error={error} onRetry={() => refetch()} />}
      {keys && family && (
        <Box mah={220} style={{ overflowY: 'auto' }} tabIndex={0} role="group" aria-label="Keys that go with it">
          <List size="sm" listStyleType="disc">
            {family.map((key) => (
              <List.Item key={key.id}>
                “{key.name}” ({hintOf(key)}){key.createdBy.id !== id && `, issued by “${issuerOf(keys, key.id)?.name}”`}
                <Text size="xs" c="dimmed" component="div">
                  {key.state === 'expired' ? 'Expired' : <LastUse date={key.lastUsedAt} />}
                </Text>
              </List.Item>
            ))}
          </List>
        </Box>
      )}
      <Checkbox
        label="Keep the keys that it issued"
        description="They go on working, with the keys that they issued, and you become their holder."
        checked={isKeeping}
        onChange={(event) => onKeeping(event.currentTarget.checked)}
      />
    </Stack>
  );
}
