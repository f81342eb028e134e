import { expect, test } from 'vitest';
import type { Statement } from '../../db/driver/connection.ts';
import { openTestDatabase } from '../helpers/testDatabase.ts';

/** The statements that the server keeps prepared for the connection, except for this statement. */
const KEPT = 'select statement from pg_prepared_statements where statement not like $1 order by 1';
/** The most statements that a connection keeps prepared. */
const LIMIT = 256;

const state = (code: string) => expect.objectContaining({ code });

/** Opens a connection, with a table `once` that takes each number a single time. */
async function openConnection() {
  const { db, close } = await openTestDatabase();
  const connection = await db.connections.acquire();
  const send = async (...statements: (string | [sql: string, ...parameters: unknown[]])[]) => {
    const flight = statements.map((statement): Statement => {
      const [sql, ...parameters] = typeof statement === 'string' ? [statement] : statement;
      return { sql, parameters };
    });
    return (await connection.send(flight)).map(({ rows }) => rows);
  };
  await send('create temporary table once (n int primary key)');
  await send(['insert into once values ($1)', 0]);
  return {
    send,
    /** The prepared statements, except for those that made the table. */
    async kept() {
      const [rows = []] = await send([KEPT, '%pg_prepared_statements%']);
      const statements = (rows as { statement: string }[]).map((row) => row.statement);
      return statements.filter((statement) => !statement.startsWith('create temporary'));
    },
    async [Symbol.asyncDispose]() {
      db.connections.release(connection);
      await close();
    },
  };
}

test('A connection keeps a bounded number of statements, and those of them that are in use', async () => {
  await using connection = await openConnection();
  for (let i = 0; i < 600; i++) {
    expect(await connection.send(`select ${i} as n`)).toEqual([[{ n: i }]]);
    expect(await connection.send(['select $1::int as hot', i])).toEqual([[{ hot: i }]]);
  }
  const kept = await connection.kept();
  expect(kept).toHaveLength(LIMIT - 1);
  expect(kept).toContain('select $1::int as hot');
  expect(kept).toContain('select 599 as n');
  expect(kept).not.toContain('select 0 as n');
});

test('A statement that fails 500 times is prepared once', async () => {
  await using connection = await openConnection();
  for (let i = 0; i < 500; i++) {
    await expect(connection.send(['insert into once (n) values ($1)', 0])).rejects.toEqual(state('23505'));
  }
  expect(await connection.kept()).toEqual(['insert into once (n) values ($1)', 'insert into once values ($1)']);
});

test('A statement that fails, wherever it does, is prepared once, and answers as soon as it succeeds', async () => {
  await using connection = await openConnection();
  const invert = 'select 1 / $1::int as inverse, $2::text as word';
  const returning = 'insert into once values ($1) returning n';
  for (let i = 1; i <= 50; i++) {
    // The first failure is in a parameter, before the columns are known; the second failure is in the execution.
    await expect(connection.send([invert, 'not a number', 'a'])).rejects.toEqual(state('22P02'));
    await expect(connection.send([invert, 0, 'a'])).rejects.toEqual(state('22012'));
    await expect(connection.send([returning, 'not a number'])).rejects.toEqual(state('22P02'));
    if (i === 25) {
      expect(await connection.kept()).toHaveLength(3);
      expect(await connection.send([returning, 25])).toEqual([[{ n: 25 }]]);
    }
    if (i > 25) expect(await connection.send([invert, 1, `${i}`])).toEqual([[{ inverse: 1, word: `${i}` }]]);
  }
  expect(await connection.kept()).toEqual([returning, 'insert into once values ($1)', invert].sort());
});

test('Of a flight of several statements, those are kept that the server came to', async () => {
  await using connection = await openConnection();
  const before = await connection.kept();
  const fail = 'select 1 / $1::int as fails';
  for (let i = 0; i < 50; i++) {
    // The first statement fails, so that the server never sees the second statement.
    await expect(connection.send([fail, 0], 'select 2 as unseen')).rejects.toEqual(state('22012'));
    // The text of the second statement is wrong. The first statement's write is undone, and the first statement stays
    // prepared.
    await expect(connection.send(['insert into once values ($1)', -1], 'select nothing from nowhere')).rejects.toEqual(
      state('42P01'),
    );
    // The second statement fails in its execution.
    await expect(connection.send('select 1 as seen', [fail, 0])).rejects.toEqual(state('22012'));
  }
  expect(await connection.kept()).toEqual([...before, 'select 1 as seen', fail].sort());
  expect(await connection.send([fail, 1], 'select 1 as seen', 'select 2 as unseen')).toEqual([
    [{ fails: 1 }],
    [{ seen: 1 }],
    [{ unseen: 2 }],
  ]);
  expect(await connection.send('select n from once')).toEqual([[{ n: 0 }]]);
});

test('Within a transaction that has failed nothing is prepared, and all works once it is over', async () => {
  await using connection = await openConnection();
  for (let i = 0; i < 50; i++) {
    await connection.send('begin', 'select 1 as first');
    await expect(connection.send(['insert into once values ($1)', 0])).rejects.toEqual(state('23505'));
    await expect(connection.send('select 1 as first')).rejects.toEqual(state('25P02'));
    await expect(connection.send('select 3 as late')).rejects.toEqual(state('25P02'));
    await connection.send('rollback');
  }
  const kept = await connection.kept();
  expect(kept).toEqual(['begin', 'insert into once values ($1)', 'rollback', 'select 1 as first']);
  expect(await connection.send('select 3 as late', 'select 1 as first')).toEqual([[{ late: 3 }], [{ first: 1 }]]);
});

test('A statement makes room in a transaction that has failed, and in a flight whose first statement fails', async () => {
  await using connection = await openConnection();
  const fill = async (from: number) => {
    for (let i = 0; i < 300; i++) expect(await connection.send(`select ${from + i} as n`)).toEqual([[{ n: from + i }]]);
  };
  await fill(0);
  await connection.send('begin');
  for (let i = 0; i < 300; i++) await expect(connection.send(`select ${1_000 + i} / 0`)).rejects.toThrow();
  await connection.send('rollback');
  expect((await connection.kept()).length).toBeLessThan(LIMIT);
  await fill(2_000);
  for (let i = 0; i < 300; i++) {
    await expect(connection.send('select 1 / 0 as first', `select ${3_000 + i} as second`)).rejects.toThrow();
  }
  expect((await connection.kept()).length).toBeLessThan(LIMIT);
  await fill(4_000);
  expect(await connection.kept()).toHaveLength(LIMIT - 1);
});

test('A statement that comes twice at once, in a flight or in two, is prepared once', async () => {
  await using connection = await openConnection();
  const twice = 'select $1::int as n';
  expect(await connection.send([twice, 1], [twice, 2])).toEqual([[{ n: 1 }], [{ n: 2 }]]);
  const same = 'select $1::text as same';
  expect(await Promise.all([connection.send([same, 'a']), connection.send([same, 'b'])])).toEqual([
    [[{ same: 'a' }]],
    [[{ same: 'b' }]],
  ]);
  const failing = 'select 1 / $1::int as failing';
  for (let i = 0; i < 10; i++) {
    const flights = [0, 1].map((n) => connection.send([failing, n], [failing, n]));
    expect((await Promise.allSettled(flights)).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  }
  expect(await connection.kept()).toEqual([twice, same, failing, 'insert into once values ($1)'].sort());
});
