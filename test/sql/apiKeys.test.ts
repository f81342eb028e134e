import { createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { expect, inject, test, vi } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { insertApiKey } from '../../db/apiKeys.ts';
import { digestsOf } from '../../server/auth/keySecret.ts';
import type { Scope } from '../../shared/apiKeys.ts';
import { checksumOf, hintOf } from '../../shared/keyFormat.ts';
import { SCOPES } from '../../shared/scopes.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const DAY = 86_400_000;
const refused = (httpStatus: number, more = {}) => ({ data: { httpStatus, ...more } });

test('A key is introzy_, 56 random hexadecimal characters and the CRC-32 of those', async () => {
  await using app = await testApp();
  const keys = await Promise.all([1, 2, 3].map(() => app.issue(app.one.id)));
  for (const { key, apiKey } of keys) {
    const [, random = '', checksum] = /^introzy_([0-9a-f]{56})([0-9a-f]{8})$/.exec(key) ?? [];
    expect(checksum).toBe(crc32(random).toString(16).padStart(8, '0'));
    expect(apiKey.hint).toBe(random.slice(0, 8));
  }
  expect(new Set(keys.map(({ key }) => key.slice(8, 64))).size).toBe(3);
});

test('The checksum keeps its leading zeros', () => {
  const random = Array.from({ length: 1_000 }, (_, index) => String(index).padStart(56, '0'));
  for (const text of random) expect(checksumOf(text)).toMatch(/^[0-9a-f]{8}$/);
});

test('A stored key works whatever its checksum, and an unknown one with a right checksum does not', async () => {
  await using app = await testApp();
  const random = 'ab'.repeat(28);
  const wrong = `introzy_${random}${checksumOf(random) === '00000000' ? '11111111' : '00000000'}`;
  const right = `introzy_${random}${checksumOf(random)}`;
  const [digest] = digestsOf(wrong, app.keySecrets) as [Buffer];
  await insertApiKey(asOperator(app.db, app.one.id), {
    organizationId: app.one.id,
    name: 'made elsewhere',
    scopes: ['contacts:read'],
    issuedBy: { type: 'person', id: app.one.ownerId },
    expiresInDays: 30,
    secret: { digest, secretId: app.keySecrets[0].id, hint: hintOf(wrong) },
  });
  expect((await app.api(wrong, 'GET', '/api/keys/current')).body.data.name).toBe('made elsewhere');
  const answer = await app.api(right, 'GET', '/api/keys/current');
  expect([answer.status, answer.body.details.reason]).toEqual([401, 'Invalid API key']);
});

test('What is stored of a key is its HMAC-SHA-256 under the first server secret, that secret’s id and a hint', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.trpc(app.one.key).keys.issue.mutate({ name: 'kept' });
  const [secret] = app.keySecrets;
  const rows = await asOperator(app.db, app.one.id)
    .selectFrom('api_key_secrets')
    .select(['digest', 'secret_id', 'api_key_id'])
    .where('api_key_id', '=', apiKey.id)
    .execute();
  expect(rows).toHaveLength(1);
  expect(Buffer.from(rows[0]!.digest)).toEqual(createHmac('sha256', secret.secret).update(key).digest());
  expect(rows[0]!.secret_id).toBe(secret.id);
  expect(apiKey.hint).toBe(key.slice(8, 16));
});

test('A key is in the answer that issues it, and in no later one', async () => {
  await using app = await testApp();
  const issued = await app.api(app.one.key, 'POST', '/api/keys', { name: 'once' });
  expect(issued.status).toBe(201);
  const { key, apiKey } = issued.body.data;
  expect(issued.headers.get('location')).toBe(`/api/keys/${apiKey.id}`);
  expect(apiKey).not.toHaveProperty('key');
  const answers = [
    await app.api(app.one.key, 'GET', '/api/keys'),
    await app.api(app.one.key, 'GET', `/api/keys/${apiKey.id}`),
    await app.api(key, 'GET', '/api/keys/current'),
    await app.api(app.one.key, 'PATCH', `/api/keys/${apiKey.id}`, { name: 'still' }),
    await app.api(app.one.key, 'DELETE', `/api/keys/${apiKey.id}`),
  ];
  for (const { status, text } of answers) {
    expect(status).toBe(200);
    expect(text).toContain(apiKey.hint);
    expect(text).not.toContain(key.slice(16));
    expect(text).not.toContain('digest');
  }
});

test('By default a key lives 90 days, reads and writes contacts, and has not been used', async () => {
  await using app = await testApp();
  const { apiKey } = await app.trpc(app.one.key).keys.issue.mutate({ name: 'defaults' });
  expect(apiKey).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    organizationId: app.one.id,
    name: 'defaults',
    description: null,
    environment: null,
    selfRotate: false,
    rateLimit: null,
    allowedAddresses: [],
    addressMode: 'enforce',
    hint: expect.any(String),
    scopes: ['contacts:read', 'contacts:write'],
    state: 'active',
    createdBy: { type: 'key', id: app.one.keyId, name: 'First key' },
    createdAt: expect.any(Date),
    expiresAt: new Date(apiKey.createdAt.getTime() + 90 * DAY),
    lastUsedAt: null,
    revokedAt: null,
  });
});

test('A key lives 30 to 365 whole days', async () => {
  await using app = await testApp();
  for (const expiresInDays of [30, 365]) {
    const { apiKey } = await app.trpc(app.one.key).keys.issue.mutate({ name: 'days', expiresInDays });
    expect(apiKey.expiresAt.getTime() - apiKey.createdAt.getTime()).toBe(expiresInDays * DAY);
  }
  for (const expiresInDays of [29, 366, 30.5, -90, 0, '90', null, 1e300]) {
    const answer = await app.api(app.one.key, 'POST', '/api/keys', { name: 'days', expiresInDays });
    expect([answer.status, answer.body.details.issues[0].path], `${expiresInDays}`).toEqual([400, ['expiresInDays']]);
  }
  expect((await app.trpc(app.one.key).keys.list.query()).items).toHaveLength(3);
});

test('A name is trimmed, has 1 to 100 characters as a person counts them, and may be shared', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  for (const [name, kept] of [
    [' \t Zapier \n', 'Zapier'],
    ['Zapier', 'Zapier'],
    ['a', 'a'],
    ['😀'.repeat(100), '😀'.repeat(100)],
    [`  ${'ü'.repeat(100)}  `, 'ü'.repeat(100)],
  ] as const) {
    expect((await keys.issue.mutate({ name })).apiKey.name).toBe(kept);
  }
  const invisible = ['\u200b', '\u200f', 'a\nb', 'a\u2028b', 'a\u0085b', 'a\u202eb', 'a\u2066b'];
  for (const name of ['', ' \n ', 'a'.repeat(101), '😀'.repeat(101), 'a\0b', '\ud800', ...invisible]) {
    await expect(keys.issue.mutate({ name }), JSON.stringify(name)).rejects.toMatchObject(
      refused(400, { details: { issues: [{ path: ['name'], message: expect.any(String) }] } }),
    );
  }
  for (const body of [{}, { name: null }, { name: 7 }]) {
    expect((await app.api(app.one.key, 'POST', '/api/keys', body)).status).toBe(400);
  }
});

test('Scopes are of the three there are, at least one, each once', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  const scopes: Scope[] = ['keys:manage', 'contacts:read', 'keys:manage'];
  expect((await keys.issue.mutate({ name: 'some', scopes })).apiKey.scopes).toEqual(['contacts:read', 'keys:manage']);
  for (const wrong of [[], ['contacts:admin'], ['contacts:read', ''], 'contacts:read', null, {}]) {
    const answer = await app.api(app.one.key, 'POST', '/api/keys', { name: 'some', scopes: wrong });
    expect(answer.status, JSON.stringify(wrong)).toBe(400);
  }
});

test('A key gives no more scopes than it has, and is told which it lacks', async () => {
  await using app = await testApp();
  const { key } = await app.issue(app.one.id, { scopes: ['contacts:read', 'keys:manage'] });
  const { keys } = app.trpc(key);
  expect((await keys.issue.mutate({ name: 'fewer', scopes: ['contacts:read'] })).apiKey.scopes).toHaveLength(1);
  // A request for the default scopes counts like a request for the same scopes by name.
  for (const input of [{ name: 'more' }, { name: 'more', scopes: [...SCOPES] }]) {
    await expect(keys.issue.mutate(input)).rejects.toMatchObject(
      refused(403, { reason: 'The API key lacks the scope contacts:write' }),
    );
  }
  expect((await keys.list.query()).items.map(({ name }) => name)).not.toContain('more');
});

test('createdBy names the person or the key that issued', async () => {
  await using app = await testApp();
  const byPerson = await app.issue(app.one.id, { name: 'by a person' });
  expect(byPerson.apiKey.createdBy).toEqual({ type: 'person', id: app.one.ownerId, name: app.one.ownerEmail });
  const byKey = await app.trpc(byPerson.key).keys.issue.mutate({ name: 'by a key' });
  expect(byKey.apiKey.createdBy).toEqual({ type: 'key', id: byPerson.apiKey.id, name: 'by a person' });
});

test('A key whose time is over is expired, refused, and says so to its holder alone', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  await expect(app.trpc(key).keys.current.query()).resolves.toMatchObject({ state: 'active' });
  const past = new Date(Date.now() - 1_000);
  const operator = asOperator(app.db, app.one.id);
  await operator.updateTable('api_keys').set({ expires_at: past }).where('id', '=', apiKey.id).execute();
  await operator.updateTable('api_key_secrets').set({ expires_at: past }).where('api_key_id', '=', apiKey.id).execute();
  expect((await app.trpc(app.one.key).keys.get.query({ id: apiKey.id })).state).toBe('expired');
  await expect(app.trpc(key).keys.current.query()).rejects.toMatchObject(
    refused(401, { reason: 'API key has expired' }),
  );
  const noise = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`;
  await expect(app.trpc(noise).keys.current.query()).rejects.toMatchObject(refused(401, { reason: 'Invalid API key' }));
});

// The embedded database uses the host's clock.
if (inject('database').kind === 'postgres') {
  test('The host’s clock has no say in what is expired', async () => {
    await using app = await testApp();
    const { expiresAt } = await app.trpc(app.one.key).keys.current.query();
    try {
      vi.setSystemTime(new Date(expiresAt.getTime() + 365 * DAY));
      expect((await app.trpc(app.one.key).keys.current.query()).state).toBe('active');
      const { apiKey } = await app.trpc(app.one.key).keys.issue.mutate({ name: 'issued now', expiresInDays: 90 });
      expect(apiKey.expiresAt.getTime()).toBeLessThan(expiresAt.getTime() + DAY);
    } finally {
      vi.useRealTimers();
    }
  });
}

test('lastUsedAt is null until the first use, which is recorded at once', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const lastUsedAt = async () => (await app.trpc(app.one.key).keys.get.query({ id: apiKey.id })).lastUsedAt;
  expect(await lastUsedAt()).toBeNull();
  const before = Date.now();
  await app.api(key, 'GET', '/api/contacts');
  await expect.poll(lastUsedAt, { timeout: 5_000, interval: 20 }).toBeInstanceOf(Date);
  expect(Math.abs((await lastUsedAt())!.getTime() - before)).toBeLessThan(5_000);
});

test('A use that was refused is no use', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  await app.trpc(app.one.key).keys.revoke.mutate({ id: apiKey.id });
  expect((await app.api(key, 'GET', '/api/contacts')).status).toBe(401);
  await app.deps.lastUse.flush();
  expect((await app.trpc(app.one.key).keys.get.query({ id: apiKey.id })).lastUsedAt).toBeNull();
});

test('Keys are listed newest first, in pages, revoked ones among them', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  const made = [app.one.keyId];
  for (const name of ['a', 'b', 'c', 'd', 'e']) made.unshift((await keys.issue.mutate({ name })).apiKey.id);
  await keys.revoke.mutate({ id: made[2]! });
  expect((await keys.list.query()).nextCursor).toBeNull();
  for (const limit of [1, 2, 3, 4, 5, 6, 200]) {
    const seen: string[] = [];
    let pages = 0;
    for (let cursor: string | null | undefined; cursor !== null; pages++) {
      const page = await keys.list.query({ limit, ...(cursor && { cursor }) });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect([seen, pages], `limit ${limit}`).toEqual([made, Math.ceil(6 / limit)]);
  }
  for (const input of [{ limit: 0 }, { limit: 201 }, { limit: 1.5 }, { cursor: 'garbage' }]) {
    await expect(keys.list.query(input), JSON.stringify(input)).rejects.toMatchObject(refused(400));
  }
});

const HOUR = 3_600_000;
const NOBODY = '01890000-0000-7000-8000-000000000000';
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
  for (const name of ['', '  ', 'a'.repeat(101), null]) {
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
    description: null,
    environment: null,
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
  // A secret that was not used would be replaced.
  expect(await reasonOf(app, second.key)).toBeUndefined();
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
  const rotate = async (graceHours: number) => {
    const rotated = await keys.rotate.mutate({ id: apiKey.id, graceHours });
    expect(await reasonOf(app, rotated.key)).toBeUndefined();
  };
  await rotate(1);
  const [before] = await secretEnds(app, apiKey.id);
  await rotate(168);
  expect((await secretEnds(app, apiKey.id))[0]).toBe(before);
  await rotate(0);
  await rotate(168);
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
  // That use is recorded beside the request: what follows compares the key as it is shown.
  await app.deps.lastUse.flush();
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
  expect(await keys.current.query()).toEqual({ ...apiKey, token: null, holder: null, lastUsedAt: null });
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
