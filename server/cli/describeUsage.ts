import type { ApiKeyUsage } from '../../shared/apiKeyUsage.ts';
import type { CallCounts } from '../../shared/callOutcomes.ts';
import { KEY_PREFIX } from '../../shared/keyFormat.ts';
import { printable, table } from './text.ts';

const COUNTS = ['OK', 'CLIENT ERROR', 'LIMITED', 'FAILED'];
const cellsOf = ({ ok, clientError, limited, failed }: CallCounts) => [ok, clientError, limited, failed].map(String);

/** The calls of all keys as a table with a row for each key. */
export function describeUsage({ from, to, keys }: ApiKeyUsage): string {
  const rows = keys.map(({ id, name, hint, state, total }) => [
    ...[id, name, `${KEY_PREFIX}${hint}…`, state],
    ...cellsOf(total),
  ]);
  return `Calls from ${from} to ${to} (UTC)\n${table(['ID', 'NAME', 'KEY', 'STATE', ...COUNTS], rows)}`;
}

/** The calls of a single key as a table with a row for each day with calls. */
export function describeUsageOfKey({ from, to, keys: [key] }: ApiKeyUsage): string {
  if (!key) return '';
  const { name, id, days, total } = key;
  const title = `${printable(name)} (id ${id}), from ${from} to ${to} (UTC)`;
  if (days.length === 0) return `${title}: no calls.`;
  const rows = days.map(({ date, ...counts }) => [date, ...cellsOf(counts)]);
  return `${title}\n${table(['DATE', ...COUNTS], [...rows, ['all days', ...cellsOf(total)]])}`;
}
