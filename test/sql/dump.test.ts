import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';
import { addMember, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { createDatabase, runAs, type TestDatabase } from '../helpers/database.ts';
import { startInstance } from '../helpers/instance.ts';
import { addPasskey, newDevice, signInBy } from '../helpers/passkey.ts';
import { switchOn } from '../helpers/secondFactor.ts';
import { expectNoSecretIn, kindsSeen, readAllRows } from '../helpers/secretsSeen.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const run = promisify(execFile);
const provided = inject('database') as TestDatabase & { kind: 'postgres' };

/** A contact with values for all columns that the trigger reads. */
const contact = (email: string) => ({
  name: 'Jean-Lu (AI) Ångström',
  email,
  company: 'Δέλτα/Søn',
  tags: ['a,b', '"quoted"'],
  customFields: { score: 1.5, list: [1, null] },
});

/** Makes a deleted contact and a contact that is not deleted. */
async function writeContacts({ api, one }: TestApp) {
  const ids: string[] = [];
  for (const email of ['gone@example.com', 'kept@example.com']) {
    const { status, body } = await api(one.key, 'POST', '/api/contacts', contact(email));
    expect(status).toBe(201);
    ids.push(body.data.id);
  }
  const [gone] = ids;
  expect((await api(one.key, 'DELETE', `/api/contacts/${gone}`)).status).toBe(200);
  return ids;
}

test('A row is made anew, the columns of its trigger with it, by who finds no schema of ours, as a restore is', async () => {
  await using app = await testApp();
  const url = app.adminUrl as string;
  for (const id of await writeContacts(app)) {
    const kept = `select document, search from public.contacts where id = '${id}'`;
    const [names, before] = await runAs(url, [
      `select string_agg(quote_ident(column_name), ', ') as columns from information_schema.columns
        where table_name = 'contacts' and column_name not in ('document', 'search')`,
      kept,
    ]);
    const columns = names?.rows[0].columns;
    const steps = await runAs(url, [
      'begin',
      "set local search_path = ''",
      `create temporary table kept as select * from public.contacts where id = '${id}'`,
      `delete from public.contacts where id = '${id}'`,
      `insert into public.contacts (${columns}) select ${columns} from pg_temp.kept`,
      `update public.contacts set title = null where id = '${id}'`,
      'commit',
    ]);
    expect(steps.slice(3, 6).map(({ rowCount }) => rowCount)).toEqual([1, 1, 1]);
    const [after] = await runAs(url, [kept]);
    expect(after?.rows).toEqual(before?.rows);
    expect(JSON.parse(after?.rows[0].document)).toMatchObject({ id, name: contact('').name });
  }
});

/**
 * A folder with `pg_dump` and `psql` of the server's version or newer. `undefined`: the machine has no such folder.
 */
async function findPrograms(): Promise<string | undefined> {
  const [answer] = await runAs(provided.adminUrl, ['show server_version_num']);
  const server = Math.floor(Number(answer?.rows[0].server_version_num) / 10_000);
  const debian = '/usr/lib/postgresql';
  const versions = await Promise.resolve()
    .then(() => readdirSync(debian))
    .catch(() => []);
  const places = [...(process.env.PATH ?? '').split(delimiter), ...versions.map((name) => join(debian, name, 'bin'))];
  for (const place of places) {
    const both = await Promise.all(
      ['pg_dump', 'psql'].map((name) => run(join(place, name), ['--version']).catch(() => ({ stdout: '' }))),
    );
    if (both.every(({ stdout }) => Number(/ (\d+)/.exec(stdout)?.[1] ?? 0) >= server)) return place;
  }
  return undefined;
}

/** An app with passkeys. */
const secretApp = () => testApp({ isAlone: true, choices: { publicUrl: 'http://localhost' } });

/**
 * Makes every kind of secret and uses each: keys, tokens, passwords, sessions, passkeys, resets. Gives the API keys and tokens; the
 * app notes the other secrets.
 */
async function makeSecrets(app: TestApp): Promise<string[]> {
  const { key, apiKey } = await app.issue(app.one.id, { scopes: ['contacts:read', 'keys:manage'] });
  const trpc = app.trpc(key);
  const { token } = await trpc.keys.mintToken.mutate({ expiresInMinutes: 60 });
  const rotated = await trpc.keys.rotate.mutate({ id: apiKey.id });
  for (const used of [key, token, rotated.key, app.one.key]) {
    expect((await app.api(used, 'GET', '/api/contacts')).status).toBe(200);
  }
  const person = await addMember(app, app.one.id, 'owner');
  const [browser, other] = [await signedIn(app, person), await signedIn(app, person)];
  await switchOn(browser);
  const device = newDevice();
  expect((await addPasskey(browser, device)).status).toBe(200);
  expect((await signInBy(openBrowser(app), device)).status).toBe(200);
  // Sign-ins and passkeys that are under way.
  await browser.call('GET', '/api/auth/passkey/generate-register-options');
  await openBrowser(app).call('GET', '/api/auth/passkey/generate-authenticate-options');
  await browser.call('GET', '/api/auth/list-sessions');
  const changed = { currentPassword: PASSWORD, newPassword: 'a changed password of a person' };
  expect((await other.account('/change-password', changed)).status).toBe(200);
  expect((await browser.account('/request-password-reset', { email: person.email })).status).toBe(200);
  await app.deps.lastUse.flush();
  return [key, token, rotated.key, app.one.key, app.other.key];
}

/** Checks that `text`, all that a database holds, tells no secret. */
function expectNoSecretsIn(text: string, keys: string[], where: string) {
  expect(kindsSeen()).toEqual(['cookie', 'link', 'password', 'recovery', 'seed']);
  expectNoSecretIn(text, where);
  // The hint of a key, its first 8 characters, is for all to see.
  for (const key of keys) expect(text.includes(key.slice('introzy_'.length + 8)), `a key in ${where}`).toBe(false);
  for (const known of ['api_key_secrets', 'passkeys', 'sessions', 'two_factors', 'verifications']) {
    expect(text).toContain(known);
  }
}

test('No row of any table tells a secret that opens something', async () => {
  await using app = await secretApp();
  const keys = await makeSecrets(app);
  expectNoSecretsIn(await readAllRows(app), keys, 'the database');
});

test('The search for secrets finds a secret that a table keeps, in clear, in hexadecimal and in base64', async () => {
  await using app = await secretApp();
  const keys = await makeSecrets(app);
  const { email } = await addMember(app, app.one.id);
  const browser = await signedIn(app, { email });
  const token = decodeURIComponent([...browser.cookies.values()][0] as string).split('.')[0] as string;
  await runAsAdmin(app, 'create table keeps (secret text, bytes bytea)');
  for (const form of [token, `a longer text with ${token}.`, Buffer.from(token).toString('base64')]) {
    await runAsAdmin(app, `insert into keeps values ('${form}', null)`);
    expect(await readAllRows(app).then((rows) => attempt(() => expectNoSecretsIn(rows, keys, 'rows')))).toMatch(
      /^rows holds/,
    );
    await runAsAdmin(app, 'delete from keeps');
  }
  await runAsAdmin(app, `insert into keeps values (null, '${token}'::bytea)`);
  expect(await readAllRows(app).then((rows) => attempt(() => expectNoSecretsIn(rows, keys, 'rows')))).toMatch(
    /^rows holds/,
  );
  await runAsAdmin(app, 'drop table keeps');
});
/** The message of the error that `work` throws. */
function attempt(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const programs = await findPrograms();
if (programs) {
  test('What pg_dump writes tells no secret that opens something', async () => {
    await using app = await secretApp();
    const keys = await makeSecrets(app);
    const { stdout } = await run(join(programs, 'pg_dump'), ['--dbname', app.adminUrl as string], {
      maxBuffer: 2 ** 28,
    });
    expectNoSecretsIn(stdout, keys, 'the dump');
  });

  test('What pg_dump writes, psql restores, and the service serves it', async () => {
    await using app = await secretApp();
    const ids = await writeContacts(app);
    const { url, adminUrl, drop } = await createDatabase(provided);
    try {
      const { stdout: dump } = await run(join(programs, 'pg_dump'), ['--dbname', app.adminUrl as string]);
      const restoring = run(join(programs, 'psql'), ['--no-psqlrc', '-v', 'ON_ERROR_STOP=1', '--dbname', adminUrl]);
      restoring.child.stdin?.end(dump);
      await restoring;

      await using restored = await startInstance({ url, keySecrets: app.keySecrets });
      for (const path of [
        '/api/contacts?includeDeleted=true',
        '/api/contacts?search=lu%20ai%20kept',
        `/api/contacts/${ids[1]}`,
        '/api/keys',
      ]) {
        const [now, before] = [await restored.call(app.one.key, 'GET', path), await app.api(app.one.key, 'GET', path)];
        expect([now.status, now.body.data?.id ?? now.body.data?.length], path).toEqual([
          200,
          before.body.data.id ?? before.body.data.length,
        ]);
      }
      expect((await restored.call(app.one.key, 'GET', `/api/contacts/${ids[0]}`)).status).toBe(404);
      const made = await restored.call(app.one.key, 'POST', '/api/contacts', contact('new@example.com'));
      expect(made.status).toBe(201);
      expect((await restored.call(app.other.key, 'GET', '/api/contacts')).body.data).toEqual([]);
    } finally {
      await drop();
    }
  });
}
