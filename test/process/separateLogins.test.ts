import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { commandLine } from '../helpers/commandLine.ts';
import { runAs } from '../helpers/database.ts';
import { until } from '../helpers/instance.ts';
import { makePlace, refusal, startService } from '../helpers/service.ts';

const PATIENCE = { timeout: 180_000 };

/** Names of logins that no other test uses. Logins are the server's, not the database's. */
function makeNames() {
  const suffix = randomUUID().slice(0, 8);
  return { service: `service $$_${suffix}`, accounts: `accounts'%_${suffix}`, owner: `"owner's 100%"_${suffix}` };
}

/** An empty database, with the logins that `introzy setup --roles` makes, run twice as a superuser. */
async function makeSeparate() {
  const place = await makePlace('postgres');
  const cli = await commandLine();
  const names = makeNames();
  const at = (login: string) =>
    Object.assign(new URL(place.environment.DATABASE_URL as string), {
      username: encodeURIComponent(login),
      password: '',
    }).href;
  const given = {
    DATABASE_URL: at(names.service),
    DATABASE_ACCOUNTS_URL: at(names.accounts),
    DATABASE_MIGRATION_URL: at(names.owner),
  };
  const printed = await cli.run(['setup', '--roles', '--json'], { env: given });
  expect([printed.status, printed.stderr]).toEqual([0, '']);
  const { sql, environment } = JSON.parse(printed.stdout) as { sql: string; environment: Record<string, string> };
  for (let time = 0; time < 2; time++) await runAs(place.adminUrl, [sql]);
  return {
    names,
    adminUrl: place.adminUrl,
    environment: { ...place.environment, ...environment },
    run: (args: string[]) => cli.run(args, { env: { ...place.environment, ...environment } }),
    async [Symbol.asyncDispose]() {
      await cli[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;

test('With separate logins the owner migrates and never serves, and commands work', PATIENCE, async () => {
  await using made = await makeSeparate();
  const { names, environment, adminUrl } = made;
  const setup = await made.run(['setup', '--organization', 'Acme', '--email', 'ada@example.com', '--json']);
  expect([setup.status, setup.stderr]).toEqual([0, '']);
  const { key, email, password } = JSON.parse(setup.stdout);
  const list = await made.run(['keys', 'list', '--organization', 'Acme', '--json']);
  expect(JSON.parse(list.stdout).items).toHaveLength(1);

  await using service = await startService(environment);
  const created = await service.call(key, 'POST', '/api/contacts', { name: 'Ada' });
  expect([created.status, created.body.data.name]).toEqual([201, 'Ada']);
  const signIn = await fetch(`${service.address}/api/auth/sign-in/email`, {
    method: 'POST',
    headers: { origin: service.address, 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  });
  expect(signIn.status).toBe(200);
  const connected = async () => {
    const [answer] = await runAs(adminUrl, [
      `select distinct usename::text as name from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
    ]);
    return (answer?.rows ?? []).map(({ name }: { name: string }) => name).sort();
  };
  // The owner's connection ends once the work of migrations beside the service is done.
  await until(async () => !(await connected()).includes(names.owner), 'the owner is disconnected');
  expect(await connected()).toEqual([names.accounts, names.service].sort());
});

test('A start refuses logins that may do more than their part, and says what to do', PATIENCE, async () => {
  await using made = await makeSeparate();
  const { names, environment, adminUrl } = made;
  const refused = (change: Record<string, string> = {}) => refusal({ ...environment, ...change });
  const migrated = await made.run(['migrate']);
  expect([migrated.status, migrated.stderr]).toEqual([0, '']);
  for (const [statements, back, sentence] of [
    [
      `grant introzy_auth to ${quote(names.service)}`,
      `revoke introzy_auth from ${quote(names.service)}`,
      'is a member of introzy_auth',
    ],
    [
      `alter role ${quote(names.service)} createrole`,
      `alter role ${quote(names.service)} nocreaterole`,
      'may create roles',
    ],
    [
      `alter role ${quote(names.service)} superuser`,
      `alter role ${quote(names.service)} nosuperuser`,
      'is a superuser',
    ],
    [
      `alter role ${quote(names.service)} reset lock_timeout`,
      `alter role ${quote(names.service)} set lock_timeout = '1s'`,
      'has no lock_timeout',
    ],
    [
      `revoke introzy_app from ${quote(names.service)} granted by ${quote(names.owner)}`,
      `grant introzy_app to ${quote(names.service)}`,
      'is no member of introzy_app',
    ],
  ]) {
    await runAs(adminUrl, [statements as string]);
    const said = await refused();
    expect(said).toContain(`The login ${names.service} in DATABASE_URL`);
    expect(said).toContain(sentence);
    expect(said).toContain('setup --roles');
    await runAs(adminUrl, [back as string]);
  }
  await runAs(adminUrl, [`grant introzy_app to ${quote(names.accounts)}`]);
  expect(await refused()).toContain(`The login ${names.accounts} in DATABASE_ACCOUNTS_URL is a member of introzy_app`);
  const { DATABASE_MIGRATION_URL = '' } = environment as Record<string, string>;
  expect(await refused({ DATABASE_URL: DATABASE_MIGRATION_URL })).toContain('must have a login each');
  expect(await refused({ DATABASE_ACCOUNTS_URL: '' })).toContain('DATABASE_ACCOUNTS_URL must be set too');
});

test('The SQL of the logins is printed without a database, and takes no organization', async () => {
  await using cli = await commandLine();
  const { status, stdout } = await cli.run(['setup', '--roles'], { env: { DATABASE_URL: '' } });
  expect(status).toBe(0);
  expect(stdout).toMatch(/^-- .*\n[\s\S]*begin;[\s\S]*commit;\n$/);
  for (const name of ['introzy_service', 'introzy_accounts', 'introzy_owner']) expect(stdout).toContain(`"${name}"`);
  const both = await cli.run(['setup', '--roles', '--organization', 'Acme']);
  expect([both.status, both.stderr]).toEqual([1, expect.stringContaining('leave out --organization')]);
  const wrong = await cli.run(['setup', '--roles'], { env: { DATABASE_URL: 'mysql://root@127.0.0.1/x' } });
  expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringContaining('DATABASE_URL is not valid')]);
});
