import { expect, test } from 'vitest';
import { callApi, startPeer } from '../helpers/instance.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const MINUTE = 60_000;

const mint = async (app: TestApp, key: string, input: object = { expiresInMinutes: 5 }) =>
  await app.api(key, 'POST', '/api/keys/current/tokens', input);

/** Mints a token that works, and gives the token itself. */
const token = async (app: TestApp, key: string, input?: object): Promise<string> =>
  (await mint(app, key, input)).body.data.token;

/** The status of a call, and the reason where the call was refused. */
const call = async (app: TestApp, key: string, method = 'GET', path = '/api/contacts', body?: unknown) => {
  const answer = await app.api(key, method, path, body);
  return answer.status < 400 ? answer.status : `${answer.status} ${answer.body.details?.reason}`;
};

test('A token has the form of a key, the scopes of its key without keys:manage, and the minutes that were asked for', async () => {
  await using app = await testApp();
  const before = Date.now();
  const { status, body } = await mint(app, app.one.key, { expiresInMinutes: 1440 });
  expect([status, Object.keys(body.data)]).toEqual([201, ['token', 'expiresAt']]);
  const minutes = (Date.parse(body.data.expiresAt) - before) / MINUTE;
  expect(Math.round(minutes)).toBe(1440);
  const { key, apiKey } = await app.issue(app.one.id);
  const minted = await token(app, key);
  expect(minted).toMatch(/^introzy_[0-9a-f]{64}$/);
  const { id, scopes, token: shown } = (await app.api(minted, 'GET', '/api/keys/current')).body.data;
  expect([id, scopes, shown]).toMatchObject([
    apiKey.id,
    apiKey.scopes,
    { hint: minted.slice(8, 16), scopes: ['contacts:read', 'contacts:write'] },
  ]);
  expect(Date.parse(shown.expiresAt)).toBeLessThan(before + 10 * MINUTE);
  expect((await app.api(key, 'GET', '/api/keys/current')).body.data.token).toBeNull();
  expect(await call(app, minted)).toBe(200);
  expect(await call(app, minted, 'POST', '/api/contacts', { name: 'made by a token' })).toBe(201);
  for (const [method, path] of [
    ['GET', '/api/keys'],
    ['GET', `/api/keys/${apiKey.id}`],
    ['POST', `/api/keys/${apiKey.id}/rotate`],
    ['GET', '/api/audit'],
  ] as const) {
    expect([path, await call(app, minted, method, path)]).toEqual([path, '403 The token lacks the scope keys:manage']);
  }
});

test('A token may have fewer scopes than its key, and no more', async () => {
  await using app = await testApp();
  const reading = await token(app, app.one.key, { expiresInMinutes: 5, scopes: ['contacts:read'] });
  expect(await call(app, reading)).toBe(200);
  expect(await call(app, reading, 'POST', '/api/contacts', { name: 'no' })).toBe(
    '403 The token lacks the scope contacts:write',
  );
  const { key } = await app.issue(app.one.id, { scopes: ['contacts:read'] });
  expect(await call(app, await token(app, key))).toBe(200);
  for (const [input, path] of [
    [{ expiresInMinutes: 5, scopes: ['keys:manage'] }, ['scopes', 0]],
    [{ expiresInMinutes: 5, scopes: [] }, ['scopes']],
    [{ expiresInMinutes: 4 }, ['expiresInMinutes']],
    [{ expiresInMinutes: 1441 }, ['expiresInMinutes']],
    [{}, ['expiresInMinutes']],
  ] as const) {
    const { status, body } = await mint(app, key, input);
    expect([status, body.details.issues[0].path]).toEqual([400, path]);
  }
  const more = await mint(app, key, { expiresInMinutes: 5, scopes: ['contacts:write'] });
  expect([more.status, more.body.details.reason]).toEqual([403, 'The API key lacks the scope contacts:write']);
  const manager = await app.issue(app.one.id, { scopes: ['keys:manage'] });
  const idle = await token(app, manager.key);
  expect(await call(app, idle)).toBe('403 The token lacks the scope contacts:read');
  expect(await call(app, idle, 'GET', '/api/organization')).toBe(200);
});

test('A token can neither mint, nor rotate or revoke its key, and can end itself', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.trpc(app.one.key).keys.issue.mutate({ name: 'agent', selfRotate: true });
  const minted = await token(app, key);
  const other = await token(app, key);
  expect(await call(app, minted, 'POST', '/api/keys/current/tokens', { expiresInMinutes: 5 })).toBe(
    '403 A token cannot mint tokens',
  );
  const lacks = '403 The token lacks the scope keys:manage';
  expect(await call(app, minted, 'POST', '/api/keys/current/rotate', {})).toBe(lacks);
  expect(await call(app, minted, 'POST', `/api/keys/${apiKey.id}/rotate`, {})).toBe(lacks);
  expect(await call(app, minted, 'DELETE', `/api/keys/${app.one.keyId}`)).toBe(lacks);
  expect(await call(app, minted, 'DELETE', `/api/keys/${apiKey.id}?descendants=keep`)).toContain('403');
  expect(await call(app, minted, 'DELETE', `/api/keys/${apiKey.id}`)).toBe(
    '403 A token cannot revoke its API key: to end the token itself, revoke `current`',
  );
  const ended = await app.api(minted, 'DELETE', '/api/keys/current');
  expect([ended.status, ended.body.data]).toMatchObject([200, { id: apiKey.id, state: 'active', descendants: [] }]);
  expect(await call(app, minted)).toBe('401 API key has expired');
  expect([await call(app, other), await call(app, key)]).toEqual([200, 200]);
  // A key that names `current` revokes itself, and its tokens end with the key.
  expect(await call(app, key, 'DELETE', '/api/keys/current')).toBe(200);
  expect(await call(app, other)).toBe('401 API key has been revoked');
});

test('A token ends with the secret that minted it, at once and on every instance', async () => {
  await using app = await testApp();
  await using peer = await startPeer(app);
  const { keys } = app.trpc(app.one.key);
  const { key, apiKey } = await keys.issue.mutate({ name: 'agent' });
  const { id } = apiKey;
  const answer = async (minted: string) => {
    const { status, body } = await app.api(minted, 'GET', '/api/contacts');
    expect((await callApi(peer.app, minted, ['GET', '/api/contacts'])).status).toBe(status);
    return status === 401 ? body.details : status;
  };
  const first = await token(app, key);
  const second = await keys.rotate.mutate({ id, graceHours: 1 });
  const [a, b] = [await token(app, key), await token(app, second.key)];
  expect(await answer(first)).toBe(200);
  await keys.endGrace.mutate({ id });
  const ended = {
    reason: 'API key has expired',
    hint: 'The secret of the key that minted this token has ended: mint another token',
  };
  expect([await answer(first), await answer(a), await answer(b)]).toEqual([ended, ended, 200]);
  await keys.rotate.mutate({ id, graceHours: 0 });
  expect(await answer(b)).toEqual(ended);
});

test('A token ends no later than the grace of the secret that minted it, and says so', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  const { key, apiKey } = await keys.issue.mutate({ name: 'agent' });
  await keys.rotate.mutate({ id: apiKey.id, graceHours: 1 });
  const { body } = await mint(app, key, { expiresInMinutes: 600 });
  const { secrets } = await keys.get.query({ id: apiKey.id });
  expect(secrets.map(({ type }) => type)).toEqual(['token', 'secret', 'secret']);
  expect(secrets[0]!.expiresAt).toEqual(secrets[2]!.expiresAt);
  expect(body.data.expiresAt).toBe(secrets[2]!.expiresAt.toISOString());
});

test('A token counts as its key: it is listed, has the holder of its secret, and is used as the key is', async () => {
  await using app = await testApp({ rateLimit: 4 });
  const { keys } = app.trpc((await app.issue(app.one.id, { name: 'manager', scopes: ['keys:manage'] })).key);
  const { key, apiKey } = await app.issue(app.one.id);
  const minted = await token(app, key, { expiresInMinutes: 5, scopes: ['contacts:read'] });
  expect(await call(app, minted)).toBe(200);
  await app.deps.lastUse.flush();
  const { secrets, lastUsedAt } = await keys.get.query({ id: apiKey.id });
  expect(secrets).toMatchObject([
    { type: 'token', hint: minted.slice(8, 16), scopes: ['contacts:read'], holder: secrets[1]!.holder },
    { type: 'secret', hint: apiKey.hint, scopes: apiKey.scopes },
  ]);
  expect([secrets[0]!.lastUsedAt, lastUsedAt]).toEqual([expect.any(Date), expect.any(Date)]);
  const { places } = await keys.places.query({ id: apiKey.id });
  expect(places.map((place) => place.secrets.map(({ hint }) => hint))).toEqual([[apiKey.hint]]);
  expect([await call(app, key), await call(app, minted)]).toEqual([200, 200]);
  expect(await call(app, minted)).toContain('429');
  expect(await call(app, key)).toContain('429');
});

test('A key has at most 100 tokens that work, also where many are minted at once', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const answers = await Promise.all(Array.from({ length: 120 }, () => mint(app, key)));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(100);
  const refused = answers.filter(({ status }) => status === 409);
  expect(refused).toHaveLength(20);
  expect(refused[0]!.body.error).toContain('100 tokens');
  const { token: one } = answers.find(({ status }) => status === 201)!.body.data;
  expect(await call(app, one, 'DELETE', '/api/keys/current')).toBe(200);
  expect([(await mint(app, key)).status, (await mint(app, key)).status]).toEqual([201, 409]);
  // What ended a day ago is deleted, and what ended before is told from an unknown key.
  await runAsAdmin(
    app,
    `update api_key_tokens set expires_at = now() - interval '25 hours' where api_key_id = '${apiKey.id}'`,
  );
  const again = await token(app, key);
  expect(await call(app, again)).toBe(200);
  expect(await call(app, one)).toBe('401 Invalid API key');
});

test('A token expires, and each token that is minted is in the audit log', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const minted = await token(app, key);
  const { items } = await app
    .trpc(app.one.key)
    .audit.list.query({ subjectId: apiKey.id, action: 'apiKey.tokenMinted' });
  expect(items).toMatchObject([
    {
      actor: { type: 'key', id: apiKey.id },
      details: { hint: minted.slice(8, 16), scopes: ['contacts:read', 'contacts:write'] },
    },
  ]);
  await runAsAdmin(app, `update api_key_tokens set expires_at = now() where api_key_id = '${apiKey.id}'`);
  expect(await call(app, minted)).toBe('401 API key has expired');
  expect(await call(app, key)).toBe(200);
});

test('A token works from the allowed addresses of its key alone', async () => {
  await using app = await testApp({ choices: { trustProxy: true } });
  const { keys } = app.trpc(app.one.key);
  const { key, apiKey } = await keys.issue.mutate({ name: 'agent' });
  const minted = await token(app, key);
  await keys.update.mutate({ id: apiKey.id, allowedAddresses: ['203.0.113.0/24'] });
  const from = async (address: string) =>
    (await app.api(minted, 'GET', '/api/contacts', undefined, { 'x-forwarded-for': address })).status;
  expect([await from('203.0.113.1'), await from('203.0.114.1')]).toEqual([200, 403]);
});
