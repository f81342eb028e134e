import { expect, test } from 'vitest';
import type { KeySecrets } from '../../server/auth/keySecret.ts';
import { openText, sealText } from '../../server/auth/sealedText.ts';
import { findSecretUses, moveToFirstSecret } from '../../server/auth/serverSecrets.ts';
import { addMember, signedIn } from '../helpers/browser.ts';
import { startPeer } from '../helpers/instance.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp, testSecrets } from '../helpers/testApp.ts';

const COLUMNS = [{ table: 'seeds', column: 'seed' }];
const PURPOSE = 'seeds.seed';

/** Makes a table with sealed texts, as a table of the accounts. */
async function makeSeeds(app: TestApp, texts: (string | null)[]) {
  await runAsAdmin(app, 'create table seeds (id uuid primary key default gen_random_uuid(), nth int, seed text)');
  await runAsAdmin(app, 'grant select, update on seeds to introzy_auth');
  const rows = texts.map((text, nth) => `(${nth}, ${text === null ? 'null' : `'${text}'`})`);
  await runAsAdmin(app, `insert into seeds (nth, seed) values ${rows.join(', ')}`);
}
const readSeeds = async (app: TestApp) =>
  (await runAsAdmin(app, 'select seed from seeds order by nth')).map(({ seed }) => seed as string | null);

const NONE = { count: 0, lastExpiresAt: null };
const some = (count: number) => ({ count, lastExpiresAt: expect.any(Date) });

const firstOf = ([secret]: KeySecrets) => secret;

test('Each server secret says what hangs on it, and whether the settings have it', async () => {
  const [first, older, gone] = [firstOf(testSecrets()), firstOf(testSecrets()), firstOf(testSecrets())];
  await using app = await testApp({ isAlone: true, keySecrets: [older] });
  await using now = await startPeer(app, [first, older]);
  await using before = await startPeer(app, [gone]);

  // Two organizations have a key each; further keys are revoked, expired, and of each other server secret.
  const { key: revoked, apiKey } = await app.issue(app.one.id);
  await app.trpc(revoked).keys.mintToken.mutate({ expiresInMinutes: 60 });
  await app.trpc(app.one.key).keys.revoke.mutate({ id: apiKey.id });
  const expired = await app.issue(app.one.id);
  await runAsAdmin(app, `update api_key_secrets set expires_at = now() where api_key_id = '${expired.apiKey.id}'`);
  await app.trpc(app.other.key).keys.mintToken.mutate({ expiresInMinutes: 60 });
  const issued = await now.call(app.one.key, 'POST', '/api/keys', { name: 'of the first' });
  expect(issued.status).toBe(201);
  await now.call(issued.body.data.key, 'POST', '/api/keys/current/tokens', { expiresInMinutes: 5 });
  const person = await addMember(app, app.one.id);
  for (const instance of [app, now, before, before]) await signedIn({ ...app, app: instance.app }, person);
  await runAsAdmin(
    app,
    `update sessions set token = 'in clear' where id = (select id from sessions where token ~ '^${gone.id}:' limit 1)`,
  );
  await makeSeeds(app, [sealText([first], 'a', PURPOSE), sealText([gone], 'b', PURPOSE), null]);
  // The use of a key has moved the key to the first secret.
  await expect
    .poll(async () => (await findSecretUses({ db: app.db, keySecrets: [first, older] })).secrets[0]?.apiKeys.count)
    .toBe(2);

  const { secrets, inClear } = await findSecretUses({ db: app.db, keySecrets: [first, older] }, COLUMNS);
  expect(secrets).toEqual([
    {
      ...{ id: first.id, state: 'first', apiKeys: some(2), tokens: some(1), sessions: some(1) },
      ...{ verifications: NONE, sealedTexts: 1 },
    },
    {
      ...{ id: older.id, state: 'older', apiKeys: some(1), tokens: some(1), sessions: some(1) },
      ...{ verifications: NONE, sealedTexts: 0 },
    },
    {
      ...{ id: gone.id, state: 'missing', apiKeys: NONE, tokens: NONE, sessions: some(1) },
      ...{ verifications: NONE, sealedTexts: 1 },
    },
  ]);
  expect(inClear).toBe(1);
  const [{ at } = {}] = await runAsAdmin(
    app,
    `select expires_at as at from api_key_tokens t where secret_id = '${first.id}'`,
  );
  expect(secrets[0]?.tokens.lastExpiresAt).toEqual(new Date(at as string));
});

test('Sealed texts move to the first secret in batches; a second call has nothing to do, and unreadable texts stay', async () => {
  const keySecrets = testSecrets(3);
  const [first, second = first, third = first] = keySecrets;
  const lost = firstOf(testSecrets());
  await using app = await testApp({ isAlone: true, keySecrets });
  const texts = Array.from({ length: 450 }, (_, nth) => `seed ${nth}`);
  const sealed = texts.map((text, nth) => sealText([[first, second, third][nth % 3] ?? first], text, PURPOSE));
  const stay = [sealText([lost], 'lost', PURPOSE), sealText([second], 'of another column', 'seeds.other'), null];
  await makeSeeds(app, [...sealed, ...stay]);

  const unreadable = {
    count: 2,
    reasons: expect.toSatisfy(
      (reasons: string[]) =>
        reasons.length === 2 &&
        reasons.some((each) =>
          each.includes(`the server secret "${lost.id}", which INTROZY_KEY_SECRETS does not have`),
        ) &&
        reasons.some((each) => each.includes(`cannot be opened under the server secret "${second.id}"`)),
    ),
  };
  const parts = { db: app.db, keySecrets };
  expect(await moveToFirstSecret(parts, COLUMNS)).toEqual({ sealedTexts: 300, inClear: 0, unreadable });
  const moved = await readSeeds(app);
  expect(moved.slice(0, 450).map((each) => openText([first], each as string, PURPOSE))).toEqual(texts);
  expect(moved.slice(450)).toEqual(stay);
  expect(moved.filter((each, nth) => nth < 450 && each === sealed[nth])).toHaveLength(150);
  expect(await moveToFirstSecret(parts, COLUMNS)).toEqual({ sealedTexts: 0, inClear: 0, unreadable });
  expect(await readSeeds(app)).toEqual(moved);
});
