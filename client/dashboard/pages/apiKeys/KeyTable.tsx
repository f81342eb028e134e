import { Anchor, Code, Group, Table, Text, UnstyledButton, VisuallyHidden } from '@mantine/core';
import { IconArrowDown, IconArrowsSort, IconArrowUp } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'react-router';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { type CallCounts, USAGE_DAYS } from '../../../../shared/callOutcomes.ts';
import { PATHS } from '../../../../shared/paths.ts';
import { RelativeTime } from '../../components/RelativeTime.tsx';
import { KeyActions } from './KeyActions.tsx';
import { KeyCalls, useKeyCalls } from './KeyCalls.tsx';
import { Expires, KeyEnvironment, KeyScopes, KeyState, LastUsed } from './KeyState.tsx';
import { hintOf } from './keys.ts';
import { sumOf } from './outcomes.ts';

/**
 * The columns to sort by, each with the value that is compared: text by the alphabet, times by the clock, calls by
 * number.
 */
const SORTS = {
  name: ({ name }: ApiKey) => name.toLowerCase(),
  createdAt: ({ createdAt }: ApiKey) => createdAt.getTime(),
  lastUsedAt: ({ lastUsedAt }: ApiKey) => lastUsedAt?.getTime() ?? 0,
  expiresAt: ({ expiresAt }: ApiKey) => expiresAt.getTime(),
  calls: (_: ApiKey, calls: CallCounts | null | undefined) => (calls ? sumOf(calls) : -1),
};
interface Sort {
  by: keyof typeof SORTS;
  isDescending: boolean;
}

export function KeyTable({ keys, label, empty }: { keys: ApiKey[]; label: string; empty: string }) {
  const [sort, setSort] = useState<Sort>({ by: 'createdAt', isDescending: true });
  const callsOf = useKeyCalls();
  const sortedBy = (key: ApiKey) => SORTS[sort.by](key, callsOf(key));
  const sorted = keys.toSorted((a, b) => {
    const order = sortedBy(a) < sortedBy(b) ? -1 : sortedBy(a) > sortedBy(b) ? 1 : 0;
    return sort.isDescending ? -order : order;
  });
  const heading = (by: Sort['by'], text: string) => <SortHeading by={by} text={text} sort={sort} onSort={setSort} />;
  return (
    <Table.ScrollContainer minWidth={1000}>
      <Table verticalSpacing="sm" highlightOnHover aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            {heading('name', 'Name')}
            <Table.Th>Scopes</Table.Th>
            {heading('createdAt', 'Created')}
            {heading('lastUsedAt', 'Last used')}
            {heading('calls', `Calls, ${USAGE_DAYS} days`)}
            {heading('expiresAt', 'Expires')}
            <Table.Th>State</Table.Th>
            <Table.Th>
              <VisuallyHidden>Actions</VisuallyHidden>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {sorted.map((apiKey) => (
            <KeyRow key={apiKey.id} apiKey={apiKey} calls={callsOf(apiKey)} />
          ))}
          {sorted.length === 0 && (
            <Table.Tr>
              <Table.Td colSpan={8} c="dimmed">
                {empty}
              </Table.Td>
            </Table.Tr>
          )}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function KeyRow({ apiKey, calls }: { apiKey: ApiKey; calls: CallCounts | null | undefined }) {
  return (
    <Table.Tr>
      <Table.Td miw={140} maw={180}>
        <Anchor component={Link} to={PATHS.apiKey.replace(':id', apiKey.id)} fw={500} lineClamp={2} underline="hover">
          {apiKey.name}
        </Anchor>
        <div>
          <Code>{hintOf(apiKey)}</Code>
        </div>
        {apiKey.description && (
          <Text size="xs" c="dimmed" lineClamp={2} maw={160} title={apiKey.description}>
            {apiKey.description}
          </Text>
        )}
        <KeyEnvironment apiKey={apiKey} />
      </Table.Td>
      <Table.Td>
        <KeyScopes apiKey={apiKey} />
      </Table.Td>
      <Table.Td>
        <Text size="sm">
          <RelativeTime date={apiKey.createdAt} />
        </Text>
        <Text size="xs" c="dimmed" maw={160} truncate title={apiKey.createdBy.name}>
          by {apiKey.createdBy.name}
        </Text>
      </Table.Td>
      <Table.Td>
        <LastUsed apiKey={apiKey} />
      </Table.Td>
      <Table.Td>
        <KeyCalls calls={calls} />
      </Table.Td>
      <Table.Td>
        <Expires apiKey={apiKey} />
      </Table.Td>
      <Table.Td>
        <KeyState apiKey={apiKey} />
      </Table.Td>
      <Table.Td>
        <KeyActions apiKey={apiKey} />
      </Table.Td>
    </Table.Tr>
  );
}

interface SortHeadingProps {
  by: Sort['by'];
  text: string;
  sort: Sort;
  onSort: (sort: Sort) => void;
}

function SortHeading({ by, text, sort, onSort }: SortHeadingProps) {
  const isSorted = sort.by === by;
  const Icon = isSorted ? (sort.isDescending ? IconArrowDown : IconArrowUp) : IconArrowsSort;
  return (
    <Table.Th aria-sort={isSorted ? (sort.isDescending ? 'descending' : 'ascending') : 'none'}>
      <UnstyledButton
        fz="sm"
        fw={700}
        onClick={() => onSort({ by, isDescending: isSorted ? !sort.isDescending : by !== 'name' })}
      >
        <Group gap={4} wrap="nowrap">
          <span style={{ whiteSpace: 'nowrap' }}>{text}</span>
          <Icon size={13} aria-hidden />
        </Group>
      </UnstyledButton>
    </Table.Th>
  );
}
