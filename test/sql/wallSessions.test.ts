import { type Kysely, sql } from 'kysely';
import { expect, test } from 'vitest';
import { asNobody, asOperator, enter } from '../../db/admission.ts';
import { getContact, insertContact } from '../../db/contacts.ts';
import { type Database, openDatabase } from '../../db/open.ts';
import type { Schema } from '../../db/schema.ts';
import { digestsOf } from '../../server/auth/keySecret.ts';
import { createApp } from '../../server/doors/app.ts';
import { PATIENT_LIMITS } from '../helpers/database.ts';
import { callApi } from '../helpers/instance.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';
import { openSeparated } from '../helpers/testDatabase.ts';

const TIMEOUTS = { statement: 400, lock: 300 };

/**
 * Opens the database of `app` with one connection, so that each transaction gets the session of the transaction before.
 */
async function openSession(app: TestApp): Promise<{ db: Database; close(): Promise<void> }> {
  if (app.url === undefined) return { db: app.db, close: async () => {} };
  if (app.logins) {
    const db = await openSeparated(app.logins, 1);
    return { db, close: () => db.close() };
  }
  const options = { url: app.url, poolSize: 1, deadline: 5_000, prepare: true };
  const db = await openDatabase({ kind: 'postgres', timeouts: TIMEOUTS, options });
  return { db, close: () => db.close() };
}

/** The settings that a tenant's transaction changes. */
async function readSession(db: Kysely<Schema>) {
  const { rows } = await sql<Record<string, string | boolean | number>>`
    select coalesce(current_setting('introzy.organization_id', true), '') as organization, current_user = session_user as is_own,
      current_setting('role') as role, current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
      current_setting('idle_in_transaction_session_timeout') as idle,
      pg_backend_pid() as pid`.execute(db);
  return rows[0];
}

const readTime = async (db: Kysely<Schema>) =>
  (await sql<{ at: string }>`select now()::text as at`.execute(db)).rows[0]?.at;

/** Transactions of tenants, by the way that each transaction ends. */
const transactions: Record<string, (db: Database, app: TestApp) => Promise<unknown>> = {
  'a lone statement': (db, { one }) => getContact(asOperator(db, one.id), { organizationId: one.id, id: one.id }),
  'a transaction': (db, { one }) =>
    asOperator(db, one.id)
      .transaction()
      .execute((trx) => insertContact(trx, { organizationId: one.id, input: { name: 'kept' } })),
  'a lone statement that fails': (db, { one }) => sql`select 1 / 0`.execute(asOperator(db, one.id)),
  'a statement that does not parse': (db, { one }) => sql`selekt`.execute(asOperator(db, one.id)),
  'a transaction that fails in the middle': (db, { one }) =>
    asOperator(db, one.id)
      .transaction()
      .execute(async (trx) => {
        await insertContact(trx, { organizationId: one.id, input: { name: 'undone' } });
        await sql`select 1 / 0`.execute(trx);
      }),
  'a transaction whose work throws': (db, { one }) =>
    asOperator(db, one.id)
      .transaction()
      .execute(async () => {
        throw new Error('of the work');
      }),
  'a row that a policy refuses': (db, { one, other }) =>
    insertContact(asOperator(db, one.id), { organizationId: other.id, input: { name: 'refused' } }),
  'a key that is refused': (db, { one }) => sql`select 1`.execute(asStranger(db, one.id)),
  'a transaction whose key is refused': (db, { one }) =>
    asStranger(db, one.id)
      .transaction()
      .execute(async (trx) => sql`select 1`.execute(trx)),
  'a key that is admitted': (db, { one, keySecrets }) =>
    sql`select 1`.execute(asKey(db, { organizationId: one.id, digests: digestsOf(one.key, keySecrets) })),
  'a key whose scope is refused': (db, { one, keySecrets }) => {
    const key = { type: 'key', organizationId: one.id, digests: digestsOf(one.key, keySecrets) } as const;
    const admission = enter(db, key);
    admission.askFor(['everything:write']);
    return sql`select 1`.execute(admission.tenant());
  },
  'what is no organization’s id': (db) => sql`select 1`.execute(asOperator(db, 'everybody')),
  'nobody’s': (db) => sql`select 1`.execute(asNobody(db)),
  'nobody’s that fails': (db) => sql`select 1 / 0`.execute(asNobody(db)),
};

/** After these errors the session may be at fault, so PostgreSQL's connection is not used again. */
const RENEWING = ['a statement that does not parse', 'a row that a policy refuses'];

const asStranger = (db: Database, organizationId: string) =>
  asKey(db, { organizationId, digests: [Buffer.alloc(32, 1), Buffer.alloc(32, 2)] });

const asKey = (db: Database, key: { organizationId: string; digests: Buffer[] }) =>
  enter(db, { type: 'key', ...key }).tenant();

test('A transaction leaves nothing behind in the session, however it ends', async () => {
  await using app = await testApp();
  const { db, close } = await openSession(app);
  try {
    let before = await readSession(db.root);
    expect(before).toMatchObject({ organization: '', is_own: true, role: 'none' });
    const failed: string[] = [];
    for (const [name, run] of Object.entries(transactions)) {
      await run(db, app).catch(() => failed.push(name));
      const after = await readSession(db.root);
      const isRenewed = app.url !== undefined && RENEWING.includes(name);
      if (isRenewed) expect(after?.pid, name).not.toBe(before?.pid);
      expect(after, name).toEqual({ ...before, pid: isRenewed ? after?.pid : before?.pid });
      before = after;
      // `now()` stands still within an open transaction.
      const at = await readTime(db.root);
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(await readTime(db.root), `${name} left a transaction open`).not.toBe(at);
    }
    expect(failed).toEqual(
      Object.keys(transactions).filter((name) => /fail|throws|refused$|refuses|not parse|id$/.test(name)),
    );
    const inside = await readSession(asOperator(db, app.one.id));
    // With separate logins a transaction names the organization alone: role and limits are the login's own.
    if (db.isSeparated) return expect(inside).toEqual({ ...before, organization: app.one.id });
    expect(inside).toMatchObject({ organization: app.one.id, is_own: false, role: 'introzy_app', pid: before?.pid });
    const { statement, lock } = app.url === undefined ? PATIENT_LIMITS : TIMEOUTS;
    expect([inside?.statement, inside?.lock]).not.toEqual([before?.statement, before?.lock]);
    expect([inside?.statement, inside?.lock]).toEqual([statement, lock].map(toSetting));
    expect(inside?.idle).toBe('10s');
  } finally {
    await close();
  }
});

/** A duration in the form of PostgreSQL: `2s`, `400ms`. */
const toSetting = (milliseconds: number) =>
  milliseconds % 1_000 === 0 ? `${milliseconds / 1_000}s` : `${milliseconds}ms`;

test('Requests of organizations in turn on one session see each its own', async () => {
  await using app = await testApp();
  const { db, close } = await openSession(app);
  try {
    const service = createApp({ ...app.deps, db });
    const organizations = [app.one, app.other];
    for (const { key, name } of organizations) await callApi(service, key, ['POST', '/api/contacts', { name }]);
    const before = await readSession(db.root);
    for (let turn = 0; turn < 6; turn++) {
      const organization = organizations[turn % 2] ?? app.one;
      const list = await callApi(service, organization.key, ['GET', '/api/contacts']);
      expect(list.body.data.map(({ name }: { name: string }) => name)).toEqual([organization.name]);
      expect((await callApi(service, `introzy_${'0'.repeat(64)}`, ['GET', '/api/contacts'])).status).toBe(401);
      expect((await callApi(service, organization.key, ['GET', `/api/contacts/${app.one.id}`])).status).toBe(404);
      expect(await readSession(db.root)).toEqual(before);
    }
  } finally {
    await close();
  }
});
