import { expect, test } from 'vitest';
import { asAccounts, asOperator } from '../../db/admission.ts';
import { listOrganizationsToNotify } from '../../db/expiryNotices.ts';
import { deleteMember, listMembers } from '../../db/members.ts';
import type { Mail } from '../../server/mail/mailer.ts';
import { sendExpiryNotices } from '../../server/start/expiryNotices.ts';
import { addMember, signedIn, type TestPerson } from '../helpers/browser.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const expireIn = (app: TestApp, id: string, days: number) =>
  runAsAdmin(app, `update api_keys set expires_at = now() + interval '${days * 24} hours' where id = '${id}'`);

/** Sends the notices of a round. Gives the mails. */
async function roundOfMails({ deps }: TestApp, send?: (mail: Mail) => Promise<void>): Promise<Mail[]> {
  const mails: Mail[] = [];
  await sendExpiryNotices({ ...deps, mail: { send: send ?? (async (mail) => void mails.push(mail)) } });
  return mails;
}

/** Sends the notices of a round. Gives each notice's recipient, key and time that is left, such as `7 days`. */
async function round(app: TestApp, send?: (mail: Mail) => Promise<void>) {
  return (await roundOfMails(app, send)).map(({ to, subject }) => [to, nameIn(subject), leftIn(subject)]).sort();
}

/** The name of the key in a notice's subject. */
const nameIn = (subject: string) => /“(.*)”/.exec(subject)?.[1];
const leftIn = (subject: string) => / in (\d+ \w+)$/.exec(subject)?.[1];
/** The names of the keys in a round's notices. */
const told = async (app: TestApp) => (await round(app)).map(([, name]) => name);

/** Issues keys that expire within a day. The owner alone is told of these keys: the operator has issued them. */
async function issueExpiring(app: TestApp, names: string[]) {
  for (const name of names) await expireIn(app, (await app.issue(app.one.id, { name })).apiKey.id, 1);
}

/** Moves the ends of all claims back, as if `minutes` had passed. */
const passTime = (app: TestApp, minutes: number) =>
  runAsAdmin(
    app,
    `update api_key_notices set claimed_until = claimed_until - interval '${minutes} minutes' where sent_at is null`,
  );

/** Issues a key of the organization `one` as a person, who becomes the holder. */
async function issueAs(app: TestApp, person: TestPerson, name: string, expiresInDays?: number) {
  const { trpc } = await signedIn(app, person);
  const { apiKey } = await trpc.keys.issue.mutate({ name, ...(expiresInDays && { expiresInDays }) });
  return { id: apiKey.id, trpc };
}

/** Removes a person from the organization `one`. */
async function remove(app: TestApp, { userId }: TestPerson, keepKeys: string[] = []) {
  const [organizationId, callerId] = [app.one.id, app.one.ownerId];
  const tenant = asOperator(app.db, organizationId);
  const id = (await listMembers(tenant, organizationId)).find(({ person }) => person.id === userId)?.id as string;
  await deleteMember(tenant, { organizationId, id, by: 'owner', callerId, keepKeys });
}

const listNotices = async (app: TestApp) =>
  (await runAsAdmin(app, 'select days from api_key_notices order by days desc')).map(({ days }) => days);

test('The holder and all owners are told 30, 7 and 1 days before a key expires, once each', async () => {
  await using app = await testApp({ isAlone: true });
  const { one } = app;
  const [holder, owner] = [await addMember(app, one.id, 'admin'), await addMember(app, one.id, 'owner')];
  await addMember(app, one.id, 'admin');
  const { id, trpc } = await issueAs(app, holder, 'a key');
  const all = [holder.email, one.ownerEmail, owner.email].sort();
  const stages = async () => {
    for (const [days, left] of [
      [30.1, undefined],
      [29.9, '30 days'],
      [7.1, undefined],
      [6.9, '7 days'],
      [1.1, undefined],
      [0.99, '1 day'],
      [0.1, undefined],
    ] as const) {
      // As time passes, the expiry stays: the records of notices move with the key.
      const moved = `now() + interval '${days * 24} hours'`;
      await runAsAdmin(
        app,
        `with moved as (select id, expires_at as old from api_keys where id = '${id}'),
          notices as (update api_key_notices n set expires_at = ${moved} from moved where n.expires_at = moved.old)
          update api_keys set expires_at = ${moved} where id = '${id}'`,
      );
      const mails = left === undefined ? [] : all.map((email) => [email, 'a key', left]);
      expect(await round(app), String(days)).toEqual(mails);
      expect(await round(app)).toEqual([]);
      if (left === undefined) expect(await listOrganizationsToNotify(asAccounts(app.db))).toEqual([]);
    }
  };
  await stages();
  // A rotation begins anew.
  await trpc.keys.rotate.mutate({ id, expiresInDays: 90 });
  expect(await round(app)).toEqual([]);
  await stages();
  await trpc.keys.rotate.mutate({ id, expiresInDays: 90 });
  await expireIn(app, id, 5);
  const mails = await roundOfMails(app);
  expect(mails.map(({ to }) => to).sort()).toEqual(all);
  expect(new Set(mails.map(({ link }) => link))).toEqual(new Set([`http://127.0.0.1:3000/settings/api-keys/${id}`]));
});

test('A key that is first seen late gets the notice of its stage alone, and a revoked or expired key gets no notice', async () => {
  await using app = await testApp({ isAlone: true });
  for (const [name, days] of [
    ['thirty', 20],
    ['seven', 2],
    ['one', 0.2],
    ['expired', -1],
    ['revoked', 3],
  ] as const) {
    const { apiKey } = await app.issue(app.one.id, { name });
    await expireIn(app, apiKey.id, days);
    if (name === 'revoked') await app.api(app.one.key, 'DELETE', `/api/keys/${apiKey.id}`);
  }
  const to = app.one.ownerEmail;
  expect(await round(app)).toEqual([
    [to, 'one', '5 hours'],
    [to, 'seven', '2 days'],
    [to, 'thirty', '20 days'],
  ]);
  expect(await listNotices(app)).toEqual([30, 7, 1]);
  expect(await round(app)).toEqual([]);
});

test('A key that was made for 30 days has no notice 30 days ahead, and a key that was made for 31 days has', async () => {
  await using app = await testApp({ isAlone: true });
  const holder = await addMember(app, app.one.id, 'owner');
  const { id, trpc } = await issueAs(app, holder, 'thirty', 30);
  await issueAs(app, holder, 'more', 31);
  expect(await round(app)).toEqual([]);
  await runAsAdmin(app, `update api_keys set expires_at = expires_at - interval '25 hours'`);
  await runAsAdmin(app, `update api_key_secrets set created_at = created_at - interval '25 hours'`);
  expect(await told(app)).toEqual(['more', 'more']);
  // A rotation for 30 days begins such a life.
  await trpc.keys.rotate.mutate({ id, expiresInDays: 30, graceHours: 168 });
  expect(await told(app)).toEqual([]);
  await expireIn(app, id, 7);
  expect(await told(app)).toEqual(['thirty', 'thirty']);
});

test('A key whose holder has left gets no notice, and of a kept key its new holder is told', async () => {
  await using app = await testApp({ isAlone: true });
  const { one } = app;
  const leaver = await addMember(app, one.id, 'admin');
  const { id: lost } = await issueAs(app, leaver, 'lost');
  const { id: kept } = await issueAs(app, leaver, 'kept');
  // Another person holds an older secret of this key. The key lives on, and its newest secret is dead.
  const other = await addMember(app, one.id, 'admin');
  const shared = await issueAs(app, other, 'shared');
  await (await signedIn(app, leaver)).trpc.keys.rotate.mutate({ id: shared.id, graceHours: 168 });
  for (const id of [lost, kept, shared.id]) await expireIn(app, id, 6);
  expect((await round(app)).map(([to, name]) => `${name} ${to}`)).toEqual(
    [leaver.email, one.ownerEmail].sort().flatMap((to) => ['kept', 'lost', 'shared'].map((name) => `${name} ${to}`)),
  );
  const keeper = await addMember(app, one.id, 'admin');
  const { trpc } = await signedIn(app, keeper);
  const { members } = await trpc.members.list.query();
  const membership = members.find(({ person }) => person.id === leaver.userId)?.id as string;
  await trpc.members.remove.mutate({ id: membership, keepKeys: [kept] });
  for (const id of [lost, kept, shared.id]) await expireIn(app, id, 5);
  expect(await round(app)).toEqual([keeper.email, one.ownerEmail].sort().map((to) => [to, 'kept', '5 days']));
  // Nothing says any more that the leaver was told.
  expect(await runAsAdmin(app, `select from api_key_notices where user_id = '${leaver.userId}'`)).toEqual([]);
});

test('A person who leaves while a round goes on gets no notice', async () => {
  await using app = await testApp({ isAlone: true });
  const leaver = await addMember(app, app.one.id, 'owner');
  await issueExpiring(app, ['first', 'second']);
  const sent: string[] = [];
  await round(app, async ({ to }) => {
    sent.push(to);
    if (sent.length === 2) await remove(app, leaver);
  });
  expect(sent.sort()).toEqual([leaver.email, app.one.ownerEmail, app.one.ownerEmail].sort());
});

test('A short-lived secret of a key changes nothing of the key’s notices', async () => {
  await using app = await testApp({ isAlone: true });
  const [holder, other] = [await addMember(app, app.one.id, 'admin'), await addMember(app, app.one.id, 'admin')];
  const { id } = await issueAs(app, holder, 'a key');
  await runAsAdmin(
    app,
    `insert into api_key_secrets (organization_id, api_key_id, digest, secret_id, created_at, expires_at, hint, holder_id, made_by)
      select organization_id, id, sha256('a token'), 'a', now() + interval '1 second', now() + interval '5 minutes', '00000000',
        '${other.userId}', 'key:' || id from api_keys where id = '${id}'`,
  );
  for (const days of [30, 7, 1]) {
    await expireIn(app, id, days);
    expect((await round(app)).map(([to]) => to)).toEqual([holder.email, app.one.ownerEmail].sort());
  }
});

test('Beside the version before nobody hears twice of the same seven days', async () => {
  await using app = await testApp({ isAlone: true });
  const { one } = app;
  const [issuer, owner] = [await addMember(app, one.id, 'admin'), await addMember(app, one.id, 'owner')];
  const { id } = await issueAs(app, issuer, 'a key');
  const others = [one.ownerEmail, owner.email].sort();
  const recipients = async () => (await round(app)).map(([to]) => to);
  /** The organizations in which the version before would send a notice. */
  const due = () => runAsAdmin(app, 'select introzy_organizations_to_notify(7) as id');

  // That version has told the issuer, or is telling the issuer at this moment.
  for (const told of [`now() + interval '6 days'`, `now() + interval '14 minutes'`]) {
    await runAsAdmin(
      app,
      `update api_keys set expires_at = now() + interval '6 days', expiry_notice_for = ${told} where id = '${id}'`,
    );
    expect(await recipients()).toEqual(others);
    expect(await recipients()).toEqual([]);
  }
  // Of its last day it tells nobody.
  await runAsAdmin(
    app,
    `update api_keys set expires_at = now() + interval '20 hours', expiry_notice_for = now() + interval '20 hours'
      where id = '${id}'`,
  );
  expect(await recipients()).toEqual([...others, issuer.email].sort());
  // The other way round: what this version has sent, that version does not send.
  await expireIn(app, id, 6);
  expect(await due()).toEqual([{ id: one.id }]);
  expect(await recipients()).toEqual([...others, issuer.email].sort());
  expect(await due()).toEqual([]);
  // The notice 30 days ahead says nothing of the notice 7 days ahead.
  await expireIn(app, id, 20);
  expect(await recipients()).toEqual([...others, issuer.email].sort());
  expect(await runAsAdmin(app, `select from api_keys where id = '${id}' and expiry_notice_for = expires_at`)).toEqual(
    [],
  );
});

test('The records of past expiries are deleted, and a deleted key takes its records along', async () => {
  await using app = await testApp({ isAlone: true });
  const organizations = () => listOrganizationsToNotify(asAccounts(app.db));
  await issueExpiring(app, ['rotated', 'kept', 'deleted']);
  expect(await told(app)).toEqual(['deleted', 'kept', 'rotated']);
  expect(await organizations()).toEqual([]);
  // Time passes until the expiries of two of the keys.
  await runAsAdmin(
    app,
    `update api_key_notices set expires_at = now() - interval '1 minute'
      where api_key_id in (select id from api_keys where name <> 'kept')`,
  );
  await runAsAdmin(app, `delete from api_keys where name = 'deleted'`);
  expect(await listNotices(app)).toEqual([1, 1]);
  expect(await organizations()).toEqual([app.one.id]);
  await runAsAdmin(app, `update api_keys set revoked_at = now() where name = 'rotated'`);
  expect(await told(app)).toEqual([]);
  expect(await listNotices(app)).toEqual([1]);
  expect(await organizations()).toEqual([]);
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

test('Where the mail to one recipient fails, that recipient alone hears in the next round', async () => {
  await using app = await testApp({ isAlone: true });
  const [holder, owner] = [await addMember(app, app.one.id, 'admin'), await addMember(app, app.one.id, 'owner')];
  const { id } = await issueAs(app, holder, 'a key');
  await expireIn(app, id, 2);
  for (const refused of [owner.email, owner.email]) {
    await round(app, async ({ to }) => {
      if (to === refused) throw new Error('mailbox full');
    });
  }
  expect((await round(app)).map(([to]) => to)).toEqual([owner.email]);
  expect(await round(app)).toEqual([]);
});

test('Of several instances that look at once, one tells', async () => {
  await using app = await testApp({ isAlone: true });
  await expireIn(app, app.one.keyId, 2);
  const owner = await addMember(app, app.one.id, 'owner');
  const rounds = await Promise.all([round(app), round(app), round(app), round(app)]);
  expect(
    rounds
      .flat()
      .map(([to]) => to)
      .sort(),
  ).toEqual([app.one.ownerEmail, owner.email].sort());
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

test('Every notice is sent in the same round, also where the planner takes an organization to have a single key', async () => {
  await using app = await testApp({ isAlone: true });
  for (let i = 0; i < 38; i++) await app.issue(app.other.id);
  await runAsAdmin(app, 'alter table api_keys set (autovacuum_enabled = off)');
  // From here on the statistics say that the organization `one` has one key of 40.
  await runAsAdmin(app, 'vacuum analyze api_keys');
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  await issueExpiring(app, names);
  expect((await told(app)).sort()).toEqual(names);
  expect(await told(app)).toEqual([]);
});
