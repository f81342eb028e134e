import { expect, test } from 'vitest';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const HOUR = 3_600_000;
const statusOf = async (app: TestApp, key: string) => (await app.api(key, 'GET', '/api/contacts')).status;

/** Calls with a key, and waits until the use is recorded. */
async function use(app: TestApp, key: string) {
  expect(await statusOf(app, key)).toBe(200);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  await app.deps.lastUse.flush();
}

test('Each secret tells its last use, and each place the secrets that were used from there', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  const first = await keys.issue.mutate({ name: 'rotated' });
  const { id } = first.apiKey;
  await use(app, first.key);
  const second = await keys.rotate.mutate({ id });
  const secrets = async () => (await keys.get.query({ id })).secrets;
  expect(await secrets()).toMatchObject([
    { hint: second.apiKey.hint, lastUsedAt: null },
    { hint: first.apiKey.hint, lastUsedAt: expect.any(Date) },
  ]);
  await use(app, second.key);
  const [newer, older] = await secrets();
  expect(newer?.lastUsedAt?.getTime()).toBeGreaterThanOrEqual(older?.lastUsedAt?.getTime() ?? Number.NaN);
  const { places } = await keys.places.query({ id });
  expect(places.map((place) => place.secrets.map(({ hint }) => hint))).toEqual([
    [second.apiKey.hint, first.apiKey.hint],
  ]);
});

test('With graceFrom firstUse the older secrets go on until the hours after the first use of the new secret', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  const first = await keys.issue.mutate({ name: 'fleet' });
  const { id } = first.apiKey;
  const second = await keys.rotate.mutate({ id, graceFrom: 'firstUse', graceHours: 2 });
  const ends = async () => Object.fromEntries((await keys.get.query({ id })).secrets.map((s) => [s.hint, s.expiresAt]));
  expect((await ends())[first.apiKey.hint]).toEqual(first.apiKey.expiresAt);
  await use(app, first.key);
  expect((await ends())[first.apiKey.hint]).toEqual(first.apiKey.expiresAt);
  await runAsAdmin(
    app,
    `update api_key_secrets set created_at = created_at - interval '9 hours' where api_key_id = '${id}'`,
  );
  const begun = Date.now();
  await use(app, second.key);
  const end = (await ends())[first.apiKey.hint]?.getTime() ?? Number.NaN;
  // Nine hours after the rotation.
  expect(Math.abs(end - begun - 2 * HOUR)).toBeLessThan(HOUR);
  await use(app, second.key);
  expect((await ends())[first.apiKey.hint]?.getTime()).toBe(end);
  expect((await ends())[second.apiKey.hint]).toEqual(second.apiKey.expiresAt);

  // Without a grace, the first use cuts the older secrets off.
  const third = await keys.rotate.mutate({ id, graceFrom: 'firstUse', graceHours: 0 });
  expect([await statusOf(app, first.key), await statusOf(app, second.key)]).toEqual([200, 200]);
  await use(app, third.key);
  expect([await statusOf(app, first.key), await statusOf(app, second.key)]).toEqual([401, 401]);
});

test('A rotation whose answer was lost is repeated without harm: the unused secret is replaced, the older secrets stay', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  const first = await keys.issue.mutate({ name: 'unlucky' });
  const { id } = first.apiKey;
  const lost = await keys.rotate.mutate({ id, graceHours: 48 });
  const { secrets } = await keys.get.query({ id });
  const again = await keys.rotate.mutate({ id, graceHours: 1 });
  const after = await keys.get.query({ id });
  expect(after.secrets).toMatchObject([{ hint: again.apiKey.hint }, secrets[1]]);
  expect([await statusOf(app, lost.key), await statusOf(app, first.key)]).toEqual([401, 200]);

  // Another caller's rotation, and a rotation after a use or after ten minutes, is a rotation like any other.
  const manager = await app.issue(app.one.id, { name: 'another caller' });
  const others = await app.trpc(manager.key).keys.rotate.mutate({ id, graceHours: 1 });
  expect(await statusOf(app, again.key)).toBe(200);
  await use(app, others.key);
  await app.trpc(manager.key).keys.rotate.mutate({ id, graceHours: 1 });
  expect(await statusOf(app, others.key)).toBe(200);
  const older = `created_at = created_at - interval '11 minutes'`;
  await runAsAdmin(app, `update api_key_secrets set ${older} where api_key_id = '${id}'`);
  const unused = (await keys.get.query({ id })).secrets[0]?.hint;
  const late = await app.trpc(manager.key).keys.rotate.mutate({ id, graceHours: 1 });
  const live = (await keys.get.query({ id })).secrets.map(({ hint }) => hint);
  expect(live).toEqual(expect.arrayContaining([late.apiKey.hint, unused]));
});

test('With graceFrom firstUse no secret outlives the key, and a repetition that counts from now begins the grace', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  const { apiKey } = await keys.issue.mutate({ name: 'long', expiresInDays: 365 });
  const { id } = apiKey;
  const ofOldest = async () => (await keys.get.query({ id })).secrets.at(-1)?.expiresAt.getTime() ?? Number.NaN;
  const short = await keys.rotate.mutate({ id, graceFrom: 'firstUse', expiresInDays: 30 });
  expect(await ofOldest()).toBeLessThanOrEqual(short.apiKey.expiresAt.getTime());
  await keys.rotate.mutate({ id, graceHours: 3 });
  expect(Math.abs((await ofOldest()) - Date.now() - 3 * HOUR)).toBeLessThan(HOUR);
});

test('A key that may rotate itself may end its own grace, and no other key’s', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  const made = { name: 'alone', scopes: ['contacts:read' as const], selfRotate: true };
  const [own, other] = [await keys.issue.mutate(made), await keys.issue.mutate(made)];
  const { key } = (await app.api(own.key, 'POST', '/api/keys/current/rotate', {})).body.data;
  const end = async (id: string) => (await app.api(key, 'POST', `/api/keys/${id}/end-grace`)).status;
  expect(await end(other.apiKey.id)).toBe(403);
  expect([await end('current'), await end(own.apiKey.id)]).toEqual([200, 200]);
  expect([await statusOf(app, own.key), await statusOf(app, key)]).toEqual([401, 200]);
});

test('Where the holder of the newest secret has left, the grace ends for no secret of others', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  const { key, apiKey } = await keys.issue.mutate({ name: 'shared' });
  const seen = await keys.rotate.mutate({ id: apiKey.id });
  await runAsAdmin(app, `update api_key_secrets set expires_at = now() where hint = '${seen.apiKey.hint}'`);
  expect((await keys.endGrace.mutate({ id: apiKey.id })).secrets).toMatchObject([{ hint: apiKey.hint }]);
  expect(await statusOf(app, key)).toBe(200);
});

test('A repeated rotation with no grace cuts the older secrets off', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  const first = await keys.issue.mutate({ name: 'leaked' });
  const lost = await keys.rotate.mutate({ id: first.apiKey.id });
  const again = await keys.rotate.mutate({ id: first.apiKey.id, graceHours: 0 });
  const keysInTurn = [first.key, lost.key, again.key];
  expect(await Promise.all(keysInTurn.map((key) => statusOf(app, key)))).toEqual([401, 401, 200]);
});

test('The secret with which a key was issued is never taken for a lost answer', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  const first = await keys.issue.mutate({ name: 'just issued' });
  await keys.rotate.mutate({ id: first.apiKey.id });
  expect(await statusOf(app, first.key)).toBe(200);
});

test('A key with selfRotate rotates itself, and only itself, whatever its scopes', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  const made = { name: 'alone', scopes: ['contacts:read' as const] };
  const self = await keys.issue.mutate({ ...made, selfRotate: true });
  const plain = await keys.issue.mutate(made);
  const rotate = async (key: string, id: string) => await app.api(key, 'POST', `/api/keys/${id}/rotate`, {});
  const rotated = await rotate(self.key, 'current');
  expect([rotated.status, rotated.body.data.apiKey.id]).toEqual([200, self.apiKey.id]);
  expect((await rotate(rotated.body.data.key, self.apiKey.id)).status).toBe(200);
  const lacking = 'The API key lacks the scope keys:manage';
  for (const [key, id] of [
    [plain.key, 'current'],
    [plain.key, plain.apiKey.id],
    [self.key, plain.apiKey.id],
  ] as const) {
    const answer = await rotate(key, id);
    expect([answer.status, answer.body.details.reason]).toEqual([403, lacking]);
  }
  expect((await rotate(self.key, app.other.keyId)).status).toBe(403);
  await keys.update.mutate({ id: self.apiKey.id, selfRotate: false });
  expect((await rotate(self.key, 'current')).status).toBe(403);
});

test('An older secret that ends the grace gets the answer, and ends with it', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  await app.trpc(app.one.key).keys.rotate.mutate({ id: apiKey.id });
  const { status, body } = await app.api(key, 'POST', `/api/keys/${apiKey.id}/end-grace`);
  expect([status, body.data?.secrets.length]).toEqual([200, 1]);
  expect(await statusOf(app, key)).toBe(401);
});
