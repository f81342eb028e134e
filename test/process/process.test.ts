import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { first, migrations } from '../../db/migrationList.ts';
import { deleteOrganization } from '../../db/organizations.ts';
import { readConfig } from '../../server/start/config.ts';
import { setUpOrganization } from '../../server/start/setup.ts';
import { openStore } from '../../server/start/store.ts';
import { runAs } from '../helpers/database.ts';
import { until } from '../helpers/instance.ts';
import { makePlace, refusal, startService } from '../helpers/service.ts';

const SECRET = 'c2VjcmV0IG9mIHRoZSBzZXJ2aWNlLCBub3QgbG9uZw';
const PATIENCE = { timeout: 180_000 };

describe('A wrong setting stops the start with a sentence that says what to do', () => {
  const DATABASE_URL = 'postgres://nobody:password-of-nobody@127.0.0.1:1/none';
  const long = `${SECRET}${SECRET}`;
  test.each<[string, Record<string, string>, RegExp]>([
    ['no secrets for PostgreSQL', { DATABASE_URL }, /INTROZY_KEY_SECRETS is not set.*\n.*node -p/],
    [
      'a short secret',
      { DATABASE_URL, INTROZY_KEY_SECRETS: `k1:${SECRET}` },
      /secret of entry 1 has 31 bytes.* 32 .*\n.*node -p/,
    ],
    ['id and secret swapped', { DATABASE_URL, INTROZY_KEY_SECRETS: `${SECRET}:k1` }, /secret of entry 1 has 1 bytes/],
    ['no id', { DATABASE_URL, INTROZY_KEY_SECRETS: long }, /entry 1 is not of the form id:secret.*\n.*node -p/],
    ['not base64url', { DATABASE_URL, INTROZY_KEY_SECRETS: `k1:${long}!` }, /entry 1 is not of the form.*\n.*node -p/],
    ['a wrong second one', { DATABASE_URL, INTROZY_KEY_SECRETS: `k1:${long},${long}` }, /entry 2 is not of the form/],
    [
      'an id given twice',
      { DATABASE_URL, INTROZY_KEY_SECRETS: `k1:${long},k1:${long}` },
      /the id of entry 2 is given twice/,
    ],
    ['a short secret, embedded', { DATA_DIR: '/nowhere', INTROZY_KEY_SECRETS: `k1:${SECRET}` }, /has 31 bytes/],
    ['a port that is none', { PORT: 'http' }, /PORT is not valid/],
    ['a mail server that is none', { SMTP_URL: 'https://mail.example.com' }, /SMTP_URL is not valid/],
    [
      'another kind of Redis',
      { REDIS_URL: `http://:${long}@localhost` },
      /REDIS_URL is not valid: it must be of the form redis/,
    ],
    [
      'an origin with a path',
      { INTROZY_ALLOWED_ORIGINS: `https://app.example.com, https://me:${long}@App.example.com/page` },
      /INTROZY_ALLOWED_ORIGINS is not valid: entry 2 is no origin; .*such as https:\/\/app\.example\.com,http:\/\/localhost:5173\. Write https:\/\/app\.example\.com$/m,
    ],
    [
      'every origin',
      { INTROZY_ALLOWED_ORIGINS: '*' },
      /INTROZY_ALLOWED_ORIGINS is not valid: entry 1 is no origin; .*example/,
    ],
    ['no number of days', { AUDIT_DAYS: '0' }, /AUDIT_DAYS is not valid/],
    ['neither open nor closed', { OPEN_SIGNUP: 'maybe' }, /OPEN_SIGNUP is not valid/],
    ['another kind of database', { DATABASE_URL: `mysql://root:${long}@localhost/x` }, /DATABASE_URL is not valid/],
    ['no database there', { DATABASE_URL, INTROZY_KEY_SECRETS: `k1:${long}` }, /could not be prepared.*ECONNREFUSED/],
  ])('%s', PATIENCE, async (_, environment, sentence) => {
    const said = await refusal(environment);
    expect(said).toMatch(sentence);
    for (const secret of [SECRET, 'password-of-nobody']) expect(said).not.toContain(secret);
  });
});

test(
  'A start after all organizations are erased makes one anew, and shows no password that does not open it',
  PATIENCE,
  async () => {
    await using place = await makePlace('embedded');
    const store = await openStore(readConfig(place.environment), 'commands');
    const email = 'owner@example.com';
    const password = 'correct horse battery staple';
    const made = await setUpOrganization(store.db, store.keySecrets, { name: 'Example', email, password });
    if (!made) throw new Error('The organization exists');
    const { id } = made.organization;
    await deleteOrganization(asOperator(store.db, id), id);
    await sql`update organization_settings set deleted_at = now() - interval '31 days'`.execute(
      asOperator(store.db, id),
    );
    expect(await store.eraseOrganizations()).toEqual([id]);
    await store.close();
    await using service = await startService(place.environment);
    await until(() => service.output().includes('First API key'), 'the first key is printed');
    expect(service.output()).toContain(`as ${email} with its password of before`);
    const headers = { origin: service.address, 'content-type': 'application/json' };
    const body = JSON.stringify({ email, password });
    const { status } = await fetch(`${service.address}/api/auth/sign-in/email`, { method: 'POST', headers, body });
    expect(status).toBe(200);
  },
);

test('The first start prints a curl line that works as pasted, and keeps its secrets private', PATIENCE, async () => {
  await using place = await makePlace('embedded', { isUnmade: true });
  await using service = await startService(place.environment);
  const [, line = ''] = service.output().match(/^\s*(curl .*)$/m) ?? [];
  expect(line).toContain(service.address);
  const answer = await paste(line);
  expect(answer.success).toBe(true);
  expect(answer.data.length).toBeGreaterThan(3);

  const [, address = '', email, password] =
    /Sign in at (\S+) as (\S+) with the password (\S+), shown only this once/.exec(service.output()) ?? [];
  expect(address).toBe(service.address);
  const signedIn = await fetch(`${address}/api/auth/sign-in/email`, {
    method: 'POST',
    headers: { origin: address, 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  });
  expect(signedIn.status).toBe(200);
  expect((await fetch(`${address}/`)).headers.get('content-type')).toMatch(/^text\/html/);

  const file = await stat(join(place.dataDirectory, 'key-secrets'));
  expect((file.mode & 0o777).toString(8)).toBe('600');
  expect(((await stat(place.dataDirectory)).mode & 0o077).toString(8)).toBe('0');
  const secret = (await readFile(join(place.dataDirectory, 'key-secrets'), 'utf8')).trim();
  expect(service.output()).not.toContain(secret.split(':')[1]);
});

test('A second process leaves the data alone; a killed one leaves it to the next', PATIENCE, async () => {
  await using place = await makePlace('embedded');
  await using first = await startService(place.environment);
  const [key = ''] = first.output().match(/introzy_[0-9a-f]{64}/) ?? [];
  const made = await first.call(key, 'POST', '/api/contacts', { name: 'Kept' });
  expect(made.status).toBe(201);

  const said = await refusal(place.environment);
  expect(said).toContain(`process ${first.pid}.`);
  expect(said).toContain(place.dataDirectory);
  expect((await first.call(key, 'GET', `/api/contacts/${made.body.data.id}`)).body).toEqual(made.body);

  await first[Symbol.asyncDispose]();
  await using second = await startService(place.environment);
  expect(second.output()).not.toContain('introzy_');
  expect(second.migrated).toEqual([]);
  expect((await second.call(key, 'GET', `/api/contacts/${made.body.data.id}`)).body).toEqual(made.body);
  expect((await second.call(key, 'POST', '/api/contacts', { name: 'Another' })).status).toBe(201);

  await second[Symbol.asyncDispose]();
  await rm(join(place.dataDirectory, 'key-secrets'));
  expect(await refusal(place.environment)).toMatch(/key-secrets is missing.*Put it back, or set INTROZY_KEY_SECRETS/);
  expect(existsSync(join(place.dataDirectory, 'key-secrets'))).toBe(false);
});

// Linux describes its processes in /proc.
if (existsSync('/proc/self/stat')) {
  test('The data is held by who has it, also where somebody deleted the lock', PATIENCE, async () => {
    await using place = await makePlace('embedded');
    await using first = await startService(place.environment);
    const [key = ''] = first.output().match(/introzy_[0-9a-f]{64}/) ?? [];
    for (let attempt = 0; attempt < 2; attempt++) {
      await rm(join(place.dataDirectory, 'lock'));
      const said = await refusal(place.environment);
      expect(said).toContain(`process ${first.pid}.`);
      expect(said).toContain(place.dataDirectory);
    }
    expect((await first.call(key, 'POST', '/api/contacts', { name: 'Kept' })).status).toBe(201);
    await first[Symbol.asyncDispose]();
    await using second = await startService(place.environment);
    expect((await second.call(key, 'GET', '/api/contacts?search=kept')).body.data).toHaveLength(1);
  });
}

test('What a start that was cut off left of its secrets does not stop the next one', PATIENCE, async () => {
  await using place = await makePlace('embedded', { isUnmade: true });
  await mkdir(place.dataDirectory, { recursive: true, mode: 0o700 });
  const rest = join(place.dataDirectory, 'key-secrets.new');
  await writeFile(rest, 'half a sec', { mode: 0o600 });
  await using service = await startService(place.environment);
  const [key = ''] = service.output().match(/introzy_[0-9a-f]{64}/) ?? [];
  expect((await service.call(key, 'GET', '/api/keys/current')).status).toBe(200);
  expect(existsSync(rest)).toBe(false);
  const file = join(place.dataDirectory, 'key-secrets');
  expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600');
  expect(await readFile(file, 'utf8')).toMatch(/^[\w-]+:[\w-]{43}\n$/);
});

test('A data directory that cannot be one, and a port that is taken, are sentences', PATIENCE, async () => {
  await using place = await makePlace('embedded');
  const file = `${place.dataDirectory}-file`;
  await writeFile(file, 'not a directory');
  for (const DATA_DIR of [file, join(file, 'below')]) {
    const said = await refusal({ DATA_DIR });
    expect(said).toContain(`DATA_DIR (${DATA_DIR}) cannot be used`);
    expect(said.trim().split('\n')).toHaveLength(1);
  }
  expect(await readFile(file, 'utf8')).toBe('not a directory');

  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  try {
    const said = await refusal({ ...place.environment, PORT: String(port) });
    expect(said).toMatch(new RegExp(`cannot listen at 127\\.0\\.0\\.1, port ${port}: .* set PORT to another port`));
  } finally {
    await new Promise((resolve) => taken.close(resolve));
  }
  // The failed start kept no lock, and printed no key that would now be worthless.
  await using service = await startService({ ...place.environment, PORT: String(port) });
  expect(service.output()).toMatch(/introzy_[0-9a-f]{64}/);
});

test(
  'Five processes that start at once on a new database migrate it once, and all of them serve',
  PATIENCE,
  async () => {
    await using place = await makePlace('postgres');
    const starts = await Promise.allSettled(Array.from({ length: 5 }, () => startService(place.environment)));
    const services = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
    try {
      expect(starts.map(({ status }) => status)).toEqual(Array(5).fill('fulfilled'));
      const expanding = Object.keys(migrations).filter((name) => migrations[name]?.kind === 'expand');
      // Each migration ran in one of the processes.
      expect(services.flatMap(({ migrated }) => migrated).sort()).toEqual([...Object.keys(first), ...expanding].sort());
      const read = async (statement: string) =>
        (await runAs(place.adminUrl, [statement]))[0]?.rows.map(({ name }) => name);
      expect(await read('select name from kysely_migration')).toEqual(Object.keys(first));
      // The rest is done beside serving, by any of the five.
      const finished = 'select name from introzy_migrations where finished_at is not null order by name';
      const all = Object.keys(migrations).join();
      await until(async () => (await read(finished))?.join() === all, 'the end of the migrations');
      expect(await read('select indexrelid::regclass as name from pg_index where not indisvalid')).toEqual([]);
      for (const { address } of services) expect((await fetch(`${address}/readyz`)).status).toBe(200);
      // A later process sees the migrations too, and migrates nothing.
      await using sixth = await startService(place.environment);
      expect(sixth.migrated).toEqual([]);
    } finally {
      await Promise.all(services.map((service) => service[Symbol.asyncDispose]()));
    }
  },
);

/** Runs a line in a shell, as after a paste. Without curl on the machine, makes the request that curl would make. */
async function paste(line: string): Promise<{ success: boolean; data: unknown[] }> {
  if (existsSync('/usr/bin/curl')) {
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', line]);
    return JSON.parse(stdout);
  }
  const [, header = '', url = ''] = /^curl -H '([^']*)' (\S+)$/.exec(line) ?? [];
  const response = await fetch(url, { headers: [header.split(/: (.*)/s).slice(0, 2) as [string, string]] });
  return JSON.parse(await response.text());
}
