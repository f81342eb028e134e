import { expect, inject, test } from 'vitest';
import { openPostgres } from '../../db/driver/postgres.ts';

test('A connection that the server ends during a flight is not used again', async () => {
  const { ownerUrl: url } = inject('database') as { ownerUrl: string };
  const source = openPostgres({ url, poolSize: 2, deadline: 20_000, prepare: true });
  const run = async (sql: string) => {
    const connection = await source.acquire();
    try {
      const [answer] = await connection.send([{ sql, parameters: [] }]);
      return answer?.rows;
    } finally {
      source.release(connection);
    }
  };
  try {
    for (let round = 0; round < 3; round++) {
      await expect(run('select pg_terminate_backend(pg_backend_pid())')).rejects.toThrow();
      expect(await run('select 1 as n')).toEqual([{ n: 1 }]);
    }
    // The connection ends while it is idle.
    const [victim] = (await run('select pg_backend_pid() as pid')) as { pid: number }[];
    const other = openPostgres({ url, poolSize: 1, deadline: 20_000, prepare: true });
    const killer = await other.acquire();
    await killer.send([{ sql: 'select pg_terminate_backend($1)', parameters: [victim?.pid] }]);
    other.release(killer);
    await other.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await run('select 2 as n')).toEqual([{ n: 2 }]);
  } finally {
    await source.close();
  }
});
