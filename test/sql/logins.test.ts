import { randomUUID } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { findLoginFaults, restoreRights, type ServingRole } from '../../db/logins.ts';
import { openDatabase } from '../../db/open.ts';
import { PATIENT_LIMITS, runAs } from '../helpers/database.ts';
import { openTestDatabase } from '../helpers/testDatabase.ts';

const { deadline, ...timeouts } = PATIENT_LIMITS;
const open = (url: string) =>
  openDatabase({ kind: 'postgres', timeouts, options: { url, poolSize: 1, deadline, prepare: true } });

const opened = await openTestDatabase();
const adminUrl = opened.adminUrl as string;
const database = new URL(adminUrl).pathname.slice(1);

// Logins are the server's, so these logins have names that no other test uses.
const suffix = randomUUID().slice(0, 8);
const login = `a "login" 100%_${suffix}`;
const quoted = `"${login.replaceAll('"', '""')}"`;
const group = `group_${suffix}`;
const LIMITS = { statement_timeout: 1_300, lock_timeout: 1_000, idle_in_transaction_session_timeout: 10_000 };
await runAs(adminUrl, [
  `create role ${quoted} login password 'login'`,
  ...Object.entries(LIMITS).map(([name, value]) => `alter role ${quoted} set ${name} = ${value}`),
  `alter role ${quoted} set search_path = public, pg_temp`,
  `grant introzy_app to ${quoted}`,
  `create role ${group}`,
]);
afterAll(async () => {
  await runAs(adminUrl, [`drop owned by ${quoted}`, `drop role ${quoted}, ${group}`]);
  await opened.close();
});

const url = Object.assign(new URL(adminUrl), { username: encodeURIComponent(login), password: 'login' }).href;

/** The faults of the login in a new session, because defaults act from the next session on. */
async function findFaults(role: ServingRole = 'introzy_app') {
  const db = await open(url);
  try {
    return await findLoginFaults(db.root, {
      role,
      owner: { login: 'introzy_owner', schema: 'public' },
      limits: LIMITS,
    });
  } finally {
    await db.close();
  }
}

/** The faults that come with an owner's rights. */
const MAY_CREATE = [
  'may create schemas',
  'may create tables and functions in the schema public',
  'may create temporary tables',
];

test.each<{ change: string[]; fault: string; others?: string[] }>([
  { change: [`alter role ${quoted} superuser`], fault: 'has all rights as a superuser' },
  {
    change: [`alter role ${quoted} superuser createdb`],
    fault: 'has all rights as a superuser',
    others: ['may create databases'],
  },
  { change: [`alter role ${quoted} bypassrls`], fault: 'is held by no row-level security' },
  { change: [`alter role ${quoted} createrole`], fault: 'may create roles' },
  { change: [`alter role ${quoted} createdb`], fault: 'may create databases' },
  { change: [`alter role ${quoted} replication`], fault: 'may read all data by replication' },
  ...['pg_execute_server_program', 'pg_read_all_data', 'pg_write_all_data', 'introzy_auth'].map((role) => ({
    change: [`grant ${role} to ${quoted}`],
    fault: `is a member of ${role}`,
  })),
  {
    change: [`grant introzy_owner to ${quoted}`],
    fault: 'is a member of introzy_owner',
    others: MAY_CREATE,
  },
  // Who gave the membership is a part of the membership.
  {
    change: [`grant introzy_auth to ${group} with admin option`, `grant introzy_auth to ${quoted} granted by ${group}`],
    fault: 'is a member of introzy_auth',
  },
  {
    change: [`grant pg_monitor to ${group}`, `grant ${group} to ${quoted} with inherit false, set false`],
    fault: `is a member of ${group}`,
  },
  { change: [`grant introzy_app to ${quoted} with admin option`], fault: 'may make others members of introzy_app' },
  { change: [`revoke introzy_app from ${quoted}`], fault: 'is no member of introzy_app' },
  { change: [`grant introzy_app to ${quoted} with inherit false`], fault: 'is no member of introzy_app' },
  { change: ['create table t ()', `alter table t owner to ${quoted}`], fault: 'owns the table t' },
  {
    change: [
      'create function f(int) returns int language sql return 1',
      `alter function f(int) owner to ${quoted}`,
      'create view v as select',
      `alter view v owner to ${quoted}`,
    ],
    fault: 'owns the function f(integer), view v',
  },
  {
    change: [`create schema own authorization ${quoted}`],
    fault: 'owns the schema own',
    others: ['may create tables and functions in the schema own'],
  },
  {
    change: [`alter database ${database} owner to ${quoted}`],
    fault: `owns the database ${database}`,
    others: MAY_CREATE,
  },
  {
    change: [`grant select (digest) on api_key_secrets to ${quoted}`, `grant insert on api_key_secrets to ${quoted}`],
    fault: 'has rights of its own on public.api_key_secrets',
  },
  {
    change: [`grant usage on sequence introzy_uuid_counter to ${quoted}`],
    fault: 'has rights of its own on public.introzy_uuid_counter',
  },
  {
    change: [`grant execute on function introzy_organizations_to_notify(int) to ${quoted}`],
    fault: 'has rights of its own on public.introzy_organizations_to_notify(integer)',
  },
  { change: [`grant create on database ${database} to ${quoted}`], fault: 'may create schemas' },
  { change: [`grant temporary on database ${database} to public`], fault: 'may create temporary tables' },
  { change: [`grant temporary on database ${database} to introzy_app`], fault: 'may create temporary tables' },
  {
    change: ['grant create on schema public to public'],
    fault: 'may create tables and functions in the schema public',
  },
  {
    change: ['create schema other', `grant create on schema other to ${quoted}`],
    fault: 'may create tables and functions in the schema other',
  },
  {
    change: [`alter role ${quoted} reset statement_timeout`],
    fault: 'has the statement_timeout 0, and not one from 1ms to 1300ms',
  },
  {
    change: [`alter role ${quoted} set lock_timeout = '24h'`],
    fault: 'has the lock_timeout 1d, and not one from 1ms to 1000ms',
  },
  {
    change: [`alter role ${quoted} in database ${database} set idle_in_transaction_session_timeout = 10001`],
    fault: 'has the idle_in_transaction_session_timeout 10001ms, and not one from 1ms to 10000ms',
  },
  {
    change: [`alter role ${quoted} set search_path = pg_temp, public`],
    fault: 'has the search_path pg_temp, public, which does not end with pg_temp',
  },
  {
    change: [`alter role ${quoted} in database ${database} set search_path = pg_temp`],
    fault: 'does not find the tables by its search_path pg_temp',
  },
])(
  'A login that $fault is not to serve, and the SQL mends the login: $change',
  async ({ change, fault, others = [] }) => {
    expect(await findFaults()).toEqual([]);
    await runAs(adminUrl, change);
    const faults = await findFaults();
    // The SQL is run before the assertions, so that a failure is this test's alone.
    await runAs(adminUrl, [...new Set(faults.map(({ mend }) => mend))]);
    expect([...new Set(faults.map((found) => found.fault))]).toEqual([fault, ...others]);
    expect(await findFaults()).toEqual([]);
  },
);

test('A limit below the service’s own is a limit, and the role that is asked for counts', async () => {
  await runAs(adminUrl, [`alter role ${quoted} in database ${database} set statement_timeout = '1200ms'`]);
  expect(await findFaults()).toEqual([]);
  await runAs(adminUrl, [`alter role ${quoted} in database ${database} set statement_timeout = '1300ms'`]);
  expect((await findFaults('introzy_auth')).map(({ fault }) => fault)).toEqual([
    'is a member of introzy_app',
    'is no member of introzy_auth',
  ]);
});

test('What a restore has lost is put back by the owner: no temporary tables, a search path and a limit', async () => {
  const rights = `select has_database_privilege('public', current_database(), 'temporary') as temporary,
    (select setconfig from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
      where d.datname = current_database() and setrole = 'introzy_owner'::regrole) as settings`;
  const read = async () => (await runAs(adminUrl, [rights]))[0]?.rows[0];
  const before = await read();
  await runAs(adminUrl, [
    `alter database ${database} owner to introzy_owner`,
    `grant temporary on database ${database} to public`,
    `alter role introzy_owner in database ${database} reset all`,
  ]);
  expect(await read()).toEqual({ temporary: true, settings: null });
  const owners = await Promise.all(Array.from({ length: 5 }, () => open(opened.url as string)));
  await Promise.all(owners.map(restoreRights)).finally(() => Promise.all(owners.map((owner) => owner.close())));
  expect(await read()).toEqual({
    temporary: false,
    settings: ['search_path=public, pg_temp', 'idle_in_transaction_session_timeout=15min'],
  });
  expect(before.temporary).toBe(false);
});
