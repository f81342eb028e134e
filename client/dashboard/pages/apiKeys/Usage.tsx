import { Button, Collapse, Group, Paper, SimpleGrid, Skeleton, Stack, Table, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import type { ApiKeyUsage } from '../../../../shared/apiKeyUsage.ts';
import { type CallCounts, OUTCOMES, USAGE_DAYS } from '../../../../shared/callOutcomes.ts';
import { trpc } from '../../api.ts';
import { ErrorState } from '../../components/states.tsx';
import { OUTCOME_WORDS, sumOf, utcDay, written } from './outcomes.ts';
import classes from './UsageChart.module.css';
import { UsageChart } from './UsageChart.tsx';

/** The calls of a key in the last 90 days: in all, as a chart of the days, and as a table of the days. */
export function Usage({ id }: { id: string }) {
  const { data, error, isPending, refetch } = useQuery(trpc.keys.usage.queryOptions({ id }));
  const [usage] = data?.keys ?? [];
  return (
    <Paper withBorder p="md" component="section">
      <Title order={2} size="h4" mb="sm">
        Calls in the last {USAGE_DAYS} days
      </Title>
      {isPending && <Skeleton height={230} role="status" aria-label="Loading" />}
      {error && <ErrorState error={error} onRetry={() => refetch()} />}
      {data && (!usage || sumOf(usage.total) === 0) && (
        <Text c="dimmed">No call since {utcDay(data.from)}. Calls are at most a minute behind.</Text>
      )}
      {data && usage && sumOf(usage.total) > 0 && <Calls from={data.from} to={data.to} usage={usage} />}
    </Paper>
  );
}

type CallsProps = Pick<ApiKeyUsage, 'from' | 'to'> & { usage: ApiKeyUsage['keys'][number] };

function Calls({ from, to, usage: { total, days } }: CallsProps) {
  const [isTable, { toggle }] = useDisclosure();
  return (
    <Stack gap="sm">
      <Totals total={total} />
      <div>
        <UsageChart from={from} days={days} />
        <Group justify="space-between" mt={4}>
          <Text size="xs" c="dimmed">
            {utcDay(from)}
          </Text>
          <Text size="xs" c="dimmed">
            {utcDay(to)} (UTC)
          </Text>
        </Group>
      </div>
      <div>
        <Button size="xs" variant="default" aria-expanded={isTable} onClick={toggle}>
          Show the days as a table
        </Button>
      </div>
      <Collapse expanded={isTable}>{isTable && <Days days={days} />}</Collapse>
    </Stack>
  );
}

/** The calls in all, by outcome. The colours are those of the chart. */
const Totals = ({ total }: { total: CallCounts }) => (
  <SimpleGrid component="dl" m={0} cols={{ base: 2, sm: 5 }} spacing="xs">
    <div>
      <Text component="dt" size="xs" c="dimmed">
        In all
      </Text>
      <Text component="dd" m={0} fw={600}>
        {written(sumOf(total))}
      </Text>
    </div>
    {OUTCOMES.map((outcome) => (
      <div key={outcome}>
        <Text component="dt" size="xs" c="dimmed" title={OUTCOME_WORDS[outcome].description}>
          <span className={classes[outcome]}>
            <span className={classes.swatch} />
          </span>
          {OUTCOME_WORDS[outcome].label}
        </Text>
        <Text component="dd" m={0}>
          {written(total[outcome])}
        </Text>
      </div>
    ))}
  </SimpleGrid>
);

/** The days with calls, newest first. */
const Days = ({ days }: Pick<CallsProps['usage'], 'days'>) => (
  // The keyboard scrolls the table: no cell of the table takes the focus.
  <Table.ScrollContainer
    minWidth={480}
    maxHeight={400}
    scrollAreaProps={{ viewportProps: { tabIndex: 0, role: 'group', 'aria-label': 'Days' } }}
  >
    <Table aria-label="Calls by day">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Day (UTC)</Table.Th>
          {OUTCOMES.map((outcome) => (
            <Table.Th key={outcome}>{OUTCOME_WORDS[outcome].label}</Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {days.toReversed().map((day) => (
          <Table.Tr key={day.date}>
            <Table.Td>{utcDay(day.date)}</Table.Td>
            {OUTCOMES.map((outcome) => (
              <Table.Td key={outcome}>{written(day[outcome])}</Table.Td>
            ))}
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  </Table.ScrollContainer>
);
