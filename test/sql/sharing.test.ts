import { expect, inject, test } from 'vitest';
import type { Statement } from '../../db/driver/connection.ts';
import { openPostgres, type PostgresOptions } from '../../db/driver/postgres.ts';
import { DatabaseUnavailable } from '../../db/errors.ts';
import { until } from '../helpers/instance.ts';
import { signal } from '../helpers/processes.ts';

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

test('A lost connection costs the call whose turn it is, at any place, and the calls behind go again', async () => {
  await using pool = openPool();
  for (const place of [0, 1, 4]) {
    const kill = () => pool.share('select pg_terminate_backend(pg_backend_pid())');
    const ask = (n: number) => (n === place ? kill() : pool.share(['select $1::int as n', n]));
    const outcomes = await Promise.allSettled(NUMBERS.slice(0, 8).map(ask));
    expect(outcomes[place]).toEqual({ status: 'rejected', reason: expect.any(DatabaseUnavailable) });
    expect(outcomes.toSpliced(place, 1)).toEqual(
      NUMBERS.slice(0, 8)
        .toSpliced(place, 1)
        .map((n) => ({ status: 'fulfilled', value: [[{ n }]] })),
    );
  }
});

test('A backend that stalls behind an answered call loses its connection at the deadline, and no connection leaks', async () => {
  await using pool = openPool({ deadline: 1_500 });
  const [[backend]] = (await pool.share('select pg_backend_pid() as pid')) as [[{ pid: number }]];
  const calls = [
    pool.share('select 1 as n'),
    pool.share('select pg_sleep(0.3)'),
    pool.share('select 3 as n'),
    pool.share('select 4 as n'),
  ];
  const [first] = await Promise.allSettled([calls[0]]);
  signal(backend.pid, 'SIGSTOP');
  try {
    const others = await Promise.allSettled(calls.slice(1));
    expect(first?.status).toBe('fulfilled');
    // The pool has a single connection, so the calls behind find no other.
    expect(others.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await until(async () => {
      const again = await Promise.allSettled([pool.share('select 5 as n')]);
      return again[0]?.status === 'fulfilled';
    }, 'a new connection');
  } finally {
    signal(backend.pid, 'SIGCONT');
  }
});

test('A value that cannot be written is the error of its call alone', async () => {
  await using pool = openPool();
  const outcomes = await Promise.allSettled([
    pool.share(['select $1::int as n', 1]),
    pool.share(['select $1::timestamptz', new Date(Number.NaN)]),
    pool.share(['select 1', ...Array.from({ length: 40_000 }, () => 1)]),
    pool.share(['select $1::int as n', 4]),
  ]);
  expect(outcomes).toEqual([
    { status: 'fulfilled', value: [[{ n: 1 }]] },
    { status: 'rejected', reason: expect.any(RangeError) },
    { status: 'rejected', reason: expect.any(RangeError) },
    { status: 'fulfilled', value: [[{ n: 4 }]] },
  ]);
});

test('A call gives up at its own deadline, while it waits for a connection and while it waits for its answer', async () => {
  await using pool = openPool({ deadline: 1_000 });
  const connection = await pool.source.acquire();
  const early = [pool.share('select 1'), pool.source.share([toStatement('select 2')], 300), pool.share('select 3')];
  const outcomes = Promise.allSettled(early);
  // A call that joins the others late has the whole of its own time.
  await new Promise((resolve) => setTimeout(resolve, 900));
  const late = pool.share('select 4 as n');
  for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: expect.any(DatabaseUnavailable) });
  pool.source.release(connection);
  expect(await late).toEqual([[{ n: 4 }]]);

  for (const outcome of await Promise.allSettled([pool.share('select pg_sleep(5)'), pool.share('select pg_sleep(5)')]))
    expect(outcome).toMatchObject({ reason: expect.any(DatabaseUnavailable) });
  // The connection that had not answered is gone, and a new connection takes its place.
  await until(async () => (await pool.share('select 6 as n'))[0]?.length === 1, 'an answer');
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
