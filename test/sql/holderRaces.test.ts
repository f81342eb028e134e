import { expect, inject, test } from 'vitest';
import { addMember, signedIn } from '../helpers/browser.ts';
import { startPeer } from '../helpers/instance.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** The embedded database has one connection, and thus too few races for hundreds of people. */
const PEOPLE = inject('database').kind === 'embedded' ? 20 : 500;
/** The number of people who are demoted and removed at the same time. */
const LANES = 3;

interface Held {
  /** The id of the membership. */
  memberId: string;
  key: string;
}

/** Makes admins, each the holder of a key with all scopes. */
async function makeHolders(app: TestApp): Promise<Held[]> {
  const made: (Held & { userId: string; keyId: string })[] = [];
  for (let n = 0; n < PEOPLE; n++) {
    const { userId } = await addMember(app, app.one.id, 'admin');
    const { key, apiKey } = await app.issue(app.one.id);
    made.push({ memberId: '', key, userId, keyId: apiKey.id });
  }
  const pairs = made.map(({ keyId, userId }) => `('${keyId}'::uuid, '${userId}'::uuid)`).join();
  await runAsAdmin(
    app,
    `update api_key_secrets set holder_id = held.person from (values ${pairs}) held (key, person) where api_key_id = held.key`,
  );
  const members = await runAsAdmin(app, `select id, user_id from members where organization_id = '${app.one.id}'`);
  const ids = new Map(members.map(({ id, user_id }) => [user_id, id as string]));
  return made.map(({ key, userId }) => ({ key, memberId: ids.get(userId) as string }));
}

test(`${2 * PEOPLE} demotions and removals under load on three instances: no call is accepted that begins after the answer`, async () => {
  await using app = await testApp();
  await using second = await startPeer(app);
  await using third = await startPeer(app);
  const instances = [{ call: app.api }, second, third];
  const owner = await signedIn(app, await addMember(app, app.one.id, 'owner'));
  const holders = await makeHolders(app);
  const seen = { before: 0, demoted: 0, removed: 0, acceptedAfter: 0, other: [] as unknown[] };

  const demoteAndRemove = async ({ key, memberId }: Held) => {
    /** What has been answered so far: nothing, the demotion, the removal. */
    let state: 'admin' | 'member' | 'gone' = 'admin';
    const use = async ({ call }: Pick<typeof second, 'call'>) => {
      const begun = state;
      const { status, body } = await call(key, 'GET', '/api/keys?limit=1');
      const reason = body?.details?.reason;
      // A slow machine answers 503, which neither accepts nor refuses the key.
      if (status === 503) return;
      const isDemoted = status === 403 && reason === 'The role of the API key’s holder lacks the scope keys:manage';
      const isRemoved = status === 401 && reason === 'API key has been revoked';
      if (status === 200 && begun === 'admin') seen.before += 1;
      else if (isDemoted && begun !== 'gone') seen.demoted += 1;
      else if (isRemoved) seen.removed += 1;
      else if (status === 200 || isDemoted) seen.acceptedAfter += 1;
      else seen.other.push({ status, body });
    };
    const hammer = async (instance: Pick<typeof second, 'call'>) => {
      while (state !== 'gone') {
        await use(instance);
        // The embedded database answers without a turn of the event loop, which the owner's request needs.
        await new Promise(setImmediate);
      }
      await use(instance);
    };
    await Promise.all(instances.map(use));
    const hammers = instances.map(hammer);
    await owner.trpc.members.changeRole.mutate({ id: memberId, role: 'member' });
    state = 'member';
    await Promise.all(instances.map(use));
    await owner.trpc.members.remove.mutate({ id: memberId });
    state = 'gone';
    await Promise.all(hammers);
  };

  const queue = holders.values();
  const lane = async () => {
    for (const holder of queue) await demoteAndRemove(holder);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  expect(seen.other).toEqual([]);
  expect(seen.acceptedAfter).toBe(0);
  // The test saw real use, before and after each change.
  expect(seen.before).toBeGreaterThan(2 * PEOPLE);
  expect(seen.demoted).toBeGreaterThan(2 * PEOPLE);
  expect(seen.removed).toBeGreaterThan(2 * PEOPLE);
}, 400_000);
