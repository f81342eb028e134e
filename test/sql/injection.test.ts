import { type Kysely, sql } from 'kysely';
import { expect, inject, test } from 'vitest';
import { asAccounts, asNobody, asOperator } from '../../db/admission.ts';
import { findLoginFaults } from '../../db/logins.ts';
import type { Schema } from '../../db/schema.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';
import { openSeparated } from '../helpers/testDatabase.ts';

/*
 * What SQL can reach that an attacker got into a statement of the service. With separate logins the SQL finds no role to
 * take: the SQL reaches the organization of the transaction, and an organization whose id the SQL names, which no tenant
 * can learn. Settings that the SQL changes stay on the session. With a single login the SQL reaches everything, because
 * that login owns the tables.
 */

const { logins } = inject('database') as { logins?: object };
const separated = test.runIf(logins);

/** Opens a database with one connection, so that each transaction has the session of the transaction before. */
async function openSession(app: TestApp) {
  if (!app.logins) throw new Error('This needs separate logins');
  const db = await openSeparated(app.logins, 1);
  return { db, [Symbol.asyncDispose]: () => db.close() };
}

/** Runs SQL in `trx`, and goes on after a failure. Gives the SQLSTATE of the failure. */
async function tryIn(trx: Kysely<Schema>, statement: string): Promise<string | undefined> {
  await sql`savepoint before`.execute(trx);
  try {
    await sql.raw(statement).execute(trx);
    return undefined;
  } catch (error) {
    await sql`rollback to before`.execute(trx);
    return (error as { code?: string }).code;
  }
}

/** The contacts of `organizationId` that a connection sees, the connection's role, and whether `contacts` is our table. */
async function reach(db: Kysely<Schema>, organizationId: string) {
  const { rows } = await sql<{ others: number; actsAs: string; isReal: boolean }>`
    select (select count(*)::int from contacts where organization_id = ${organizationId}) as others,
      current_user::text as "actsAs",
      to_regclass('contacts') = to_regclass('public.contacts') as "isReal"`.execute(db);
  return rows[0];
}

const DENIED = '42501';
const SYNTAX = '42601';
/** SQL that an attacker would try, and the SQLSTATE of the answer. `undefined`: the SQL is allowed, and gains nothing. */
const ATTACKS: [statement: string, code: string | undefined][] = [
  ['reset role', undefined],
  ['reset session authorization', undefined],
  ['set role none', undefined],
  ['set role introzy_app', undefined],
  ['set role introzy_auth', DENIED],
  ['set role introzy_lookup', DENIED],
  ['set role introzy_owner', DENIED],
  ['set role introzy_accounts', DENIED],
  ['set role postgres', DENIED],
  ['set session authorization introzy_owner', DENIED],
  [`select set_config('role', 'introzy_owner', false)`, DENIED],
  [`select set_config('role', 'introzy_lookup', true)`, DENIED],
  [`select set_config('session_authorization', 'introzy_owner', false)`, DENIED],
  [`select set_config('row_security', 'off', true)`, undefined],
  ['select 1; drop table contacts', SYNTAX],
  ['commit; select 1', SYNTAX],
  ['create temporary table contacts (id uuid)', DENIED],
  ['create table pg_temp.contacts (id uuid)', DENIED],
  ['create temporary view contacts as select 1', DENIED],
  ['create function pg_temp.introzy_organization_id() returns uuid language sql return null', DENIED],
  ['create table public.contacts_too (id uuid)', DENIED],
  ['create or replace function introzy_organization_id() returns uuid language sql stable return null', DENIED],
  ['create schema mine', DENIED],
  ['alter table contacts disable row level security', DENIED],
  ['alter table contacts no force row level security', DENIED],
  ['drop policy tenant on contacts', DENIED],
  ['create policy all_rows on contacts using (true)', DENIED],
  ['grant introzy_auth to introzy_service', DENIED],
  ['grant introzy_owner to introzy_service', DENIED],
  ['alter role introzy_service bypassrls', DENIED],
  ['alter role introzy_service createrole', DENIED],
  [`alter role introzy_accounts password 'mine'`, DENIED],
  [`copy contacts to program 'true'`, DENIED],
  [`copy contacts to '/tmp/contacts'`, DENIED],
  [`select pg_read_file('/etc/passwd')`, DENIED],
  [`select lo_import('/etc/passwd')`, DENIED],
  ['create extension dblink', DENIED],
  ['select email from users', undefined],
  ['select token from sessions', DENIED],
  ['select password from accounts', DENIED],
  ['select value from verifications', DENIED],
  ['select * from introzy_organizations_to_notify(365)', DENIED],
  ['select * from introzy_contacts_before_form(9, 9)', DENIED],
  ['truncate contacts', DENIED],
  ['delete from audit_log', DENIED],
];

separated('SQL injected into a tenant’s transaction gets nowhere, in the transaction and in the next', async () => {
  await using app = await testApp();
  await using session = await openSession(app);
  const { one, other } = app;
  for (const { key } of [one, other]) await app.trpc(key).contacts.create.mutate({ name: 'Ada' });
  const tenant = asOperator(session.db, one.id);
  for (const [statement, code] of ATTACKS) {
    const outcome = await tenant
      .transaction()
      .execute(async (trx) => [await tryIn(trx, statement), await reach(trx, other.id)])
      // With row_security off, PostgreSQL refuses a query rather than show the rows that a policy hides.
      .catch((error: { code?: string }) => error.code);
    const expected = [code, { others: 0, actsAs: expect.stringMatching(/^introzy_(service|app)$/), isReal: true }];
    expect(outcome, statement).toEqual(statement.includes('row_security') ? DENIED : expected);
    const afterwards = await tenant.selectFrom('contacts').select('organization_id').execute();
    expect(afterwards, `after ${statement}`).toEqual([{ organization_id: one.id }]);
    // Settings of the session are taken back, so that each attack meets the login as the login connects.
    await sql`reset all`.execute(session.db.root);
    await sql`reset role`.execute(session.db.root);
  }
  expect(
    await app
      .trpc(other.key)
      .contacts.list.query({})
      .then(({ items }) => items.length),
  ).toBe(1);
});

separated(
  'A session that an attack has put under another organization is put right by the next admission',
  async () => {
    await using app = await testApp();
    await using session = await openSession(app);
    const { one, other } = app;
    for (const { key } of [one, other]) await app.trpc(key).contacts.create.mutate({ name: 'Ada' });
    const tenant = asOperator(session.db, one.id);
    await sql`select set_config('introzy.organization_id', ${other.id}, false),
    set_config('introzy.actor', 'key:00000000-0000-0000-0000-000000000000', false)`.execute(session.db.root);
    const rows = await tenant.selectFrom('contacts').select('organization_id').execute();
    expect(rows).toEqual([{ organization_id: one.id }]);
  },
);

separated('A login that has changed its own settings is refused at the next start', async () => {
  await using app = await testApp();
  await using session = await openSession(app);
  const wanted = {
    role: 'introzy_app' as const,
    owner: { login: 'introzy_owner', schema: 'public' },
    limits: { statement_timeout: 20_000, lock_timeout: 20_000, idle_in_transaction_session_timeout: 10_000 },
  };
  expect(await findLoginFaults(asNobody(session.db), wanted)).toEqual([]);
  expect(await findLoginFaults(asAccounts(session.db), { ...wanted, role: 'introzy_auth' })).toEqual([]);
  // PostgreSQL lets every login change the defaults of its own sessions, and its own password.
  const tenant = asOperator(session.db, app.one.id);
  await tenant.transaction().execute(async (trx) => {
    expect(await tryIn(trx, 'alter role introzy_service set statement_timeout = 0')).toBe(undefined);
    await sql`rollback to before`.execute(trx);
  });
  for (const [setting, fault] of [
    ['statement_timeout = 0', 'has the statement_timeout 0, and not one from 1ms to 20000ms'],
    ['lock_timeout = 0', 'has the lock_timeout 0, and not one from 1ms to 20000ms'],
    ['search_path = pg_temp, public', 'has the search_path pg_temp, public, which does not end with pg_temp'],
  ] as const) {
    await sql.raw(`set ${setting}`).execute(session.db.root);
    const faults = await findLoginFaults(asNobody(session.db), wanted);
    expect(faults.map((found) => found.fault)).toEqual([fault]);
    await sql`reset all`.execute(session.db.root);
  }
  const owner = await findLoginFaults(app.db.root, wanted);
  expect([...new Set(owner.map(({ fault }) => fault))]).toEqual([
    'may create roles',
    'is a member of introzy_auth',
    'is a member of introzy_lookup',
    'may make others members of introzy_app',
    expect.stringMatching(/^owns the database introzy_.* and \d+ more$/),
    'has rights of its own on public.introzy_contacts_before_form(integer,integer)',
    'may create schemas',
    'may create tables and functions in the schema public',
    'may create temporary tables',
    'has the idle_in_transaction_session_timeout 15min, and not one from 1ms to 10000ms',
    'has the lock_timeout 0, and not one from 1ms to 20000ms',
    'has the statement_timeout 0, and not one from 1ms to 20000ms',
  ]);
});

separated('The accounts’ login reaches no contact and no key, and a tenant’s login no account', async () => {
  await using app = await testApp();
  await using session = await openSession(app);
  const accounts = asAccounts(session.db);
  for (const table of ['contacts', 'api_keys', 'api_key_secrets', 'api_key_places', 'audit_log']) {
    const failure = await sql
      .raw(`select * from ${table}`)
      .execute(accounts)
      .catch((error: { code?: string }) => error);
    expect(failure, table).toMatchObject({ code: DENIED });
  }
  for (const role of ['introzy_app', 'introzy_lookup', 'introzy_owner', 'introzy_service']) {
    const failure = await sql
      .raw(`set role ${role}`)
      .execute(accounts)
      .catch((error: { code?: string }) => error);
    expect(failure, role).toMatchObject({ code: DENIED });
  }
});

/**
 * Each function of ours that a tenant may call, and why the function tells nothing of another organization. A new
 * function must be judged here.
 */
const JUDGED: Record<string, string> = {
  introzy_actor: 'the settings of the transaction, and a key under the policies',
  introzy_admit: 'takes a digest of a key; for instances of the version before',
  introzy_admit_key: 'takes a digest of a key',
  introzy_admit_person: 'takes the id of a session; for instances of the version before',
  introzy_admit_session: 'takes the id of a session, which no tenant can read',
  introzy_api_key_exists: 'a boolean',
  introzy_audit_api_key: 'a trigger',
  introzy_audit_invitation: 'a trigger',
  introzy_audit_member: 'a trigger',
  introzy_audit_place: 'a trigger',
  introzy_audit_session: 'a trigger',
  introzy_contact_document: 'its arguments alone',
  introzy_contact_exists: 'a boolean',
  introzy_enter: 'sets the organization that the caller names; for instances of the version before',
  introzy_for_accounts: 'a boolean about the login',
  introzy_identify: 'takes a digest of a key, which no tenant can read of another organization',
  introzy_keep_contact: 'a trigger',
  introzy_matching_contacts: 'ids of the organization of the transaction',
  introzy_organization_id: 'the organization of the transaction',
  introzy_require_scopes: 'its arguments alone',
  introzy_role_scopes: 'its arguments alone',
  introzy_session_person: 'takes the id of a session, which no tenant can read',
  introzy_uuid_v7: 'a new id',
};

separated('No function that a tenant may call tells an organization’s id without a secret', async () => {
  await using app = await testApp();
  const { rows } = await sql<{ name: string }>`
    select distinct proname::text as name from pg_proc p
      where pronamespace = 'public'::regnamespace and has_function_privilege('introzy_app', p.oid, 'execute')
        and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e') order by 1`.execute(
    app.db.root,
  );
  expect(rows.map(({ name }) => name)).toEqual(Object.keys(JUDGED));
  // Other sessions' statements can be seen, and never a parameter: an id of an organization is always a parameter.
  await app.api(app.other.key, 'GET', '/api/contacts');
  const tenant = asOperator(app.db, app.one.id);
  const seen = await sql<{ query: string }>`select query from pg_stat_activity where query <> ''`.execute(tenant);
  expect(seen.rows.length).toBeGreaterThan(0);
  for (const { query } of seen.rows) expect(query).not.toContain(app.other.id);
});

test.skipIf(logins)('With a single login, the same SQL does get somewhere', async () => {
  await using app = await testApp();
  const { one, other } = app;
  await app.trpc(other.key).contacts.create.mutate({ name: 'Ada' });
  await asOperator(app.db, one.id)
    .transaction()
    .execute(async (trx) => {
      expect(await tryIn(trx, 'reset role')).toBe(undefined);
      expect(await reach(trx, other.id)).toMatchObject({ actsAs: 'introzy_owner' });
      expect(await tryIn(trx, 'alter table contacts no force row level security')).toBe(undefined);
      expect(await reach(trx, other.id)).toMatchObject({ others: 1 });
      await sql`rollback to before`.execute(trx);
    });
});
