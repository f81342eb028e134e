import { expect, inject, test } from 'vitest';
import { openPostgres } from '../../db/driver/postgres.ts';

/** Statements that the server keeps prepared for the one connection, but for the one that asks. */
const KEPT = 'select statement from pg_prepared_statements where statement not like $1';

test('A connection keeps a bounded number of statements, and those of them that are in use', async () => {
  const provided = inject('database') as { ownerUrl: string };
  const links = openPostgres({ url: provided.ownerUrl, poolSize: 1, deadline: 30_000, prepare: true });
  const send = async (sql: string, parameters: unknown[] = []) => {
    const link = await links.acquire();
    try {
      return (await link.send([{ sql, parameters }]))[0]?.rows;
    } finally {
      links.release(link);
    }
  };
  for (let i = 0; i < 600; i++) {
    expect(await send(`select ${i} as n`)).toEqual([{ n: i }]);
    expect(await send('select $1::int as hot', [i])).toEqual([{ hot: i }]);
  }
  const kept = ((await send(KEPT, ['%pg_prepared_statements%'])) as { statement: string }[]).map(
    (row) => row.statement,
  );
  expect(kept).toHaveLength(255);
  expect(kept).toContain('select $1::int as hot');
  expect(kept).toContain('select 599 as n');
  expect(kept).not.toContain('select 0 as n');
  await links.close();
});
