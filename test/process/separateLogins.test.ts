import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { completeLogins } from '../../server/cli/rolesSql.ts';
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
    run: (args: string[], change: Record<string, string> = {}) =>
      cli.run(args, { env: { ...place.environment, ...environment, ...change } }),
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
  const signIn = () =>
    fetch(`${service.address}/api/auth/sign-in/email`, {
      method: 'POST',
      headers: { origin: service.address, 'content-type': 'application/json' },
      body: JSON.stringify({ email, password }),
    });
  expect((await signIn()).status).toBe(200);
  const connected = async () => {
    const [answer] = await runAs(adminUrl, [
      `select distinct usename::text as name from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
    ]);
    return (answer?.rows ?? []).map(({ name }: { name: string }) => name).sort();
  };
  // The owner's connection ends once the work of migrations beside the service is done.
  await until(async () => !(await connected()).includes(names.owner), 'the owner is disconnected');
  // A connection that nobody uses ends too: both logins connect anew.
  expect((await service.call(key, 'GET', '/api/contacts')).status).toBe(200);
  expect((await signIn()).status).toBe(200);
  expect(await connected()).toEqual([names.accounts, names.service].sort());
});

test(
  'A start refuses logins that may do more than their part, and prints the SQL that mends them',
  PATIENCE,
  async () => {
    await using made = await makeSeparate();
    const { names, environment, adminUrl } = made;
    const migrated = await made.run(['migrate']);
    expect([migrated.status, migrated.stderr]).toEqual([0, '']);
    for (const { variable, login, change, sentence } of [
      {
        variable: 'DATABASE_URL',
        login: names.service,
        change: [
          `grant introzy_auth, pg_read_all_data to ${quote(names.service)}`,
          `alter role ${quote(names.service)} reset lock_timeout`,
        ],
        sentence:
          'is a member of introzy_auth; is a member of pg_read_all_data; has the lock_timeout 0, and not one from 1ms to 1000ms.',
      },
      {
        variable: 'DATABASE_ACCOUNTS_URL',
        login: names.accounts,
        change: [`grant introzy_app to ${quote(names.accounts)}`],
        sentence: 'is a member of introzy_app.',
      },
    ]) {
      await runAs(adminUrl, change);
      const said = await refusal(environment);
      expect(said).toContain(`The login ${login} in ${variable} ${sentence} Run this as an administrator`);
      expect(said).toContain('setup --roles');
      const mends = said.match(/^ {2}.*;$/gm) ?? [];
      expect(mends).toHaveLength(sentence.split(';').length);
      await runAs(adminUrl, mends);
    }
    await using service = await startService(environment);
    expect((await fetch(`${service.address}/readyz`)).status).toBe(200);
  },
);

test('A start refuses addresses that cannot belong together, and shows no password', PATIENCE, async () => {
  await using made = await makeSeparate();
  await using elsewhere = await makeSeparate();
  const { names, environment } = made;
  const url = (variable: string) => (environment as Record<string, string>)[variable] as string;
  const change = (variable: string, parts: Partial<Pick<URL, 'pathname' | 'password' | 'username'>>) => ({
    [variable]: Object.assign(new URL(url(variable)), parts).href,
  });
  const other = new URL(elsewhere.adminUrl).pathname;
  const here = new URL(made.adminUrl).pathname;
  const refused: [Record<string, string>, string][] = [
    [{ DATABASE_URL: url('DATABASE_MIGRATION_URL') }, 'must have a login each'],
    [change('DATABASE_URL', { username: new URL(url('DATABASE_MIGRATION_URL')).username }), 'must have a login each'],
    [{ DATABASE_ACCOUNTS_URL: '' }, 'DATABASE_ACCOUNTS_URL must be set too'],
    [
      change('DATABASE_ACCOUNTS_URL', { pathname: other }),
      `DATABASE_ACCOUNTS_URL leads to another database than DATABASE_MIGRATION_URL: to ${other.slice(1)}, and to ${here.slice(1)}`,
    ],
    [change('DATABASE_URL', { pathname: other }), 'DATABASE_URL leads to another database than DATABASE_MIGRATION_URL'],
    ...['DATABASE_URL', 'DATABASE_ACCOUNTS_URL', 'DATABASE_MIGRATION_URL'].flatMap((variable, index) => [
      [
        change(variable, { password: 'wrong-password' }),
        `The database in ${variable} could not be prepared: The database cannot be reached: password authentication failed for user "${
          [names.service, names.accounts, names.owner][index]
        }"`,
      ] as [Record<string, string>, string],
      [
        change(variable, { password: 'wrong-password%ff' }),
        `${variable} is not valid: a % in it begins no character`,
      ] as [Record<string, string>, string],
    ]),
  ];
  const said = await Promise.all(refused.map(([changed]) => refusal({ ...environment, ...changed })));
  for (const [index, [, sentence]] of refused.entries()) {
    expect(said[index]).toContain(sentence);
    expect(said[index]).not.toContain('wrong-password');
  }
  // The driver takes a `%` that begins no character as it stands.
  await runAs(made.adminUrl, [`alter role ${quote(names.owner)} password '50%!'`]);
  const { status, stderr } = await made.run(['migrate'], {
    DATABASE_MIGRATION_URL: url('DATABASE_MIGRATION_URL').replace(/:[^:@]*@/, ':50%!@'),
  });
  expect([status, stderr]).toEqual([0, '']);
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
  for (const args of [
    ['setup', '--roles'],
    ['migrate'],
    ['setup', '--organization', 'A', '--email', 'a@example.com'],
  ]) {
    const malformed = await cli.run(args, { env: { DATABASE_URL: 'postgres://u:secret%ff@127.0.0.1/x' } });
    expect(malformed).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^error: DATABASE_URL is not valid: a % in it begins no character.*\n$/),
    });
  }
});

test('Names of logins are refused that cannot serve', () => {
  const url = 'postgres://one@127.0.0.1/x';
  for (const [given, sentence] of [
    [
      { DATABASE_URL: url, DATABASE_ACCOUNTS_URL: url },
      /^DATABASE_URL and DATABASE_ACCOUNTS_URL name the same login, one\./,
    ],
    [
      { DATABASE_URL: 'postgres://x_owner@127.0.0.1/x' },
      /^DATABASE_URL and DATABASE_MIGRATION_URL name the same login, x_owner\./,
    ],
    [{ DATABASE_URL: 'postgres://introzy_app@127.0.0.1/x' }, /^introzy_app in DATABASE_URL is a role of the service/],
    [
      { DATABASE_URL: `postgres://one@127.0.0.1/${'x'.repeat(60)}` },
      /longer than 63 bytes\. Set DATABASE_ACCOUNTS_URL/,
    ],
  ] as const) {
    expect(() => completeLogins(given)).toThrow(sentence);
  }
});
