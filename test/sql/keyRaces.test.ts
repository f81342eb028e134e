import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { digestsOf, type KeySecrets } from '../../server/auth/keySecret.ts';
import { atOnce, tally } from '../helpers/atOnce.ts';
import { startPeer, until } from '../helpers/instance.ts';
import { type TestApp, testApp, testSecrets } from '../helpers/testApp.ts';

/**
 * Two server secrets: each alone, and in the two orders in which instances have them while the newer replaces the
 * older.
 */
function twoSecrets() {
  const [older, newer] = testSecrets(2) as unknown as [KeySecrets[0], KeySecrets[0]];
  return { older, newer, oldOrder: [older, newer] as const, newOrder: [newer, older] as const };
}

/** A key's rows in the table of secrets, with digests in hexadecimal. */
async function readSecrets(app: TestApp, id: string) {
  const rows = await asOperator(app.db, app.one.id)
    .selectFrom('api_key_secrets')
    .select(['digest', 'secret_id as secretId', 'expires_at as expiresAt'])
    .where('api_key_id', '=', id)
    .execute();
  return rows.map(({ digest, ...rest }) => ({ ...rest, digest: Buffer.from(digest).toString('hex') }));
}

const digestUnder = (key: string, secret: KeySecrets[0]) => digestsOf(key, [secret])[0]?.toString('hex');

const current = ['GET', '/api/keys/current'] as const;

/** Checks that each instance refuses the key as revoked. */
async function expectRevoked(key: string, instances: Pick<Awaited<ReturnType<typeof startPeer>>, 'call'>[]) {
  for (const { call } of instances) {
    const { status, body } = await call(key, ...current);
    expect([status, body.details?.reason]).toEqual([401, 'API key has been revoked']);
  }
}

test('A key that is used is kept under the newest server secret from then on, and works with it alone', async () => {
  const { older, newer, oldOrder, newOrder } = twoSecrets();
  await using app = await testApp({ keySecrets: [older] });
  const { key, apiKey } = await app.issue(app.one.id);
  const [before] = await readSecrets(app, apiKey.id);
  expect(before?.secretId).toBe(older.id);

  await using next = await startPeer(app, newOrder);
  expect((await next.call(key, ...current)).status).toBe(200);
  await until(async () => (await readSecrets(app, apiKey.id))[0]?.secretId === newer.id, 'a re-digest');
  const after = await readSecrets(app, apiKey.id);
  expect(after).toHaveLength(1);
  expect(after[0]?.digest).toBe(digestUnder(key, newer));
  expect(after[0]?.expiresAt).toEqual(before?.expiresAt);

  await using last = await startPeer(app, [newer]);
  await using late = await startPeer(app, oldOrder);
  expect((await last.call(key, ...current)).status).toBe(200);
  expect((await late.call(key, ...current)).status).toBe(200);
  expect((await next.call(key, ...current)).status).toBe(200);
});

test('While instances have the two server secrets in different orders, a key works on all of them at once', async () => {
  const { oldOrder, newOrder } = twoSecrets();
  await using app = await testApp({ keySecrets: oldOrder });
  await using next = await startPeer(app, newOrder);
  await using old = await startPeer(app, oldOrder);
  const { key, apiKey } = await app.issue(app.one.id);
  const answers = await atOnce(200, (index) => (index % 2 === 0 ? next : old).call(key, ...current));
  expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 200 });
  expect(await readSecrets(app, apiKey.id)).toHaveLength(1);
});

test('A revocation during a re-digest stays', async () => {
  const { older, newer, newOrder } = twoSecrets();
  await using app = await testApp({ keySecrets: [older] });
  await using next = await startPeer(app, newOrder);
  await using last = await startPeer(app, [newer]);
  for (let round = 0; round < 15; round++) {
    const { key, apiKey } = await app.issue(app.one.id);
    const [answers, revoked] = await Promise.all([
      atOnce(12, async (index) => {
        if (index % 3 > 0) await new Promise((resolve) => setTimeout(resolve, (round + index) % 7));
        return await next.call(key, ...current);
      }),
      app.api(app.one.key, 'DELETE', `/api/keys/${apiKey.id}`),
    ]);
    expect(revoked.status).toBe(200);
    expect(answers.every(({ status }) => status === 200 || status === 401)).toBe(true);
    if (answers.some(({ status }) => status === 200)) {
      await until(async () => (await readSecrets(app, apiKey.id))[0]?.secretId === newer.id, 'a re-digest');
      await expectRevoked(key, [last]);
    }
    await expectRevoked(key, [next]);
    const now = (await app.api(app.one.key, 'GET', `/api/keys/${apiKey.id}`)).body.data;
    expect(now).toMatchObject({ state: 'revoked', revokedAt: revoked.body.data.revokedAt });
    expect(await readSecrets(app, apiKey.id)).toHaveLength(1);
  }
});

test('A revocation during a rotation stays: neither the old secret nor the new one works', async () => {
  await using app = await testApp();
  await using peer = await startPeer(app);
  for (let round = 0; round < 15; round++) {
    const { key, apiKey } = await app.issue(app.one.id);
    const delay = (turn: number) => new Promise((resolve) => setTimeout(resolve, turn));
    const [rotated, revoked] = await Promise.all([
      delay(round % 3).then(() => peer.call(app.one.key, 'POST', `/api/keys/${apiKey.id}/rotate`, {})),
      delay(round % 5).then(() => app.api(app.one.key, 'DELETE', `/api/keys/${apiKey.id}`)),
    ]);
    expect(revoked.status).toBe(200);
    expect([200, 409]).toContain(rotated.status);
    await expectRevoked(key, [peer]);
    if (rotated.status === 200) await expectRevoked(rotated.body.data.key, [peer]);
    const now = (await app.api(app.one.key, 'GET', `/api/keys/${apiKey.id}`)).body.data;
    expect(now).toMatchObject({ state: 'revoked', revokedAt: revoked.body.data.revokedAt });
  }
});

test('A revocation during the flush of last uses stays, and the use is recorded', async () => {
  await using app = await testApp();
  await using peer = await startPeer(app);
  for (let round = 0; round < 15; round++) {
    const { key, apiKey } = await app.issue(app.one.id);
    expect((await peer.call(key, ...current)).status).toBe(200);
    expect((await peer.call(key, ...current)).status).toBe(200);
    const [revoked] = await Promise.all([
      app.api(app.one.key, 'DELETE', `/api/keys/${apiKey.id}`),
      peer.deps.lastUse.flush(),
    ]);
    expect(revoked.status).toBe(200);
    const now = (await app.api(app.one.key, 'GET', `/api/keys/${apiKey.id}`)).body.data;
    expect(now).toMatchObject({ state: 'revoked', revokedAt: revoked.body.data.revokedAt });
    expect(now.lastUsedAt).not.toBeNull();
    await expectRevoked(key, [peer]);
  }
});

test('Of two rotations at once the later one puts the secret of the earlier one under its grace', async () => {
  await using app = await testApp();
  await using peer = await startPeer(app);
  for (let round = 0; round < 10; round++) {
    const { key, apiKey } = await app.issue(app.one.id);
    // Of two rotations by the same caller, the later rotation would replace the unused secret of the earlier rotation.
    const callers = [app.one.key, (await app.issue(app.one.id)).key];
    const answers = await atOnce(2, (index) => {
      const body = { graceHours: 1, expiresInDays: 30 };
      return (index === round % 2 ? peer.call : app.api)(
        callers[index] as string,
        'POST',
        `/api/keys/${apiKey.id}/rotate`,
        body,
      );
    });
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 2 });
    const secrets = await readSecrets(app, apiKey.id);
    expect(secrets).toHaveLength(3);
    const { rows } = await sql<{ soon: Date }>`select now() + interval '2 hours' as soon`.execute(app.db.root);
    const fresh = secrets.filter(({ expiresAt }) => expiresAt > (rows[0]?.soon as Date));
    expect(fresh).toHaveLength(1);

    const shown = (await app.api(app.one.key, 'GET', `/api/keys/${apiKey.id}`)).body.data;
    const latest = answers.find(({ body }) => body.data.apiKey.hint === shown.hint)?.body.data.key;
    expect(fresh[0]?.digest).toBe(digestUnder(latest, app.keySecrets[0]));
    for (const some of [key, ...answers.map(({ body }) => body.data.key)]) {
      expect((await peer.call(some, ...current)).status).toBe(200);
    }
  }
});

test('Of two rotations at once without grace only the later one leaves a secret that works', async () => {
  await using app = await testApp();
  await using peer = await startPeer(app);
  for (let round = 0; round < 10; round++) {
    const { key, apiKey } = await app.issue(app.one.id);
    const callers = [app.one.key, (await app.issue(app.one.id)).key];
    const answers = await atOnce(2, (index) =>
      (index === round % 2 ? peer.call : app.api)(callers[index] as string, 'POST', `/api/keys/${apiKey.id}/rotate`, {
        graceHours: 0,
      }),
    );
    const { hint } = (await app.api(app.one.key, 'GET', `/api/keys/${apiKey.id}`)).body.data;
    for (const { data } of answers.map(({ body }) => body)) {
      const { status, body } = await peer.call(data.key, ...current);
      const isLatest = data.apiKey.hint === hint;
      expect([status, body.details?.reason]).toEqual(isLatest ? [200, undefined] : [401, 'API key has expired']);
    }
    expect((await peer.call(key, ...current)).status).toBe(401);
  }
});
