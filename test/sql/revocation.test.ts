import { expect, inject, test } from 'vitest';
import { startPeer } from '../helpers/instance.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/**
 * The embedded database has one connection, and thus too few races for hundreds of keys. An organization has at most
 * 1,000 active keys.
 */
const KEYS = inject('database').kind === 'embedded' ? 50 : 990;
/** The number of keys that are used and revoked at the same time. */
const LANES = 4;

const current = ['GET', '/api/keys/current'] as const;

async function issueKeys(app: TestApp): Promise<{ key: string; id: string }[]> {
  const issued: { key: string; id: string }[] = [];
  const issueSome = async () => {
    for (let n = 0; n < KEYS / 10; n++) {
      const { key, apiKey } = await app.issue(app.one.id);
      issued.push({ key, id: apiKey.id });
    }
  };
  await Promise.all(Array.from({ length: 10 }, issueSome));
  return issued;
}

test(`${KEYS} keys are revoked under load from three instances, and none is accepted once that is answered`, async () => {
  await using app = await testApp();
  await using second = await startPeer(app);
  await using third = await startPeer(app);
  const instances = [{ call: app.api }, second, third];
  const keys = await issueKeys(app);
  const seen = { accepted: 0, refused: 0, acceptedAfter: 0, other: [] as unknown[] };
  const revokedAt = new Map<string, number>();
  let isOver = false;

  const use = async (key: string, { call }: Pick<typeof second, 'call'>) => {
    const begun = performance.now();
    const { status, body } = await call(key, ...current);
    const isAfter = begun >= (revokedAt.get(key) ?? Number.POSITIVE_INFINITY);
    if (status === 200 && isAfter) seen.acceptedAfter += 1;
    else if (status === 200) seen.accepted += 1;
    else if (status === 401 && body.details.reason === 'API key has been revoked') seen.refused += 1;
    // A slow machine answers 503, which neither accepts nor refuses the key.
    else if (status !== 503) seen.other.push({ status, body });
  };

  /** Uses a key on all instances without a pause, from before the revocation until after the revocation. */
  const callAndRevoke = async ({ key, id }: (typeof keys)[number], turn: number) => {
    const hammer = async (instance: Pick<typeof second, 'call'>) => {
      while (!revokedAt.has(key) && !isOver) await use(key, instance);
      await use(key, instance);
    };
    const revoker = instances[turn % instances.length] as (typeof instances)[number];
    await Promise.all(instances.map((instance) => use(key, instance)));
    const hammers = instances.map(hammer);
    for (;;) {
      const { status } = await revoker.call(app.one.key, 'DELETE', `/api/keys/${id}`);
      if (status === 200) break;
      // A slow machine answers 503.
      expect(status).toBe(503);
    }
    revokedAt.set(key, performance.now());
    await Promise.all(hammers);
  };

  const queue = keys.entries();
  const lane = async () => {
    for (const [turn, some] of queue) await callAndRevoke(some, turn);
  };
  await Promise.all(Array.from({ length: LANES }, lane)).finally(() => (isOver = true));

  expect(seen.other).toEqual([]);
  expect(seen.acceptedAfter).toBe(0);
  // The test saw real use: every key was in use on every instance, before and after the revocation.
  expect(revokedAt.size).toBe(KEYS);
  expect(seen.accepted).toBeGreaterThan(2 * KEYS);
  expect(seen.refused).toBeGreaterThan(2 * KEYS);
}, 120_000);
