import { expect, test } from 'vitest';
import type { Mail } from '../../server/mail/mailer.ts';
import { sendExpiryNotices } from '../../server/start/expiryNotices.ts';
import { addMember, signedIn } from '../helpers/browser.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const expireIn = (app: TestApp, id: string, days: number) =>
  runAsAdmin(app, `update api_keys set expires_at = now() + interval '${days * 24} hours' where id = '${id}'`);

/** Sends the notices of a round. Gives each notice's recipient, key and link. */
async function round({ deps }: TestApp, send?: (mail: Mail) => Promise<void>) {
  const mails: Mail[] = [];
  await sendExpiryNotices({ ...deps, mail: { send: send ?? (async (mail) => void mails.push(mail)) } });
  return mails.map(({ to, subject, link }) => [to, nameIn(subject), link]).sort();
}

/** The name of the key in a notice's subject. */
const nameIn = (subject: string) => /“(.*)”/.exec(subject)?.[1];
/** The names of the keys in a round's notices. */
const told = async (app: TestApp) => (await round(app)).map(([, name]) => name);

/** Issues keys that expire within a day. */
async function issueExpiring(app: TestApp, names: string[]) {
  for (const name of names) await expireIn(app, (await app.issue(app.one.id, { name })).apiKey.id, 1);
}

/** Moves the times of all claims back, as if `minutes` had passed. */
const passTime = (app: TestApp, minutes: number) =>
  runAsAdmin(
    app,
    `update api_keys set expiry_notice_for = expiry_notice_for - interval '${minutes} minutes'
      where expiry_notice_for is distinct from expires_at`,
  );

test('Who issued a key is told once, when it expires within seven days', async () => {
  await using app = await testApp({ isAlone: true });
  const admin = await addMember(app, app.one.id, 'admin');
  const { trpc } = await signedIn(app, admin);
  const [soon, later, revoked, expired] = await Promise.all(
    ['soon', 'later', 'revoked', 'expired'].map((name) => trpc.keys.issue.mutate({ name })),
  );
  if (!soon || !later || !revoked || !expired) throw new Error('No keys');
  await expireIn(app, soon.apiKey.id, 6.9);
  await expireIn(app, later.apiKey.id, 7.1);
  await expireIn(app, revoked.apiKey.id, 3);
  await expireIn(app, expired.apiKey.id, -1);
  await trpc.keys.revoke.mutate({ id: revoked.apiKey.id });
  // For a key that another key issued, the notice goes to the organization's owner.
  const byKey = await app.trpc(app.other.key).keys.issue.mutate({ name: 'by a key' });
  await expireIn(app, byKey.apiKey.id, 1);

  const page = (id: string) => `http://127.0.0.1:3000/settings/api-keys/${id}`;
  expect(await round(app)).toEqual(
    [
      [admin.email, 'soon', page(soon.apiKey.id)],
      [app.other.ownerEmail, 'by a key', page(byKey.apiKey.id)],
    ].sort(),
  );
  expect(await round(app)).toEqual([]);
  // A rotated key has a new expiry, and a notice of the new expiry is due in time.
  await trpc.keys.rotate.mutate({ id: soon.apiKey.id });
  expect(await round(app)).toEqual([]);
  await expireIn(app, soon.apiKey.id, 5);
  expect(await round(app)).toEqual([[admin.email, 'soon', page(soon.apiKey.id)]]);
});

test('A notice that the mail server does not take is due again, and holds up no other', async () => {
  await using app = await testApp({ isAlone: true });
  for (const { id, keyId } of [app.one, app.other]) {
    await expireIn(app, keyId, 2);
    expect(id).not.toBe(keyId);
  }
  const sent: string[] = [];
  await round(app, async ({ to }) => {
    if (to === app.one.ownerEmail) throw new Error('mailbox full');
    sent.push(to);
  });
  expect(sent).toEqual([app.other.ownerEmail]);
  expect(app.logs.join('')).toMatch(/the notice of an expiry is not sent yet/);
  expect((await round(app)).map(([to]) => to)).toEqual([app.one.ownerEmail]);
});

test('Of several instances that look at once, one tells', async () => {
  await using app = await testApp({ isAlone: true });
  await expireIn(app, app.one.keyId, 2);
  const rounds = await Promise.all([round(app), round(app), round(app), round(app)]);
  expect(rounds.flat()).toHaveLength(1);
});

test('An instance that ends while it sends a notice costs no other, and the notice itself is due again after a while', async () => {
  await using app = await testApp({ isAlone: true });
  await issueExpiring(app, ['first', 'second', 'third']);
  // Notices go out in the order of the keys' ids, which is the order of their making.
  const sent: (string | undefined)[] = [];
  const { promise: ends, resolve: end } = Promise.withResolvers<void>();
  void round(app, ({ subject }) => {
    sent.push(nameIn(subject));
    if (sent.length === 1) return Promise.resolve();
    end();
    // A promise that never settles stands for a process that is killed.
    return new Promise(() => {});
  });
  await ends;
  expect(sent).toEqual(['first', 'second']);
  expect(await told(app)).toEqual(['third']);
  await passTime(app, 14);
  expect(await told(app)).toEqual([]);
  await passTime(app, 1);
  expect(await told(app)).toEqual(['second']);
  expect(await told(app)).toEqual([]);
});

test('Of several instances that send slowly, each key is told of by one, and the others go on to the next', async () => {
  await using app = await testApp({ isAlone: true });
  const names = Array.from({ length: 12 }, (_, index) => `key ${index}`);
  await issueExpiring(app, names);
  const sent: (string | undefined)[] = [];
  const slowly = async ({ subject }: Mail) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    sent.push(nameIn(subject));
  };
  await Promise.all([round(app, slowly), round(app, slowly), round(app, slowly)]);
  expect(sent.sort()).toEqual(names.sort());
  expect(await told(app)).toEqual([]);
});

test('A key that is rotated while its notice is sent is told of again, before its new expiry', async () => {
  await using app = await testApp({ isAlone: true });
  await issueExpiring(app, ['rotated']);
  const { items } = await app.trpc(app.one.key).keys.list.query();
  const id = items.find(({ name }) => name === 'rotated')?.id as string;
  for (const fails of [false, true]) {
    await expireIn(app, id, 1);
    await passTime(app, 60);
    await round(app, async () => {
      await app.trpc(app.one.key).keys.rotate.mutate({ id });
      if (fails) throw new Error('mailbox full');
    });
    expect(await told(app)).toEqual([]);
    await expireIn(app, id, 5);
    expect(await told(app)).toEqual(['rotated']);
  }
});

test('Once the service drains, no further notice is begun', async () => {
  await using app = await testApp({ isAlone: true });
  await issueExpiring(app, ['first', 'second', 'third']);
  const draining = new AbortController();
  const deps = { ...app.deps, draining };
  const sent: (string | undefined)[] = [];
  await round({ ...app, deps }, async ({ subject }) => {
    sent.push(nameIn(subject));
    draining.abort();
  });
  expect(sent).toEqual(['first']);
  expect((await told(app)).sort()).toEqual(['second', 'third']);
});
