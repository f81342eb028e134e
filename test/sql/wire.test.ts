import { once } from 'node:events';
import { Duplex } from 'node:stream';
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { cutOff, prepareFlight } from '../../db/driver/wire.ts';

/*
 * Tests the behaviour of node-postgres that db/driver/wire.ts relies on and that node-postgres does not document, so
 * that a new version of pg must keep the behaviour. The driver's own tests are prepared, deadline, stall and outage.
 */

const { ownerUrl: connectionString } = inject('database') as { ownerUrl: string };

async function connect() {
  const client = await new pg.Pool({ connectionString, max: 1 }).connect();
  client.on('error', () => {});
  return { client, [Symbol.asyncDispose]: async () => client.release(true) };
}

/** Sends a flight, and gives the rows of each answer. */
const send = (client: pg.PoolClient, statements: [sql: string, ...parameters: unknown[]][], prepare = true) =>
  new Promise<unknown[][]>((resolve, reject) => {
    const createFlight = prepareFlight(
      statements.map(([sql, ...parameters]) => ({ sql, parameters })),
      { prepare },
    );
    client.query(createFlight({ done: (answers) => resolve(answers.map(({ rows }) => rows)), fail: reject }));
  });

/** A query for node-postgres that notes its callbacks in the order of the calls. */
function recorder(name: string, calls: string[], messages: (connection: pg.Connection) => void) {
  const note = (call: string) => () => void calls.push(`${name} ${call}`);
  return {
    submit(connection: pg.Connection) {
      note('submit')();
      messages(connection);
      connection.sync();
    },
    handleRowDescription: note('row description'),
    handleDataRow: note('row'),
    handleCommandComplete: note('complete'),
    handleEmptyQuery: note('empty'),
    handleError: note('error'),
    handleReadyForQuery: note('ready'),
  };
}

test('A flight is written at once: each message whole, all before the one Sync', () => {
  const written: Buffer[] = [];
  const stream = new Duplex({
    read: () => {},
    write(chunk, _, done) {
      written.push(chunk);
      done();
    },
  });
  const connection = new pg.Connection({ stream: () => stream });
  const codes = () => {
    const chunk = written.pop() as Buffer;
    expect(written).toEqual([]);
    let text = '';
    // A message is a letter and a length. The length counts its own bytes, and not the letter.
    for (let at = 0; at < chunk.length; at += 1 + chunk.readUInt32BE(at + 1))
      text += String.fromCharCode(chunk[at] ?? 0);
    return text;
  };
  const fly = (prepare: boolean) => {
    const statements = ['select $1::text', 'select 2'].map((sql, index) => ({ sql, parameters: index ? [] : ['é'] }));
    const flight = prepareFlight(statements, { prepare })({ done: () => {}, fail: () => {} });
    flight.submit(connection);
    return codes();
  };
  expect(fly(false)).toBe('PBDEPBDES');
  expect(fly(true)).toBe('PBDEPBDES');
});

test('A query has its turn; is told of what is described and done; and of nothing more once it has failed', async () => {
  await using session = await connect();
  const { client } = session;
  await client.query('create temporary table unique_numbers (n int primary key)');
  const calls: string[] = [];
  const insert = (connection: pg.Connection) => {
    for (const event of ['parseComplete', 'noData'] as const) connection.once(event, () => void calls.push(event));
    connection.parse({ name: 'insert', text: 'insert into unique_numbers values (1), (1)', types: [] }, true);
    connection.bind({ portal: '', statement: 'insert' }, true);
    connection.describe({ type: 'P', name: '' }, true);
    connection.execute({ portal: '', rows: '' }, true);
  };
  const select = (connection: pg.Connection) => {
    connection.close({ type: 'S', name: 'insert' }, true);
    connection.parse({ name: '', text: 'select 1 as n', types: [] }, true);
    connection.bind({ portal: '', statement: '' }, true);
    connection.describe({ type: 'P', name: '' }, true);
    connection.execute({ portal: '', rows: '' }, true);
  };
  client.query(recorder('first', calls, insert));
  client.query(recorder('second', calls, select));
  await once(client, 'drain');
  const { rows } = await client.query('select name from pg_prepared_statements');
  expect(rows).toEqual([]);
  expect(calls).toEqual([
    ...['first submit', 'parseComplete', 'noData', 'first error'],
    ...['second submit', 'second row description', 'second row', 'second complete', 'second ready'],
  ]);
});

test('A connection that is cut off fails its flight, and as the server’s own word does not', async () => {
  await using session = await connect();
  const { client } = session;
  await expect(send(client, [['select 1 / 0']])).rejects.toBeInstanceOf(pg.DatabaseError);
  const flight = send(client, [['select pg_sleep(60)']]);
  cutOff(client);
  const error = await flight.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  expect(error).not.toBeInstanceOf(pg.DatabaseError);
  await expect(send(client, [['select 1']])).rejects.not.toBeInstanceOf(pg.DatabaseError);
});

test('What PostgreSQL is given comes back: text, bytes, numbers, dates, arrays and JSON', async () => {
  await using session = await connect();
  const values: [type: string, value: unknown][] = [
    ['text', 'é 😀 \\ " \' {}, NULL \n'],
    ['text', ''],
    ['text', null],
    ['bytea', Buffer.from([0, 92, 255])],
    ['int', -7],
    ['boolean', false],
    ['timestamptz', new Date('2026-11-24T19:21:15.123Z')],
    ['timestamptz', new Date('0001-01-01T00:00:00Z')],
    ['text[]', []],
    ['text[]', ['plain', 'words']],
    ['text[]', ['', 'NULL', null, 'a,b', '{c}', '"d"', '\\e', ' f ']],
    ['bytea[]', [Buffer.from([0, 255]), Buffer.from('a')]],
    ['jsonb', { a: [1, null, { b: '"\\' }] }],
  ];
  for (const prepare of [true, false]) {
    for (const [type, value] of values) {
      // The columns are known from the second turn on.
      for (let turn = 0; turn < 2; turn++) {
        const [rows] = await send(session.client, [[`select $1::${type} as value`, value]], prepare);
        expect(rows, type).toEqual([{ value }]);
      }
    }
  }
});
