import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { runAs } from '../helpers/database.ts';
import { unpackPrevious } from '../helpers/previous.ts';
import { makePlace, PROCESS, startService } from '../helpers/service.ts';

const previous = await unpackPrevious();
afterAll(() => previous[Symbol.asyncDispose]());

type Service = Pick<Awaited<ReturnType<typeof startService>>, 'address'>;

const call = async ({ address }: Service, path: string, { cookie, body }: { cookie?: string; body?: object } = {}) => {
  const headers = { origin: address, 'content-type': 'application/json', ...(cookie && { cookie }) };
  const sent = body && { method: 'POST', body: JSON.stringify(body) };
  const answer = await fetch(`${address}${path}`, { headers, ...sent });
  await answer.text();
  return { status: answer.status, cookie: answer.headers.getSetCookie()[0]?.split(';')[0] as string };
};
/** What the page of an account asks for. */
const PAGE = ['/api/auth/get-session', '/api/auth/organization/list'];
const contacts = async (service: Service, cookie: string) => (await call(service, '/api/contacts', { cookie })).status;

test('Beside a new instance, sessions of the version before hold everywhere; a session of this version asks there for a sign-in', {
  timeout: 180_000,
}, async () => {
  await using place = await makePlace('postgres');
  const { environment } = place;
  const introzy = async (cwd: string, ...args: string[]) => {
    const options = { cwd, env: { ...PROCESS, ...environment } };
    const { stdout } = await promisify(execFile)(process.execPath, ['server/cli.ts', ...args, '--json'], options);
    return JSON.parse(stdout);
  };
  const { email, password } = await introzy(
    previous.directory,
    ...['setup', '--organization', 'One', '--email', 'one@example.com'],
  );
  await using before = await startService(environment, ['env', '-C', previous.directory]);
  const signIn = async (service: Service) => {
    const { status, cookie } = await call(service, '/api/auth/sign-in/email', { body: { email, password } });
    expect(status).toBe(200);
    return cookie;
  };
  const ask = async (statement: string) => (await runAs(place.adminUrl, [statement]))[0]?.rows ?? [];
  // The page of an account prolongs a session that is a day old.
  const age = () => ask("update sessions set expires_at = expires_at - interval '2 days'");
  /** Signs in at the version before, and runs its statements about a session. */
  const visitBefore = async () => {
    const cookie = await signIn(before);
    await age();
    for (const path of PAGE) expect((await call(before, path, { cookie })).status).toBe(200);
    expect(await contacts(before, cookie)).toBe(200);
    return cookie;
  };
  const connections = async () => {
    const found = 'select pid from pg_stat_activity where datname = current_database()';
    return (await ask(`${found} and application_name = 'introzy'`)).map(({ pid }) => pid);
  };

  const old = await visitBefore();
  const open = await connections();
  // The version before goes on serving, over the same connections, while the new instance migrates.
  const statuses: number[] = [];
  let isStarting = true;
  const serving = (async () => {
    for (; isStarting; await setTimeout(200)) statuses.push(await contacts(before, old));
  })();
  await using now = await startService(environment).finally(() => (isStarting = false));
  await serving;
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  const young = await signIn(now);
  expect([await contacts(before, old), await contacts(now, old)]).toEqual([200, 200]);
  expect([await contacts(before, young), await contacts(now, young)]).toEqual([401, 200]);
  await age();
  for (const path of PAGE) expect((await call(now, path, { cookie: old })).status).toBe(200);
  // The statements that the version before has prepared hold: no migration gives its tables other columns.
  const again = await visitBefore();
  expect((await connections()).filter((pid) => open.includes(pid))).not.toEqual([]);
  for (const cookie of [old, again]) {
    expect([await contacts(before, cookie), await contacts(now, cookie)]).toEqual([200, 200]);
  }

  // Once the version before is gone, its tokens are digested; all sessions go on.
  const root = resolve(import.meta.dirname, '../..');
  expect((await introzy(root, 'secrets', 'status')).inClear).toBe(2);
  expect(await introzy(root, 'secrets', 'reencrypt')).toMatchObject({ inClear: 2, sealedTexts: 0 });
  for (const cookie of [old, young, again]) expect(await contacts(now, cookie)).toBe(200);
  expect(await contacts(before, old)).toBe(401);
});
