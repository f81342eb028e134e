import { type Kysely, sql } from 'kysely';
import type { Schema } from '../../db/schema.ts';

/**
 * Runs `work`, and tells of tables and indexes how often they were scanned, and how many rows were read: by an index,
 * the index counts.
 */
export async function watchScans<T extends string>(trx: Kysely<Schema>, names: T[], work: () => Promise<unknown>) {
  const read = async () => {
    const { rows } = await sql<{ name: T; scans: number; rows: number }>`
      select name, pg_stat_get_xact_numscans(name::regclass)::int as scans,
          (pg_stat_get_xact_tuples_returned(name::regclass) + pg_stat_get_xact_tuples_fetched(name::regclass))::int as rows
        from unnest(${names}::text[]) name`.execute(trx);
    return rows;
  };
  // The counters of earlier transactions stay in the counters of this transaction for up to a second.
  const before = await read();
  await work();
  const after = await read();
  return Object.fromEntries(
    after.map(({ name, scans, rows }, index) => {
      const was = before[index] ?? { scans: 0, rows: 0 };
      return [name, { scans: scans - was.scans, rows: rows - was.rows }];
    }),
  ) as Record<T, { scans: number; rows: number }>;
}
