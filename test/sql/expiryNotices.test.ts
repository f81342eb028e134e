import { expect, test } from 'vitest';
import type { Mail } from '../../server/mail/mailer.ts';
import { sendExpiryNotices } from '../../server/start/expiryNotices.ts';
import { addMember, signedIn } from '../helpers/browser.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const expireIn = (app: TestApp, id: string, days: number) =>
  runAsAdmin(app, `update api_keys set expires_at = now() + interval '${days * 24} hours' where id = '${id}'`);

/** The notices of a round, to whom and about which key. */
async function round({ deps }: TestApp, send?: (mail: Mail) => Promise<void>) {
  const mails: Mail[] = [];
  await sendExpiryNotices({ ...deps, mail: { send: send ?? (async (mail) => void mails.push(mail)) } });
  return mails.map(({ to, subject, link }) => [to, /“(.*)”/.exec(subject)?.[1], link]).sort();
}

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
  // By a key: its organization's owner is told.
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
  // A fresh expiry is told of again, when its time comes.
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
