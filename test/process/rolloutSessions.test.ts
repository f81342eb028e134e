import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
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
  const old = await signIn(before);
  await using now = await startService(environment);
  const young = await signIn(now);
  expect([await contacts(before, old), await contacts(now, old)]).toEqual([200, 200]);
  expect([await contacts(before, young), await contacts(now, young)]).toEqual([401, 200]);
  // What the page of an account asks for prolongs a session that is a day old.
  await runAs(place.adminUrl, ["update sessions set expires_at = expires_at - interval '2 days'"]);
  for (const path of ['/api/auth/get-session', '/api/auth/organization/list']) {
    expect((await call(now, path, { cookie: old })).status).toBe(200);
  }
  const again = await signIn(before);
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
