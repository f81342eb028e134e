import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { asAccounts, asNobody, asOperator } from '../../db/admission.ts';
import { findLoginFaults } from '../../db/logins.ts';
import { DENIED, fillTables, isSeparated, NOTHING, openSession, reach, SYNTAX, tryIn } from '../helpers/attacker.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/*
 * What SQL can reach that an attacker got into a statement of the service. With separate logins the SQL finds no role
 * to take: the SQL reaches the organization of the transaction, and an organization whose id the SQL names, which no
 * tenant can learn. What the SQL leaves on its session: see injectionLeftovers.test.ts. With a single login the SQL
 * reaches everything, because that login owns the tables.
 */

const separated = test.runIf(isSeparated);

const NO_ROWS = () => [];
/**
 * SQL that an attacker would try, and the SQLSTATE of the answer, or the rows of the answer where the SQL is allowed.
 */
const ATTACKS: [statement: string, answer: string | ((one: TestApp['one']) => unknown[])][] = [
  ['reset role', NO_ROWS],
  ['reset session authorization', NO_ROWS],
  ['set role none', NO_ROWS],
  ['set role introzy_app', NO_ROWS],
  ['set role introzy_auth', DENIED],
  ['set role introzy_lookup', DENIED],
  ['set role introzy_owner', DENIED],
  ['set role introzy_accounts', DENIED],
  ['set role postgres', DENIED],
  ['set session authorization introzy_owner', DENIED],
  [`select set_config('role', 'introzy_owner', false)`, DENIED],
  [`select set_config('role', 'introzy_lookup', true)`, DENIED],
  [`select set_config('session_authorization', 'introzy_owner', false)`, DENIED],
  [`select set_config('row_security', 'off', true)`, () => [{ set_config: 'off' }]],
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
  ['select email from users', ({ ownerEmail }) => [{ email: ownerEmail }]],
  ['select id from organizations', ({ id }) => [{ id }]],
  ['select distinct organization_id from api_key_secrets', ({ id }) => [{ organization_id: id }]],
  ['select distinct organization_id from audit_log', ({ id }) => [{ organization_id: id }]],
  ['select active_organization_id from sessions', NO_ROWS],
  ['select token from sessions', DENIED],
  ['select password from accounts', DENIED],
  ['select value from verifications', DENIED],
  ['select * from introzy_organizations_to_notify(365)', DENIED],
  ['select * from introzy_organizations_to_erase_in(0)', DENIED],
  ['select * from introzy_organizations_to_trim(0)', DENIED],
  ['select * from introzy_organizations_with_notices()', DENIED],
  [`select * from introzy_organizations_to_seal(gen_random_uuid())`, DENIED],
  ['select * from introzy_contacts_before_form(9, 9)', DENIED],
  ['select * from introzy_server_secrets()', DENIED],
  ['select introzy_erase_audit_log(null, 0)', DENIED],
  [`select introzy_erase_audit_person(gen_random_uuid(), '{}')`, DENIED],
  ['truncate contacts', DENIED],
  ['delete from audit_log', DENIED],
  ['delete from audit_seals', DENIED],
];

separated('SQL injected into a tenant’s transaction gets nowhere, in the transaction and in the next', async () => {
  await using app = await testApp({ isAlone: true });
  await using session = await openSession(app);
  const { one, other } = app;
  const counts = await fillTables(app);
  for (const [statement, answer] of ATTACKS) {
    const outcome = await session.tenant
      .transaction()
      .execute(async (trx) => [await tryIn(trx, statement), await reach(trx, other)])
      // With row_security off, PostgreSQL refuses a query rather than show the rows that a policy hides.
      .catch((error: { code?: string }) => error.code);
    const expected = [
      typeof answer === 'string' ? answer : answer(one),
      { seen: NOTHING, actsAs: expect.stringMatching(/^introzy_(service|app)$/), isReal: true },
    ];
    expect(outcome, statement).toEqual(statement.includes('row_security') ? DENIED : expected);
    const afterwards = await session.tenant.selectFrom('contacts').select('organization_id').distinct().execute();
    expect(afterwards, `after ${statement}`).toEqual([{ organization_id: one.id }]);
    await session.reset();
  }
  expect((await reach(asOperator(app.db, other.id), other)).seen).toEqual(counts);
});

separated(
  'Injected SQL that names another organization’s id reaches all that this organization’s own transactions reach',
  async () => {
    await using app = await testApp({ isAlone: true });
    await using session = await openSession(app);
    const { other } = app;
    const counts = await fillTables(app);
    await session.tenant.transaction().execute(async (trx) => {
      expect(await reach(trx, other)).toMatchObject({ seen: NOTHING });
      await tryIn(trx, `select set_config('introzy.organization_id', '${other.id}', true)`);
      expect(await reach(trx, other)).toMatchObject({ seen: counts });
      expect(await tryIn(trx, `update contacts set notes = 'seen' where organization_id = '${other.id}'`)).toEqual([]);
      // Keys are kept as digests, and what opens an account or a session is out of reach.
      const secrets = await tryIn(trx, 'select * from api_key_secrets');
      expect(JSON.stringify(secrets)).not.toContain(other.key);
      for (const secret of ['token from sessions', 'password from accounts', 'value from verifications']) {
        expect(await tryIn(trx, `select ${secret}`), secret).toBe(DENIED);
      }
      expect(await tryIn(trx, `delete from api_keys`)).toBe(DENIED);
      await sql`rollback`.execute(trx);
    });
    expect(await reach(session.tenant, other)).toMatchObject({ seen: NOTHING });
  },
);

separated('A login that has changed its own settings is refused at the next start', async () => {
  await using app = await testApp({ isAlone: true });
  const wanted = {
    role: 'introzy_app' as const,
    owner: { login: 'introzy_owner', schema: 'public' },
    limits: { statement_timeout: 20_000, lock_timeout: 20_000, idle_in_transaction_session_timeout: 10_000 },
  };
  const findFaults = async () => {
    await using session = await openSession(app);
    expect(await findLoginFaults(asAccounts(session.db), { ...wanted, role: 'introzy_auth' })).toEqual([]);
    return (await findLoginFaults(asNobody(session.db), wanted)).map(({ fault }) => fault);
  };
  expect(await findFaults()).toEqual([]);
  // PostgreSQL lets every login change the defaults of its own sessions, and its own password.
  const { rows } = await sql<{ name: string }>`select current_database() as name`.execute(app.db.root);
  const own = `alter role introzy_service in database ${rows[0]?.name}`;
  for (const [setting, fault] of [
    ['statement_timeout = 0', 'has the statement_timeout 0, and not one from 1ms to 20000ms'],
    ['lock_timeout = 0', 'has the lock_timeout 0, and not one from 1ms to 20000ms'],
    ['search_path = pg_temp, public', 'has the search_path pg_temp, public, which does not end with pg_temp'],
  ] as const) {
    await using session = await openSession(app);
    await sql.raw(`${own} set ${setting}`).execute(session.tenant);
    expect(await findFaults()).toEqual([fault]);
    await sql.raw(`${own} reset all`).execute(session.tenant);
  }
  const owner = await findLoginFaults(app.db.root, wanted);
  expect([...new Set(owner.map(({ fault }) => fault))]).toEqual([
    'may create roles',
    'is a member of introzy_auth',
    'is a member of introzy_lookup',
    'may make others members of introzy_app',
    expect.stringMatching(/^owns the database introzy_.* and \d+ more$/),
    'has rights of its own on public.introzy_contacts_before_form(integer,integer)',
    'has rights of its own on public.introzy_erase_audit_log(pg_catalog.uuid,integer)',
    'has rights of its own on public.introzy_erase_audit_person(pg_catalog.uuid,pg_catalog.text[])',
    'has rights of its own on public.introzy_server_secrets()',
    'may create schemas',
    'may create tables and functions in the schema public',
    'may create temporary tables',
    'has the idle_in_transaction_session_timeout 15min, and not one from 1ms to 10000ms',
    'has the lock_timeout 0, and not one from 1ms to 20000ms',
    'has the statement_timeout 0, and not one from 1ms to 20000ms',
  ]);
});

test.skipIf(isSeparated)('With a single login, the same SQL does get somewhere', async () => {
  await using app = await testApp();
  const { one, other } = app;
  const counts = await fillTables(app);
  await asOperator(app.db, one.id)
    .transaction()
    .execute(async (trx) => {
      expect(await tryIn(trx, 'reset role')).toEqual([]);
      // These tables do not force row-level security upon their owner.
      const unforced = {
        ...NOTHING,
        organizations: counts.organizations,
        organization_settings: counts.organization_settings,
        sessions: counts.sessions,
        session_proofs: counts.session_proofs,
        users: counts.users,
      };
      expect(await reach(trx, other)).toMatchObject({ seen: unforced, actsAs: 'introzy_owner' });
      expect(await tryIn(trx, 'alter table contacts no force row level security')).toEqual([]);
      expect(await reach(trx, other)).toMatchObject({ seen: { ...unforced, contacts: counts.contacts } });
      await sql`rollback to before`.execute(trx);
    });
});
