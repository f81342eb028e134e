import { Badge, Group, Skeleton, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import type { CallCounts } from '../../../../shared/callOutcomes.ts';
import { trpc } from '../../api.ts';
import { sumOf, written } from './outcomes.ts';

const NOTHING: CallCounts = { ok: 0, clientError: 0, limited: 0, failed: 0 };

/**
 * Gives a function that gives the calls of a key in the last 90 days: `undefined` while they load, and `null` where
 * they are not known. A key without an entry had no call, unless the key was used in these days: then the key is left
 * out, or the use is from before calls were counted.
 */
export function useKeyCalls() {
  const { data, error } = useQuery({ ...trpc.keys.usage.queryOptions({}), staleTime: 60_000 });
  const totals = new Map(data?.keys.map(({ id, total }) => [id, total]));
  return ({ id, lastUsedAt }: ApiKey): CallCounts | null | undefined => {
    if (!data) return error ? null : undefined;
    const isUsed = lastUsedAt !== null && lastUsedAt >= new Date(data.from);
    return totals.get(id) ?? (isUsed ? null : NOTHING);
  };
}

/** The number of a key's calls. Badges mark calls that failed, and calls over a rate. */
export function KeyCalls({ calls }: { calls: CallCounts | null | undefined }) {
  if (calls === undefined) return <Skeleton component="span" display="inline-block" height={16} width={60} />;
  if (calls === null) return 'Not known';
  return (
    <Group gap={6}>
      <Text size="sm">{written(sumOf(calls))}</Text>
      {calls.failed > 0 && (
        <Badge color="red" variant="dot" tt="none" miw="max-content">
          {written(calls.failed)} failed
        </Badge>
      )}
      {calls.limited > 0 && (
        <Badge color="orange" variant="dot" tt="none" miw="max-content">
          {written(calls.limited)} over a rate
        </Badge>
      )}
    </Group>
  );
}
