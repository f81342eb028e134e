import { type Kysely, sql } from 'kysely';
import { expect, test } from 'vitest';
import { asAccounts, asOperator } from '../../db/admission.ts';
import { DatabaseUnavailable } from '../../db/errors.ts';
import type { Schema } from '../../db/schema.ts';
import { addMember, openBrowser, signedIn } from '../helpers/browser.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

/*
 * A migration beside the service changes the columns of a table that the service's open connections read by `select *` in
 * prepared statements, as better-auth does.
 */

/** Opens an app with a table `notes` of a single row, which `migrate` gives one column more at each call. */
async function openNotes() {
  const app = await testApp();
  await runAsAdmin(app, 'drop table if exists notes');
  await runAsAdmin(app, 'create table notes (n int)');
  await runAsAdmin(app, 'insert into notes values (1)');
  await runAsAdmin(app, 'grant all on notes to public');
  // The pool still knows the table of the test before.
  await read(app.db.root);
  let added: Record<string, string> = {};
  return {
    ...app,
    /** The columns that the row has beside `n`. */
    added: () => added,
    async migrate() {
      const name = `added${Object.keys(added).length}`;
      added = { ...added, [name]: 'new' };
      await runAsAdmin(app, `alter table notes add ${name} text default 'new'`);
    },
  };
}

const READ = sql<{ n: number }>`select * from notes where n = ${1}`;
const read = async (db: Kysely<Schema>) => (await READ.execute(db)).rows;
/** Reads over a connection that other calls may use at the same time. */
const readShared = async (db: Kysely<Schema>) =>
  (await db.executeQuery({ ...READ.compile(db), mayShare: true } as never)).rows;

/** Reads in `count` transactions at once, each on a connection of its own. */
const readOnMany = (db: Kysely<Schema>, count: number) => {
  let waiting = count;
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const work = async (trx: Kysely<Schema>) => {
    await sql`select 1 as one`.execute(trx);
    waiting -= 1;
    if (waiting === 0) resolve();
    // The embedded database has a single connection.
    if (count > 1) await all;
    return await read(trx);
  };
  return Promise.all(Array.from({ length: count }, () => db.transaction().execute(work)));
};

type Notes = Awaited<ReturnType<typeof openNotes>>;
/** A call's way to the database: with and without a statement in front of each transaction, as better-auth and as a key. */
const WAYS: [way: string, open: (app: Notes) => Kysely<Schema>][] = [
  ['the login', ({ db }) => db.root],
  ['the accounts', ({ deps }) => asAccounts(deps.db)],
  ['an organization', ({ deps, one }) => asOperator(deps.db, one.id)],
];

test.each(WAYS)(
  'A prepared statement gives new columns at once, outside and in front of a transaction: %s',
  async (_, open) => {
    await using app = await openNotes();
    const db = open(app);
    for (let turn = 0; turn < 3; turn++) {
      const row = { n: 1, ...app.added() };
      expect(await read(db)).toEqual([row]);
      expect(await readShared(db)).toEqual([row]);
      expect(await db.transaction().execute(read)).toEqual([row]);
      await app.migrate();
      const longer = { n: 1, ...app.added() };
      const ways = [() => read(db), () => readShared(db), () => db.transaction().execute(read)];
      expect(await ways[turn]?.()).toEqual([longer]);
    }
    await runAsAdmin(app, 'alter table notes alter n type bigint, drop added0');
    expect(await read(db)).toEqual([{ n: '1', added1: 'new', added2: 'new' }]);
  },
);

test('A transaction that is begun anew has its entry again, and is a whole transaction', async () => {
  await using app = await openNotes();
  const tenant = asOperator(app.deps.db, app.one.id);
  await tenant.transaction().execute(read);
  await app.migrate();
  const failing = tenant.transaction().execute(async (trx) => {
    expect(await read(trx)).toEqual([{ n: 1, added0: 'new' }]);
    const current = sql<{ id: string }>`select current_setting('introzy.organization_id') as id`;
    expect((await current.execute(trx)).rows).toEqual([{ id: app.one.id }]);
    await sql`insert into notes values (2)`.execute(trx);
    throw new Error('on purpose');
  });
  await expect(failing).rejects.toThrow('on purpose');
  expect(await runAsAdmin(app, 'select n from notes')).toEqual([{ n: 1 }]);
});

test('A write takes place once', async () => {
  await using app = await openNotes();
  const db = asAccounts(app.deps.db);
  const write = (n: number) => sql`insert into notes (n) values (${n}) returning *`.execute(db);
  await write(2);
  await app.migrate();
  expect((await write(3)).rows).toEqual([{ n: 3, added0: 'new' }]);
  expect(await runAsAdmin(app, 'select n from notes order by n')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
});

test('A transaction that has done something fails as a whole, may be tried again, and then succeeds', async () => {
  await using app = await openNotes();
  const db = asAccounts(app.deps.db);
  await read(db);
  await app.migrate();
  const writeAndRead = () =>
    db.transaction().execute(async (trx) => {
      await sql`insert into notes (n) values (2)`.execute(trx);
      return await read(trx);
    });
  const error = await writeAndRead().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DatabaseUnavailable);
  expect(error).toMatchObject({ cause: { code: '0A000', routine: 'RevalidateCachedQuery' } });
  expect(await runAsAdmin(app, 'select n from notes')).toEqual([{ n: 1 }]);
  expect(await writeAndRead()).toEqual([{ n: 1, added0: 'new' }]);
  expect(await runAsAdmin(app, 'select n from notes order by n')).toEqual([{ n: 1 }, { n: 2 }]);
});

test('What one connection of a pool has met, no other connection meets', async () => {
  await using app = await openNotes();
  const db = asAccounts(app.deps.db);
  const count = app.db.kind === 'embedded' ? 1 : 5;
  await readOnMany(db, count);
  await app.migrate();
  const row = { n: 1, added0: 'new' };
  expect(await read(db)).toEqual([row]);
  expect(await readOnMany(db, count)).toEqual(Array(count).fill([row]));
});

test('Calls that travel together are all answered', async () => {
  await using app = await openNotes();
  const db = asAccounts(app.deps.db);
  const readTogether = () => Promise.all(Array.from({ length: 24 }, () => readShared(db)));
  await readTogether();
  await app.migrate();
  expect(await readTogether()).toEqual(Array(24).fill([{ n: 1, added0: 'new' }]));
});

test('A connection closes the statements that it has forgotten, and prepares each anew', async () => {
  await using app = await openNotes();
  const { connections } = app.deps.db;
  const connection = await connections.acquire();
  try {
    const send = async (text: string) => (await connection.send([{ sql: text, parameters: [] }]))[0]?.rows;
    const kept = 'select statement from pg_prepared_statements order by prepare_time';
    await send('create table own (n int)');
    await send('select * from own');
    await send('alter table own add more int');
    await send('insert into own values (1)');
    await expect(send('select * from own')).rejects.toBeInstanceOf(DatabaseUnavailable);
    expect(await send('select * from own')).toEqual([{ n: 1, more: null }]);
    expect(await send(kept)).toEqual(['select * from own', kept].map((statement) => ({ statement })));
  } finally {
    connections.release(connection);
  }
});

test('Another feature that PostgreSQL does not have is not asked for twice, and is no outage', async () => {
  await using app = await openNotes();
  const asking = sql`select distinct n from notes for update`.execute(app.db.root);
  const error = await asking.catch((reason: unknown) => reason);
  expect(error).not.toBeInstanceOf(DatabaseUnavailable);
  expect(error).toMatchObject({ code: '0A000' });
});

test('People sign in, and their sessions go on, while columns come to the tables of better-auth', async () => {
  await using app = await testApp({ isAlone: true });
  const person = await addMember(app, app.one.id);
  const browser = await signedIn(app, person);
  const session = () => browser.call('GET', '/api/auth/get-session');
  expect((await session()).body.user.email).toBe(person.email);
  for (const table of ['users', 'sessions', 'accounts', 'members', 'organizations']) {
    await runAsAdmin(app, `alter table ${table} add note text`);
    expect((await session()).body?.user.email, table).toBe(person.email);
    expect((await openBrowser(app).signIn(person.email)).status, table).toBe(200);
    expect((await browser.call('GET', '/api/auth/organization/list')).status, table).toBe(200);
    expect((await browser.call('GET', '/api/contacts')).status, table).toBe(200);
  }
});
