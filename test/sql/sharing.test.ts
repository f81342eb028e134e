import { expect, inject, test } from 'vitest';
import type { Statement } from '../../db/driver/connection.ts';
import { openPostgres, type PostgresOptions } from '../../db/driver/postgres.ts';
import { DatabaseUnavailable } from '../../db/errors.ts';
import { until } from '../helpers/instance.ts';

type Written = string | [sql: string, ...parameters: unknown[]];

const toStatement = (written: Written): Statement => {
  const [sql, ...parameters] = typeof written === 'string' ? [written] : written;
  return { sql, parameters };
};

/** Opens a pool of a single connection, so that calls of the same turn travel together. */
function openPool(options: Partial<PostgresOptions> = {}) {
  const { ownerUrl: url } = inject('database') as { ownerUrl: string };
  const source = openPostgres({ url, poolSize: 1, deadline: 20_000, prepare: true, ...options });
  return {
    source,
    /** Gives the rows of each statement. */
    async share(...flight: Written[]) {
      return (await source.share(flight.map(toStatement))).map(({ rows }) => rows);
    },
    [Symbol.asyncDispose]: () => source.close(),
  };
}

const NUMBERS = Array.from({ length: 100 }, (_, n) => n);
const state = (code: string) => expect.objectContaining({ code });

test.each([true, false])('Each of 100 calls at once gets its own answer; prepared: %s', async (prepare) => {
  await using pool = openPool({ prepare });
  // The first round prepares the statements: the flights wait for their turns, and later travel in one write.
  for (let round = 0; round < 5; round++) {
    const ask = (n: number) =>
      n % 2
        ? pool.share(['select $1::int as n', n])
        : pool.share(['select $1::int as m', n], ['select $1::int as n', n]);
    const answers = await Promise.all(NUMBERS.map(ask));
    expect(answers.map((answer) => answer.at(-1))).toEqual(NUMBERS.map((n) => [{ n }]));
  }
});

test('Eight calls of the same turn travel on one connection, and a ninth call on another', async () => {
  await using pool = openPool({ poolSize: 10 });
  const ask = async () => (await pool.share('select pg_backend_pid() as pid'))[0]?.[0];
  const pids = (await Promise.all(NUMBERS.slice(0, 9).map(ask))).map((row) => (row as { pid: number }).pid);
  expect(new Set(pids.slice(0, 8)).size).toBe(1);
  expect(pids[8]).not.toBe(pids[0]);
});

test('A call that fails, fails alone, and leaves nothing to the calls behind', async () => {
  await using pool = openPool();
  const enter = "select set_config('introzy.organization_id', $1, true)";
  const left = "select current_setting('introzy.organization_id', true) as left";
  for (let round = 0; round < 3; round++) {
    const outcomes = await Promise.allSettled([
      pool.share([enter, 'first'], ['select 1 / $1::int', 0]),
      pool.share(left),
      pool.share([enter, 'third'], left),
      pool.share('select from nowhere'),
      pool.share([enter, 'fifth'], [`select set_config('statement_timeout', '1', true)`]),
      pool.share(left, 'show statement_timeout'),
    ]);
    expect(outcomes).toEqual([
      { status: 'rejected', reason: state('22012') },
      { status: 'fulfilled', value: [[{ left: '' }]] },
      { status: 'fulfilled', value: [[{ set_config: 'third' }], [{ left: 'third' }]] },
      { status: 'rejected', reason: state('42P01') },
      { status: 'fulfilled', value: [[{ set_config: 'fifth' }], [{ set_config: '1ms' }]] },
      { status: 'fulfilled', value: [[{ left: '' }], [{ statement_timeout: '0' }]] },
    ]);
  }
});

test('A call that takes long does not hold up the calls behind: they go on another connection', async () => {
  await using pool = openPool({ poolSize: 2 });
  for (let round = 0; round < 2; round++) {
    const ended: string[] = [];
    const note = (name: string, call: Promise<unknown>) => call.then(() => void ended.push(name));
    await Promise.all([
      note('slow', pool.share('select pg_sleep(1.5)')),
      ...NUMBERS.slice(0, 7).map((n) => note('quick', pool.share(['select $1::int as n', n]))),
    ]);
    expect(ended.at(-1)).toBe('slow');
    expect(ended).toHaveLength(8);
  }
});

test('A lost connection costs the call whose turn it is, and the calls behind go again', async () => {
  await using pool = openPool();
  for (let round = 0; round < 3; round++) {
    const outcomes = await Promise.allSettled([
      pool.share(['select $1::int as n', 0]),
      pool.share('select pg_terminate_backend(pg_backend_pid())'),
      ...NUMBERS.slice(2, 8).map((n) => pool.share(['select $1::int as n', n])),
    ]);
    expect(outcomes[1]).toEqual({ status: 'rejected', reason: expect.any(DatabaseUnavailable) });
    expect(outcomes.filter((_, n) => n !== 1)).toEqual(
      [0, ...NUMBERS.slice(2, 8)].map((n) => ({ status: 'fulfilled', value: [[{ n }]] })),
    );
  }
});

test('A call gives up at its own deadline, while it waits for a connection and while it waits for its answer', async () => {
  await using pool = openPool({ deadline: 1_000 });
  const connection = await pool.source.acquire();
  const waiting = [pool.share('select 1'), pool.source.share([toStatement('select 2')], 300), pool.share('select 3')];
  for (const outcome of await Promise.allSettled(waiting))
    expect(outcome).toMatchObject({ reason: expect.any(DatabaseUnavailable) });
  pool.source.release(connection);

  const outcomes = await Promise.allSettled([pool.share('select pg_sleep(5)'), pool.share('select pg_sleep(5)')]);
  for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: expect.any(DatabaseUnavailable) });
  // The connection that had not answered is gone, and a new connection takes its place.
  await until(async () => (await pool.share('select 4 as n'))[0]?.length === 1, 'an answer');
});

test('A call that waits for a connection takes along the calls that come later', async () => {
  await using pool = openPool();
  const connection = await pool.source.acquire();
  const calls: Promise<unknown>[] = [];
  for (const n of NUMBERS.slice(0, 20)) {
    calls.push(pool.share(['select $1::int as n', n]));
    await new Promise((turn) => setImmediate(turn));
  }
  pool.source.release(connection);
  expect(await Promise.all(calls)).toEqual(NUMBERS.slice(0, 20).map((n) => [[{ n }]]));
});
