import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const NOBODY = '01890000-0000-7000-8000-000000000000';
const refused = (httpStatus: number, more = {}) => ({ data: { httpStatus, ...more } });

/** The expiry of each of a key's secrets, earliest first. */
async function secretEnds(app: TestApp, id: string): Promise<number[]> {
  const rows = await asOperator(app.db, app.one.id)
    .selectFrom('api_key_secrets')
    .select('expires_at')
    .where('api_key_id', '=', id)
    .orderBy('expires_at')
    .execute();
  return rows.map(({ expires_at }) => expires_at.getTime());
}

const reasonOf = async (app: TestApp, key: string): Promise<string | undefined> =>
  (await app.api(key, 'GET', '/api/keys/current')).body.details?.reason;

test('Renaming changes the name alone', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const renamed = await app.trpc(app.one.key).keys.rename.mutate({ id: apiKey.id, name: ' CRM sync ' });
  expect(renamed).toEqual({ ...apiKey, name: 'CRM sync' });
  expect((await app.trpc(key).keys.current.query()).name).toBe('CRM sync');
  for (const name of ['', '  ', 'a'.repeat(101), undefined, null]) {
    expect((await app.api(app.one.key, 'PATCH', `/api/keys/${apiKey.id}`, { name })).status).toBe(400);
  }
  const { keys } = app.trpc(app.one.key);
  await expect(keys.rename.mutate({ id: NOBODY, name: 'x' })).rejects.toMatchObject(refused(404));
  await expect(keys.rename.mutate({ id: app.other.keyId, name: 'x' })).rejects.toMatchObject(refused(403));
});

test('Rotating keeps id, name and scopes, and gives a new secret and a fresh expiry', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id, { name: 'to rotate', scopes: ['contacts:read'] });
  const rotated = await app.trpc(app.one.key).keys.rotate.mutate({ id: apiKey.id, expiresInDays: 200 });
  expect(rotated.key).toMatch(/^introzy_[0-9a-f]{64}$/);
  expect(rotated.key).not.toBe(key);
  expect(rotated.apiKey).toEqual({
    ...apiKey,
    hint: rotated.key.slice(8, 16),
    expiresAt: expect.any(Date),
  });
  expect(rotated.apiKey.expiresAt.getTime()).toBeGreaterThan(apiKey.expiresAt.getTime() + 109 * DAY);
  expect(await app.trpc(rotated.key).keys.current.query()).toMatchObject({ id: apiKey.id, state: 'active' });
});

test('The old secret works for 24 hours unless told otherwise, up to 168', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const { keys } = app.trpc(app.one.key);
  const rotated = await keys.rotate.mutate({ id: apiKey.id });
  expect(await reasonOf(app, key)).toBeUndefined();
  const [first = 0, second = 0] = await secretEnds(app, apiKey.id);
  // The database counts both times from the same reading of its clock.
  expect(second - first).toBe(90 * DAY - 24 * HOUR);
  expect(second).toBe(rotated.apiKey.expiresAt.getTime());

  const { key: later, apiKey: another } = await app.issue(app.one.id);
  await keys.rotate.mutate({ id: another.id, graceHours: 168, expiresInDays: 30 });
  const [old = 0, fresh = 0] = await secretEnds(app, another.id);
  expect(fresh - old).toBe(30 * DAY - 168 * HOUR);
  expect(await reasonOf(app, later)).toBeUndefined();

  for (const graceHours of [-1, 169, 0.5, '24', null]) {
    const answer = await app.api(app.one.key, 'POST', `/api/keys/${apiKey.id}/rotate`, { graceHours });
    expect(answer.status, `${graceHours}`).toBe(400);
  }
  for (const expiresInDays of [29, 366, 45.5]) {
    await expect(keys.rotate.mutate({ id: apiKey.id, expiresInDays })).rejects.toMatchObject(refused(400));
  }
  expect(await secretEnds(app, apiKey.id)).toEqual([first, second]);
});

test('With a grace of 0 the old secret ends at once', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const rotated = await app.trpc(app.one.key).keys.rotate.mutate({ id: apiKey.id, graceHours: 0 });
  expect(await reasonOf(app, key)).toBe('API key has expired');
  expect(await reasonOf(app, rotated.key)).toBeUndefined();
});

test('Rotating again with a grace of 0 cuts off every older secret', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const { keys } = app.trpc(app.one.key);
  const second = await keys.rotate.mutate({ id: apiKey.id });
  const third = await keys.rotate.mutate({ id: apiKey.id });
  for (const older of [key, second.key, third.key]) expect(await reasonOf(app, older)).toBeUndefined();
  const last = await keys.rotate.mutate({ id: apiKey.id, graceHours: 0 });
  for (const older of [key, second.key, third.key]) expect(await reasonOf(app, older)).toBe('API key has expired');
  expect(await reasonOf(app, last.key)).toBeUndefined();
});

test('A grace does not lengthen the life of an old secret', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const { keys } = app.trpc(app.one.key);
  await keys.rotate.mutate({ id: apiKey.id, graceHours: 1 });
  const [before] = await secretEnds(app, apiKey.id);
  await keys.rotate.mutate({ id: apiKey.id, graceHours: 168 });
  expect((await secretEnds(app, apiKey.id))[0]).toBe(before);
  await keys.rotate.mutate({ id: apiKey.id, graceHours: 0 });
  await keys.rotate.mutate({ id: apiKey.id, graceHours: 168 });
  expect(await reasonOf(app, key)).toBe('API key has expired');
});

test('An expired key can be rotated, and its old secret stays expired', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const past = new Date(Date.now() - 1_000);
  const operator = asOperator(app.db, app.one.id);
  await operator.updateTable('api_keys').set({ expires_at: past }).where('id', '=', apiKey.id).execute();
  await operator.updateTable('api_key_secrets').set({ expires_at: past }).where('api_key_id', '=', apiKey.id).execute();
  const rotated = await app.trpc(app.one.key).keys.rotate.mutate({ id: apiKey.id });
  expect(rotated.apiKey.state).toBe('active');
  expect(await reasonOf(app, rotated.key)).toBeUndefined();
  expect(await reasonOf(app, key)).toBe('API key has expired');
});

test('A revoked key cannot be rotated', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const { keys } = app.trpc(app.one.key);
  await keys.revoke.mutate({ id: apiKey.id });
  await expect(keys.rotate.mutate({ id: apiKey.id })).rejects.toMatchObject(refused(409, { code: 'CONFLICT' }));
  expect(await reasonOf(app, key)).toBe('API key has been revoked');
  await expect(keys.rotate.mutate({ id: NOBODY })).rejects.toMatchObject(refused(404));
  await expect(keys.rotate.mutate({ id: app.other.keyId })).rejects.toMatchObject(refused(403));
});

test('A key does not rotate one that has more scopes than itself, and is told which', async () => {
  await using app = await testApp();
  const { key: manager } = await app.issue(app.one.id, { scopes: ['keys:manage'] });
  const { key, apiKey } = await app.issue(app.one.id);
  const answer = await app.api(manager, 'POST', `/api/keys/${apiKey.id}/rotate`, { graceHours: 0 });
  expect([answer.status, answer.body.details.reason]).toEqual([
    403,
    'The API key lacks the scope contacts:read, contacts:write',
  ]);
  expect(answer.headers.get('www-authenticate')).toBe(
    'Bearer realm="introzy", error="insufficient_scope", scope="contacts:read contacts:write"',
  );
  expect(await reasonOf(app, key)).toBeUndefined();
  expect((await app.trpc(app.one.key).keys.get.query({ id: apiKey.id })).hint).toBe(apiKey.hint);
});

test('A key rotates itself', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.trpc(app.one.key).keys.rotate.mutate({ id: app.one.keyId, graceHours: 0 });
  expect(apiKey.id).toBe(app.one.keyId);
  expect(await reasonOf(app, app.one.key)).toBe('API key has expired');
  expect(await reasonOf(app, key)).toBeUndefined();
});

test('A revoked key is refused from then on, all its secrets, and revoking it again changes nothing', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const { keys } = app.trpc(app.one.key);
  const rotated = await keys.rotate.mutate({ id: apiKey.id });
  expect(await reasonOf(app, key)).toBeUndefined();
  const revoked = await keys.revoke.mutate({ id: apiKey.id });
  expect(revoked).toMatchObject({ state: 'revoked', revokedAt: expect.any(Date) });
  for (const secret of [key, rotated.key]) expect(await reasonOf(app, secret)).toBe('API key has been revoked');
  expect(await keys.revoke.mutate({ id: apiKey.id })).toEqual(revoked);
  const again = await app.api(app.one.key, 'DELETE', `/api/keys/${apiKey.id}`);
  expect([again.status, again.body.data.revokedAt]).toEqual([200, revoked.revokedAt?.toISOString()]);
  await expect(keys.revoke.mutate({ id: NOBODY })).rejects.toMatchObject(refused(404));
  await expect(keys.revoke.mutate({ id: app.other.keyId })).rejects.toMatchObject(refused(403));
  expect(await reasonOf(app, app.other.key)).toBeUndefined();
});

test('A key without keys:manage reads and revokes itself, and no other', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id, { scopes: ['contacts:read'] });
  const { keys } = app.trpc(key);
  expect(await keys.current.query()).toEqual({ ...apiKey, lastUsedAt: null });
  const denied = refused(403, { reason: 'The API key lacks the scope keys:manage' });
  await expect(keys.get.query({ id: apiKey.id })).rejects.toMatchObject(denied);
  await expect(keys.list.query()).rejects.toMatchObject(denied);
  await expect(keys.rotate.mutate({ id: apiKey.id })).rejects.toMatchObject(denied);
  await expect(keys.rename.mutate({ id: apiKey.id, name: 'x' })).rejects.toMatchObject(denied);
  await expect(keys.issue.mutate({ name: 'x', scopes: ['contacts:read'] })).rejects.toMatchObject(denied);
  await expect(keys.revoke.mutate({ id: app.one.keyId })).rejects.toMatchObject(denied);
  expect(await reasonOf(app, app.one.key)).toBeUndefined();
  expect(await keys.revoke.mutate({ id: apiKey.id.toUpperCase() })).toMatchObject({ id: apiKey.id, state: 'revoked' });
  await expect(keys.revoke.mutate({ id: apiKey.id })).rejects.toMatchObject(
    refused(401, { reason: 'API key has been revoked' }),
  );
});

test('A revoked key is dated and listed as revoked though its time is over as well', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  await app.trpc(key).keys.revoke.mutate({ id: apiKey.id });
  const past = new Date(Date.now() - 1_000);
  const operator = asOperator(app.db, app.one.id);
  await operator.updateTable('api_keys').set({ expires_at: past }).where('id', '=', apiKey.id).execute();
  await operator.updateTable('api_key_secrets').set({ expires_at: past }).where('api_key_id', '=', apiKey.id).execute();
  expect((await app.trpc(app.one.key).keys.get.query({ id: apiKey.id })).state).toBe('revoked');
  expect(await reasonOf(app, key)).toBe('API key has been revoked');
});

test('A refused key leaves no connection behind in the transaction that it could not open', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  await app.trpc(app.one.key).keys.revoke.mutate({ id: apiKey.id });
  const emails = [{ name: 'a', email: 'a@x.org' }, { name: 'b' }, { name: 'c', email: 'A@x.org' }];
  // 12 calls: more than the pool's 10 connections.
  for (let call = 0; call < 12; call++) {
    expect((await app.api(key, 'POST', '/api/keys', { name: 'x' })).status).toBe(401);
    expect((await app.api(key, 'POST', `/api/keys/${apiKey.id}/rotate`)).status).toBe(401);
    expect((await app.api(key, 'POST', '/api/contacts/batch', emails)).status).toBe(401);
  }
  const answers = await Promise.all(Array.from({ length: 12 }, () => app.api(app.one.key, 'GET', '/api/contacts')));
  expect(answers.map(({ status, body }) => [status, body.data])).toEqual(answers.map(() => [200, []]));
});

test('A key is got by its id; nobody’s is 404, another organization’s 403', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  expect(await keys.get.query({ id: app.one.keyId.toUpperCase() })).toMatchObject({ id: app.one.keyId });
  await expect(keys.get.query({ id: NOBODY })).rejects.toMatchObject(refused(404));
  await expect(keys.get.query({ id: app.other.keyId })).rejects.toMatchObject(refused(403));
  await expect(keys.get.query({ id: 'First key' })).rejects.toMatchObject(refused(400));
});
