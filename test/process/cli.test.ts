import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { first, migrations } from '../../db/migrationList.ts';
import { createProgram } from '../../server/cli/program.ts';
import { takeDataDirectory } from '../../server/start/dataDirectory.ts';
import { isKey, KEY_ANYWHERE } from '../../shared/keyFormat.ts';
import { type CommandLine, commandLine } from '../helpers/commandLine.ts';
import { UUID } from '../helpers/refusals.ts';

let cli: CommandLine;
beforeAll(async () => {
  cli = await commandLine();
});
afterAll(() => cli[Symbol.asyncDispose]());

/** Makes an organization. Commands name the organization by its id, as other tests make organizations too. */
async function setUp() {
  const name = `Acme ${randomUUID()}`;
  const made = await cli.json('setup', '--organization', name, '--email', 'ada@example.com');
  return { name, id: made.organizationId as string, key: made.key as string };
}

/** Made once for all tests: each run of the command takes a process. */
let acme: ReturnType<typeof setUp> | undefined;
let other: ReturnType<typeof setUp> | undefined;
const sharedAcme = () => (acme ??= setUp());
const sharedOther = () => (other ??= setUp());

const ALL = 'contacts:read,contacts:write,keys:manage';
const issue = (organizationId: string) =>
  cli.json('keys', 'issue', '--organization', organizationId, '--name', 'A key', '--scopes', ALL);

const daysUntil = (date: string) => Math.round((Date.parse(date) - Date.now()) / 86_400_000);

describe('before there is an organization', () => {
  test('migrate names what it ran, and has nothing to do the second time', async () => {
    // The work beside the service, too.
    expect((await cli.json('migrate')).migrated.sort()).toEqual(
      [...Object.keys(first), ...Object.keys(migrations)].sort(),
    );
    expect(await cli.json('migrate')).toEqual({ migrated: [] });
    expect((await cli.run(['migrate'])).stdout).toBe('The database is at the newest schema.\n');
  });

  test('a command that needs an organization says how to make one', async () => {
    const { status, stdout, stderr } = await cli.run(['keys', 'list']);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^error: There is no organization yet\. Make one: .* setup --organization NAME/);
  });

  test('the only organization need not be named', async () => {
    const { id } = await sharedAcme();
    const { apiKey } = await cli.json('keys', 'issue', '--name', 'CI');
    expect(apiKey).toMatchObject({ organizationId: id, name: 'CI' });
  });
});

describe('setup', () => {
  test('makes an organization and a key with all scopes that works', async () => {
    const made = await cli.json('setup', '--organization', ' Übung & Söhne ', '--email', ' bob@example.com ');
    expect(Object.keys(made)).toEqual(['organizationId', 'email', 'password', 'key']);
    expect(await cli.signIn(made.email, made.password)).toBe(200);
    expect(await cli.signIn(made.email, `${made.password}x`)).toBe(401);
    expect(made.email).toBe('bob@example.com');
    expect(isKey(made.key)).toBe(true);
    const { status, body } = await cli.call(made.key, '/api/keys/current');
    expect(status).toBe(200);
    expect(body.data).toMatchObject({
      organizationId: made.organizationId,
      scopes: ['contacts:read', 'contacts:write', 'keys:manage'],
      createdBy: { type: 'person', name: 'bob@example.com' },
    });
    // A person with an account keeps the account's password.
    const second = await cli.json('setup', '--organization', 'Another of Bob', '--email', 'BOB@example.com');
    expect(second.password).toBeNull();
    expect(await cli.signIn(made.email, made.password)).toBe(200);
    const again = await cli.run(['setup', '--organization', 'Übung & Söhne', '--email', 'eve@example.com', '--json']);
    expect(again).toMatchObject({ status: 1, stdout: '' });
    expect(again.stderr).toMatch(/^error: There is an organization of this name already\./);
  });

  test('prints the key once, and again only in the curl line', async () => {
    const { status, stdout, stderr } = await cli.run([
      ...['setup', '--organization', `Acme ${randomUUID()}`, '--email', 'ada@example.com'],
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [key = ''] = stdout.match(KEY_ANYWHERE) ?? [];
    const curl = `curl -H 'Authorization: Bearer ${key}' http://127.0.0.1:3000/api/contacts`;
    expect(stdout).toContain(curl);
    expect(stdout.replace(curl, '').match(KEY_ANYWHERE)).toEqual([key]);
    expect((await cli.call(key, '/api/contacts')).status).toBe(200);
  });
});

describe('keys', () => {
  test('are issued for the organization of an id or of a name, by its owner', async () => {
    const { id, name } = await sharedAcme();
    const byDefault = await cli.json('keys', 'issue', '--organization', id, '--name', 'CI');
    expect(byDefault.apiKey).toMatchObject({
      name: 'CI',
      state: 'active',
      scopes: ['contacts:read', 'contacts:write'],
      createdBy: { type: 'person', id: expect.stringMatching(UUID), name: 'ada@example.com' },
    });
    expect(daysUntil(byDefault.apiKey.expiresAt)).toBe(90);
    const scopes = 'keys:manage, contacts:read';
    const chosen = await cli.json(
      ...['keys', 'issue', '--organization', name, '--name', 'B', '--days', '30', '--scopes', scopes],
    );
    expect(chosen.apiKey).toMatchObject({ organizationId: id, scopes: ['contacts:read', 'keys:manage'] });
    expect(daysUntil(chosen.apiKey.expiresAt)).toBe(30);
    expect((await cli.call(chosen.key, '/api/keys/current')).body.data.id).toBe(chosen.apiKey.id);
  });

  test('are listed newest first, without a secret', async () => {
    const { id, key } = await setUp();
    const { key: second, apiKey } = await cli.json('keys', 'issue', '--organization', id, '--name', 'Zwei');
    const { items } = await cli.json('keys', 'list', '--organization', id);
    expect(items.map((item: { name: string }) => item.name)).toEqual(['Zwei', 'First key']);
    const refused = await cli.run(['keys', 'issue', '--organization', id, '--name', 'Zwei\u001b[31m']);
    expect([refused.status, refused.stdout]).toEqual([1, '']);
    expect(items[0]).toEqual(apiKey);
    const { stdout } = await cli.run(['keys', 'list', '--organization', id]);
    const [heading, ...rows] = stdout.trimEnd().split('\n');
    expect(heading).toMatch(/^ID +NAME +KEY +STATE +SCOPES +EXPIRES \(UTC\) +LAST USED \(UTC\)$/);
    expect(rows[0]).toContain(apiKey.hint);
    expect(rows[0]?.indexOf('active')).toBe(heading?.indexOf('STATE'));
    expect(stdout).not.toContain('\u001b');
    expect(stdout).not.toContain(key);
    expect(stdout).not.toContain(second);
  });

  test('are rotated with a grace or without, also ones with all scopes', async () => {
    const { id } = await sharedAcme();
    const { key, apiKey: first } = await issue(id);
    const rotated = await cli.json('keys', 'rotate', first.id, '--organization', id, '--days', '365');
    expect(rotated.apiKey).toMatchObject({ id: first.id, name: first.name, scopes: first.scopes });
    expect(daysUntil(rotated.apiKey.expiresAt)).toBe(365);
    // Uses the new secret: a rotation after a rotation whose secret nobody used would only replace that secret.
    for (const used of [key, rotated.key]) expect((await cli.call(used, '/api/keys/current')).status).toBe(200);
    const cut = await cli.json('keys', 'rotate', first.id, '--organization', id, '--grace-hours', '0');
    // As many days as the key had.
    expect(daysUntil(cut.apiKey.expiresAt)).toBe(365);
    expect((await cli.call(key, '/api/keys/current')).status).toBe(401);
    expect((await cli.call(rotated.key, '/api/keys/current')).status).toBe(401);
    expect((await cli.call(cut.key, '/api/keys/current')).status).toBe(200);
  });

  test('have older secrets, which end-grace cuts off', async () => {
    const { id } = await sharedAcme();
    const { key, apiKey: first } = await issue(id);
    const rotated = await cli.json('keys', 'rotate', first.id, '--organization', id);
    expect((await cli.call(key, '/api/keys/current')).status).toBe(200);
    const { apiKey } = await cli.json('keys', 'end-grace', first.id, '--organization', id);
    expect(apiKey).toMatchObject({ id: first.id, state: 'active', hint: rotated.apiKey.hint });
    expect((await cli.call(key, '/api/keys/current')).body.details.reason).toBe('API key has expired');
    expect((await cli.call(rotated.key, '/api/keys/current')).status).toBe(200);
  });

  test('have settings, which update gives and takes away, and leaves where they are not named', async () => {
    const { id } = await sharedAcme();
    const { apiKey: first } = await issue(id);
    const update = (...args: string[]) =>
      cli.run(['keys', 'update', first.id, '--organization', id, '--json', ...args]);
    const changed = async (...args: string[]) => JSON.parse((await update(...args)).stdout).apiKey;
    const limits = { rateLimit: 30, allowedAddresses: ['192.0.2.1/32', '2001:db8::/32'], addressMode: 'report' };
    const given = ['--rate-limit', '30', '--allowed-addresses', '192.0.2.1, 2001:DB8::/32', '--address-mode', 'report'];
    expect(await changed('--description', 'For tests', '--environment', 'staging', '--self-rotate', ...given)).toEqual({
      ...first,
      ...limits,
      description: 'For tests',
      environment: 'staging',
      selfRotate: true,
    });
    expect(await changed('--name', 'Renamed')).toMatchObject({ ...limits, name: 'Renamed', environment: 'staging' });
    const none = ['--description', '', '--environment', '', '--rate-limit', '', '--allowed-addresses', ''];
    expect(await changed(...none, '--address-mode', 'enforce', '--no-self-rotate')).toEqual({
      ...first,
      name: 'Renamed',
    });
    const refused = await update('--rate-limit', '1000000');
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^error: --rate-limit must be at most \d+, the rate of the service\.\n$/);
    expect((await update('--environment', 'moon')).stderr).toMatch(
      /^error: --environment must be development, staging/,
    );
  });

  test('are counted by the outcomes of their calls, all together or day by day', async () => {
    const { id, key } = await setUp();
    const { apiKey } = await cli.json('keys', 'issue', '--organization', id, '--name', 'Unused');
    for (const path of ['/api/keys/current', '/api/contacts?limit=0', '/api/contacts?limit=none']) {
      await cli.call(key, path);
    }
    const usage = async (...args: string[]) => await cli.json('keys', 'usage', ...args, '--organization', id);
    const { to, keys } = await usage();
    const total = { ok: 1, clientError: 2, limited: 0, failed: 0 };
    expect(keys).toMatchObject([
      { id: apiKey.id, name: 'Unused', days: [] },
      { name: 'First key', total, days: [{ date: to, ...total }] },
    ]);
    expect((await usage(apiKey.id)).keys).toEqual([keys[0]]);
    const { stdout } = await cli.run(['keys', 'usage', keys[1].id, '--organization', id]);
    expect(stdout).toMatch(new RegExp(`DATE +OK +CLIENT ERROR +LIMITED +FAILED\n${to} +1 +2 +0 +0\nall days +1 +2`));
    const all = await cli.run(['keys', 'usage', '--organization', id]);
    expect(all.stdout).toMatch(
      /ID +NAME +KEY +STATE +OK +CLIENT ERROR +LIMITED +FAILED\n.* Unused .* 0 +0 +0 +0\n.* 1 +2/,
    );
  });

  test('are revoked for good', async () => {
    const { id } = await sharedAcme();
    const { key, apiKey: first } = await issue(id);
    const { apiKey } = await cli.json('keys', 'revoke', first.id, '--organization', id);
    expect(apiKey).toMatchObject({ id: first.id, state: 'revoked', descendants: [] });
    expect((await cli.call(key, '/api/keys/current')).body.details).toEqual({ reason: 'API key has been revoked' });
    const rotation = await cli.run(['keys', 'rotate', first.id, '--organization', id]);
    expect(rotation).toMatchObject({ status: 1, stdout: '' });
    expect(rotation.stderr).toMatch(/^error: A revoked key has no secret that works\. Issue a new one: /);
    const { items } = await cli.json('keys', 'list', '--organization', id, '--state', 'revoked');
    expect(items.map((item: { id: string }) => item.id)).toContain(first.id);
    expect(items.map((item: { state: string }) => item.state)).toEqual(items.map(() => 'revoked'));
  });

  test('are revoked with the keys that they issued, unless those are to be kept', async () => {
    const { id } = await sharedAcme();
    for (const [options, status, state] of [
      [[], 401, 'revoked'],
      [['--keep-descendants'], 200, 'active'],
    ] as const) {
      const { key, apiKey: first } = await issue(id);
      const child = (await cli.call(key, '/api/keys', { name: 'A child' })).body.data;
      const { apiKey } = await cli.json('keys', 'revoke', first.id, '--organization', id, ...options);
      expect(apiKey).toMatchObject({ state: 'revoked', descendants: [{ id: child.apiKey.id, state }] });
      expect((await cli.call(child.key, '/api/keys/current')).status).toBe(status);
    }
  });

  test('of another organization are out of reach, and stay as they are', async () => {
    const one = await sharedAcme();
    const { key, apiKey: theirs } = await issue((await sharedOther()).id);
    for (const verb of ['revoke', 'rotate', 'end-grace', 'usage']) {
      const { status, stderr } = await cli.run(['keys', verb, theirs.id, '--organization', one.id]);
      expect(status).toBe(1);
      expect(stderr).toMatch(/another organization’s\. Name that one with --organization\.\n$/);
    }
    expect((await cli.call(key, '/api/keys/current')).status).toBe(200);
    const unknown = await cli.run(['keys', 'revoke', randomUUID(), '--organization', one.id]);
    expect(unknown.stderr).toMatch(/^error: The organization has no key of this id\. See its keys: /);
  });
});

describe('contacts', () => {
  test('are erased by their ids, at most once', async () => {
    const one = await setUp();
    const made = (await cli.call(one.key, '/api/contacts', { name: 'Ada' })).body.data.id;
    const theirs = (await cli.call((await sharedOther()).key, '/api/contacts', { name: 'Bob' })).body.data.id;
    const erase = (...args: string[]) => cli.run(['contacts', 'erase', ...args, '--organization', one.id]);
    const refused = await erase(made, theirs);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^error: A contact is another organization's\. Name that organization/);
    expect((await erase('Ada')).stderr).toBe('error: The ids must be the UUIDs of 1 to 100 contacts.\n');
    expect((await erase(made, randomUUID())).stdout).toBe('Erased contacts: 1\nNot known, or erased before: 1\n');
    expect(JSON.parse((await erase(made, '--json')).stdout)).toEqual({ erased: [] });
    expect((await cli.call(one.key, `/api/contacts/${made}`)).status).toBe(404);
  });
});

describe('errors', () => {
  test('name the organizations there are, where one was meant that is not', async () => {
    const { id, name } = await sharedAcme();
    await sharedOther();
    for (const args of [[], ['--organization', 'Nobody']]) {
      const { status, stderr } = await cli.run(['keys', 'list', ...args]);
      expect(status).toBe(1);
      expect(stderr).toMatch(
        /^error: There (are \d+ organizations\. Name one with|is no organization of this id or name)/,
      );
      expect(stderr).toContain(`\n  ${id}  ${name}\n`);
    }
  });

  test.each([
    ['setup --organization  --email a@b.c', /^--organization must be a name of 1 to 100 characters in a single line/],
    [`setup --organization ${'x'.repeat(101)} --email a@b.c`, /^--organization must be a name/],
    ['setup --organization Acme --email nobody', /^--email must be an email address, such as/],
    ['setup --organization Acme --email x<y@z.w', /^--email must be an email address, such as/],
    ['setup --organization Acme --email ada@localhost', /^--email must be an email address, such as/],
    ['setup --organization a\u202Eb --email a@b.com', /^--organization must be a name .*bidirectional/],
    ['keys issue --name ', /^--name must be 1 to 100 characters in a single line/],
    ['keys issue --name A --days 29', /^--days must be a whole number, 30 to 365\.$/],
    ['keys issue --name A --days 366', /^--days must be a whole number, 30 to 365\.$/],
    ['keys issue --name A --days 3e1', /^--days must be a whole number, 30 to 365\.$/],
    ['keys issue --name A --scopes contacts:read,all', /^--scopes must be one or more of contacts:read, /],
    ['keys issue --name A --scopes ', /^--scopes must be one or more of contacts:read, /],
    ['keys list --state dead', /^--state.*active.*expired.*revoked/],
    ['keys end-grace nothing', /^The id must be the UUID of an API key/],
    ['keys rotate nothing', /^The id must be the UUID of an API key/],
    [`keys rotate ${randomUUID()} --grace-hours 169`, /^--grace-hours must be a whole number, 0 to 168\.$/],
  ])('of input are found before the database is opened: %s', async (given, expected) => {
    await expect(createProgram().parseAsync(given.split(' '), { from: 'user' })).rejects.toThrow(expected);
  });

  test.each([
    ['setup --organization Acme', /required option '--email <address>' not specified/],
    ['keys revoke', /missing required argument 'id'/],
    ['keys list extra', /too many arguments/],
    ['keys list --jsno', /unknown option '--jsno'/],
    ['keys issue --name A --days 1 --json', /--days must be a whole number/],
    ['frobnicate', /unknown command 'frobnicate'/],
  ])('of usage end with status 1 and one sentence: %s', async (given, expected) => {
    const { status, stdout, stderr } = await cli.run(given.split(' '));
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr.split('\n')[0]).toMatch(expected);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  test('do not repeat a key that was given in the place of an id or a command', async () => {
    const key = `introzy_${'0123456789abcdef'.repeat(4)}`;
    for (const args of [
      ['keys', 'revoke', key],
      ['keys', 'list', key],
      [key],
      ['keys', 'list', '--organization', key],
    ]) {
      const { status, stdout, stderr } = await cli.run(args);
      expect(status).toBe(1);
      expect(stdout + stderr).not.toContain(key.slice(0, 24));
    }
  });

  test('say what is wrong with the database, and nothing of its password', async () => {
    const env = { DATABASE_URL: 'postgres://me:hunter2hunter2@127.0.0.1:1/nothing' };
    const without = await cli.run(['migrate'], { env: { ...env, INTROZY_KEY_SECRETS: '' } });
    expect(without).toMatchObject({ status: 1, stdout: '' });
    expect(without.stderr).toMatch(/^error: INTROZY_KEY_SECRETS is not set\./);
    const away = await cli.run(['migrate'], { env: { ...env, INTROZY_KEY_SECRETS: `k1:${'A'.repeat(43)}` } });
    expect(away).toMatchObject({ status: 1, stdout: '' });
    expect(away.stderr).toMatch(/^error: .*The database cannot be reached: .*ECONNREFUSED/);
    expect(away.stderr).not.toMatch(/hunter2|^ +at /m);
  });

  test('name the process that has the embedded database', async () => {
    await using embedded = await commandLine('embedded');
    const directory = await takeDataDirectory(embedded.environment.DATA_DIR ?? '');
    try {
      const { status, stderr } = await embedded.run(['keys', 'list']);
      expect(status).toBe(1);
      expect(stderr).toMatch(new RegExp(`^error: The embedded database .* is in use by process ${process.pid}\\. `));
    } finally {
      await directory.release();
    }
  });
});
