import { randomUUID } from 'node:crypto';
import { getMigrations } from 'better-auth/db/migration';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { openDatabase } from '../../db/open.ts';
import { createAuth } from '../../server/auth/accounts.ts';
import { createApp } from '../../server/doors/app.ts';
import { createDeps } from '../../server/start/deps.ts';
import { countInMemory } from '../../server/start/rates.ts';
import { addMember, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { failure, mailbox } from '../helpers/mailbox.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

test('better-auth misses nothing in our tables', async () => {
  await using app = await testApp();
  const { db, deps, keySecrets } = app;
  const log = pino({ level: 'silent' });
  const auth = createAuth({
    ...{ publicUrl: deps.publicUrl, db, keySecrets, log, openSignUp: false, signInRate: 10 },
    ...{ basePath: '/api/auth', trustedOrigins: () => [], inBackground: () => {} },
    mails: { sendReset() {}, sendVerification() {}, sendExisting() {} },
    signInLimiters: countInMemory({ rateLimit: 10 }),
  });
  // The connection's own role may read the tables' definitions.
  const options = { ...auth.options, database: { db: db.root, type: 'postgres' as const } };
  const { toBeCreated, toBeAdded } = await getMigrations(options);
  expect(toBeCreated.map(({ table }) => table)).toEqual([]);
  // derivingAdapter.ts finds this field in another table.
  expect(toBeAdded.map(({ table, fields }) => [table, Object.keys(fields)])).toEqual([['users', ['twoFactorEnabled']]]);
});

test('A person who signs in is who they are, in their organization, with the scopes of their role', async () => {
  await using app = await testApp();
  for (const role of ['owner', 'admin', 'member'] as const) {
    const person = await addMember(app, app.one.id, role);
    const { trpc } = await signedIn(app, { email: person.email.toUpperCase() });
    const all = ['contacts:read', 'contacts:write', 'keys:manage'];
    expect(await trpc.session.current.query()).toEqual({
      person: { id: person.userId, name: person.email, email: person.email },
      organization: { id: app.one.id, name: app.one.name, requiresFactor: false },
      role,
      scopes: role === 'member' ? all.slice(0, 2) : all,
    });
  }
});

test('A wrong password, and an address without an account, are refused alike', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const browser = openBrowser(app);
  const wrong = await browser.signIn(person.email, 'not the password');
  const unknown = await browser.signIn(`nobody-${randomUUID()}@example.com`, 'not the password');
  expect([wrong.status, wrong.text]).toEqual([401, unknown.text]);
  expect(unknown.status).toBe(401);
  expect(browser.cookies.size).toBe(0);
});

test('A session and a key are refused and served by the same procedures, and a key that is there counts alone', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const browser = await signedIn(app, person);
  const made = await browser.trpc.contacts.create.mutate({ name: 'By a person' });
  expect((await app.trpc(app.one.key).contacts.get.query({ id: made.id })).name).toBe('By a person');
  expect(await failure(app.trpc(app.other.key).contacts.get.query({ id: made.id }))).toBe(403);

  const theirs = await app.trpc(app.other.key).contacts.create.mutate({ name: 'Theirs' });
  expect(await failure(browser.trpc.contacts.get.query({ id: theirs.id }))).toBe(403);
  expect(await failure(browser.trpc.contacts.list.query({ organizationId: app.other.id }))).toBe(403);
  const withBadKey = await browser.call('GET', '/api/contacts', undefined, { authorization: 'Bearer introzy_no' });
  expect([withBadKey.status, withBadKey.body.details.reason]).toEqual([401, 'Invalid API key']);
  const withKey = await browser.call('GET', `/api/contacts/${theirs.id}`, undefined, {
    authorization: `Bearer ${app.other.key}`,
  });
  expect(withKey.body.data.name).toBe('Theirs');
});

test('Without a session that holds, a request has no credential', async () => {
  await using app = await testApp();
  const browser = await signedIn(app, await addMember(app, app.one.id));
  const [[name, value] = ['', '']] = [...browser.cookies];
  const [token = '', signature = ''] = decodeURIComponent(value).split('.');
  const forged = [
    'x',
    encodeURIComponent(`${token}.${'A'.repeat(43)}=`),
    encodeURIComponent(`${token.slice(1)}.${signature}`),
    token,
  ];
  for (const cookie of forged) {
    const answer = await browser.call('GET', '/api/contacts', undefined, { cookie: `${name}=${cookie}` });
    expect([answer.status, answer.body.details.reason], cookie).toEqual([401, 'Missing API key']);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="introzy"');
  }
  expect((await browser.call('GET', '/api/contacts')).status).toBe(200);
});

test('Members have contacts, and of the keys those that they issued', async () => {
  await using app = await testApp();
  const admin = await addMember(app, app.one.id, 'admin');
  const asAdmin = await signedIn(app, admin);
  const { apiKey } = await asAdmin.trpc.keys.issue.mutate({ name: 'mine' });
  expect(apiKey.createdBy).toEqual({ type: 'person', id: admin.userId, name: admin.email });
  const owner = await signedIn(app, await addMember(app, app.one.id, 'owner'));
  const { members } = await owner.trpc.members.list.query();
  const { id } = members.find(({ person }) => person.id === admin.userId) as (typeof members)[number];
  await owner.trpc.members.changeRole.mutate({ id, role: 'member' });

  const { keys, contacts, audit, members: people } = asAdmin.trpc;
  expect((await keys.list.query()).items).toEqual([apiKey]);
  expect((await keys.list.query({ createdBy: app.one.ownerId })).items).toEqual([]);
  const holder = { id: admin.userId, name: admin.email };
  expect(await keys.get.query({ id: apiKey.id })).toMatchObject({
    ...apiKey,
    secrets: [{ hint: apiKey.hint, holder }],
  });
  expect(await keys.places.query({ id: apiKey.id })).toEqual({ places: [], proposedAddresses: [] });
  await contacts.create.mutate({ name: 'A contact' });
  for (const refused of [
    () => keys.get.query({ id: app.one.keyId }),
    () => keys.places.query({ id: app.one.keyId }),
    () => keys.revoke.mutate({ id: app.one.keyId }),
    () => keys.issue.mutate({ name: 'another' }),
    () => keys.rename.mutate({ id: apiKey.id, name: 'renamed' }),
    () => keys.update.mutate({ id: apiKey.id, name: 'renamed' }),
    () => keys.endGrace.mutate({ id: apiKey.id }),
    () => keys.revoke.mutate({ id: apiKey.id, descendants: 'keep' }),
    () => keys.rotate.mutate({ id: apiKey.id }),
    () => audit.list.query(),
    () => people.list.query(),
    () => people.invite.mutate({ email: 'a@example.com' }),
    () => people.changeRole.mutate({ id, role: 'owner' }),
    () => people.keys.query({ id }),
    () => people.remove.mutate({ id }),
  ]) {
    expect(await failure(refused())).toBe(403);
  }
  await expect(keys.get.query({ id: app.one.keyId })).rejects.toMatchObject({
    data: { reason: 'Your role lacks the scope keys:manage' },
  });
  expect((await keys.revoke.mutate({ id: apiKey.id })).state).toBe('revoked');
  expect(await failure(keys.current.query())).toBe(404);
});

test('Signing in makes a new session each time, whatever cookie was there: none can be fixed beforehand', async () => {
  await using app = await testApp();
  const victim = await addMember(app, app.one.id);
  const attacker = await signedIn(app, await addMember(app, app.other.id));
  const browser = openBrowser(app);
  const planted = [...attacker.cookies];
  for (const [name, value] of planted) browser.cookies.set(name, value);
  await browser.signIn(victim.email);
  expect([...browser.cookies]).not.toEqual(planted);
  expect((await browser.trpc.session.current.query()).person.email).toBe(victim.email);
  expect((await attacker.trpc.session.current.query()).organization.id).toBe(app.other.id);
});

test('Signing out, here or everywhere, holds from the next request on', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const [first, second, third] = await Promise.all([1, 2, 3].map(() => signedIn(app, person)));
  if (!first || !second || !third) throw new Error('No sessions');
  const kept = new Map(first.cookies);
  expect((await first.account('/sign-out')).status).toBe(200);
  expect([...first.cookies.keys()]).toEqual([expect.stringMatching(/^introzy_device_/)]);
  for (const [name, value] of kept) first.cookies.set(name, value);
  expect((await first.call('GET', '/api/contacts')).status).toBe(401);
  expect((await second.call('GET', '/api/contacts')).status).toBe(200);
  expect((await third.account('/revoke-sessions')).status).toBe(200);
  for (const browser of [second, third]) expect((await browser.call('GET', '/api/contacts')).status).toBe(401);
});

test('A session that is used is prolonged, once a day, by what every page of the dashboard asks', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const browser = await signedIn(app, person);
  const left = async () => {
    const [row] = await runAsAdmin(
      app,
      `select round(extract(epoch from expires_at - now()) / 86400)::int as days from sessions where user_id = '${person.userId}'`,
    );
    return row?.days;
  };
  expect(await left()).toBe(30);
  await runAsAdmin(
    app,
    `update sessions set expires_at = now() + interval '20 days' where user_id = '${person.userId}'`,
  );
  const answer = await browser.call('GET', '/api/auth/organization/list');
  expect(await left()).toBe(30);
  expect(answer.headers.getSetCookie().join()).toMatch(/introzy_session=.*Max-Age=2592000/);
});

test('A password is reset by a link that works once, and every session ends with it', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail } });
  const person = await addMember(app, app.one.id);
  const browser = await signedIn(app, person);
  const stranger = openBrowser(app);
  const asked = await stranger.account('/request-password-reset', { email: person.email });
  const unknown = await stranger.account('/request-password-reset', { email: `nobody-${randomUUID()}@example.com` });
  expect([asked.status, asked.text]).toEqual([200, unknown.text]);
  await app.deps.background.idle();
  expect(mail.mails.map(({ to }) => to)).toEqual([person.email]);
  const link = new URL(mail.mails[0]!.link);
  expect(link.href).toMatch(/^http:\/\/127\.0\.0\.1:3000\/reset-password\?token=/);
  const token = link.searchParams.get('token');

  expect((await stranger.account('/reset-password', { token, newPassword: 'short' })).status).toBe(400);
  expect((await stranger.account('/reset-password', { token, newPassword: 'a new password' })).status).toBe(200);
  expect((await stranger.account('/reset-password', { token, newPassword: 'yet another one' })).status).toBe(400);
  expect((await browser.call('GET', '/api/contacts')).status).toBe(401);
  expect((await stranger.signIn(person.email)).status).toBe(401);
  expect((await stranger.signIn(person.email, 'a new password')).status).toBe(200);
});

test('An owner without a password sets one by its reset', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail } });
  const browser = openBrowser(app);
  expect((await browser.signIn(app.one.ownerEmail)).status).toBe(401);
  await browser.account('/request-password-reset', { email: app.one.ownerEmail });
  await app.deps.background.idle();
  const token = new URL(mail.mails[0]!.link).searchParams.get('token');
  await browser.account('/reset-password', { token, newPassword: PASSWORD });
  await browser.signIn(app.one.ownerEmail);
  expect((await browser.trpc.session.current.query()).role).toBe('owner');
});

test('A person of two organizations has one at a time, and sees neither of the other’s data nor its name in it', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  await asOperator(app.db, app.other.id)
    .insertInto('members')
    .values({ organization_id: app.other.id, id: randomUUID(), user_id: person.userId, role: 'admin' })
    .execute();
  const browser = await signedIn(app, person);
  expect((await browser.trpc.session.current.query()).organization.id).toBe(app.one.id);
  expect((await browser.call('GET', '/api/auth/organization/list')).body).toHaveLength(2);
  await browser.account('/organization/set-active', { organizationId: app.other.id });
  const { organization, role } = await browser.trpc.session.current.query();
  expect([organization.id, role]).toEqual([app.other.id, 'admin']);

  const stranger = await signedIn(app, await addMember(app, app.one.id));
  const switched = await stranger.account('/organization/set-active', { organizationId: app.other.id });
  expect(switched.status).toBe(403);
  expect((await stranger.account('/organization/set-active', { organizationId: 'none' })).status).toBe(400);
});

test('Attempts to sign in from one address are limited', async () => {
  await using app = await testApp({ choices: { signInRate: 3, trustProxy: true } });
  const { email } = await addMember(app, app.one.id);
  const attempt = async (from: string) => {
    const headers = { 'x-forwarded-for': `198.51.100.7, ${from}` };
    const body = { email, password: 'not the password' };
    return (await openBrowser(app).call('POST', '/api/auth/sign-in/email', body, headers)).status;
  };
  const statuses = [];
  for (let count = 0; count < 5; count++) statuses.push(await attempt('203.0.113.1'));
  expect(statuses).toEqual([401, 401, 401, 429, 429]);
  expect(await attempt('203.0.113.2')).toBe(401);
});

test('What better-auth has beyond the dashboard’s needs is closed', async () => {
  await using app = await testApp();
  const browser = await signedIn(app, await addMember(app, app.one.id, 'owner'));
  for (const [method, path] of [
    ['POST', '/organization/invite-member'],
    ['POST', '/organization/remove-member'],
    ['POST', '/organization/update-member-role'],
    ['POST', '/organization/leave'],
    ['POST', '/organization/delete'],
    ['POST', '/organization/update'],
    ['POST', '/delete-user'],
    ['POST', '/change-email'],
    ['POST', '/sign-in/social'],
    ['GET', '/error'],
    ['GET', '/ok'],
    ['GET', '/get-session/../organization/delete'],
  ] as const) {
    const { status, headers } = await browser.call(method, `/api/auth${path}`, method === 'POST' ? {} : undefined);
    expect(status, path).toBe(404);
    expect(headers.get('x-request-id')).toBeTruthy();
  }
});

test('No request about accounts is a defect of ours, whatever its method and body', async () => {
  await using app = await testApp({ choices: { openSignUp: true } });
  const person = await addMember(app, app.one.id);
  const bodies: unknown[] = [
    '{',
    'null',
    '[]',
    '"text"',
    '{}',
    { email: 7, password: [] },
    { email: {}, password: null },
  ];
  for (const text of ['\0', '\ud800', 'x'.repeat(100_000), "'; drop table users; --", '<script>']) {
    bodies.push({ name: text, email: `${text}@example.com`, password: text, newPassword: text, currentPassword: text });
    bodies.push({ token: text, invitationId: text, organizationId: text, slug: text, image: text, redirectTo: text });
    bodies.push({ email: person.email, password: text, name: 'A name', slug: text, token: text });
  }
  for (const path of [
    ...['/sign-up/email', '/request-password-reset', '/reset-password', '/change-password', '/update-user'],
    ...['/organization/create', '/organization/set-active', '/organization/accept-invitation', '/revoke-session'],
    ...['/sign-in/email', '/sign-out'],
  ]) {
    const browser = await signedIn(app, person);
    for (const body of bodies) {
      const { status, text } = await browser.account(path, body);
      expect(status, `${path} ${JSON.stringify(body).slice(0, 80)} ${text.slice(0, 200)}`).toBeLessThan(500);
    }
    const { status, headers } = await browser.call('GET', `/api/auth${path}`);
    expect([status, headers.get('allow')], path).toEqual([405, 'POST']);
  }
  const { status, headers } = await openBrowser(app).account('/get-session');
  expect([status, headers.get('allow')]).toEqual([405, 'GET']);
  for (const page of ['/', '/contacts']) {
    const answer = await app.app.request(page, { method: 'POST' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  }
});

test('While the database is away a session is neither refused nor served: 503, whatever asks for it', async () => {
  await using app = await testApp();
  const member = await addMember(app, app.one.id);
  const { cookies } = await signedIn(app, member);
  // Port 1 has no listener.
  const options = { url: 'postgres://nobody@127.0.0.1:1/none', poolSize: 2, deadline: 1_000, prepare: true };
  const db = await openDatabase({ kind: 'postgres', timeouts: { statement: 500, lock: 500 }, options });
  try {
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(line) });
    const rates = { rateLimit: 100, signInRate: 1_000 };
    const away = openBrowser({ app: createApp(createDeps({ db, log, keySecrets: app.keySecrets, ...rates })) });
    for (const [name, value] of cookies) away.cookies.set(name, value);
    for (const answer of [
      await away.call('GET', '/api/contacts'),
      await away.call('GET', '/trpc/session.current'),
      await away.call('GET', '/api/auth/get-session'),
      await away.call('GET', '/api/auth/list-sessions'),
      await away.call('GET', '/api/auth/organization/list'),
      await away.account('/sign-out'),
      await away.signIn(member.email),
      await away.account('/request-password-reset', { email: member.email }),
    ]) {
      expect([answer.status, answer.headers.get('retry-after')], answer.text).toEqual([503, '1']);
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    expect(lines.join('')).not.toContain(PASSWORD);
    // A request without a session's cookie asks the database nothing.
    expect(
      (
        await openBrowser({ app: createApp(createDeps({ db, log, keySecrets: app.keySecrets, rateLimit: 100 })) }).call(
          'GET',
          '/api/contacts',
        )
      ).status,
    ).toBe(401);
  } finally {
    await db.close();
  }
});
