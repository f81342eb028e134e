import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { insertUser } from '../../db/accounts.ts';
import { asAccounts, enterAsOperator } from '../../db/admission.ts';
import { insertOrganization } from '../../db/organizations.ts';
import { insertAwaitedOwner, verifyAddress } from '../../db/verifiedAddress.ts';
import { setUpOrganization } from '../../server/start/setup.ts';
import { addMember, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { mailbox } from '../helpers/mailbox.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const OTHER_PASSWORD = 'seven violet lanterns drift';
const account = (email: string, password = PASSWORD) => ({ name: 'New', email, password });
const newAddress = (name = 'new') => `${name}-${randomUUID()}@example.com`;

/** Starts a service with open sign-up. `tokenFor` is the token in the latest mail to an address. */
async function openApp() {
  const mail = mailbox();
  const app = await testApp({ choices: { mail, openSignUp: true } });
  const mailsTo = async (email: string) => {
    await app.deps.background.idle();
    return mail.mails.filter(({ to }) => to === email);
  };
  const tokenFor = async (email: string) => new URL((await mailsTo(email)).at(-1)!.link).searchParams.get('token');
  return { app, mail, mailsTo, tokenFor };
}

const membershipsOf = async (app: TestApp, email: string) =>
  await runAsAdmin(
    app,
    `select o.id, m.role from members m join users u on u.id = m.user_id join organizations o on o.id = m.organization_id
      where u.email = '${email}' order by o.created_at`,
  );

test('A sign-up opens nothing until the link of the mail and the password have come together', async () => {
  const { app, mailsTo, tokenFor } = await openApp();
  await using _ = app;
  const browser = openBrowser(app);
  const email = newAddress();
  const signedUp = await browser.account('/sign-up/email', account(email));
  await app.deps.background.idle();
  expect([signedUp.status, browser.cookies.size]).toEqual([200, 0]);
  expect((await browser.signIn(email)).status).toBe(401);
  expect((await browser.account('/organization/create', { name: 'Mine', slug: randomUUID() })).status).toBe(401);
  const [first] = await mailsTo(email);
  expect(first?.link).toMatch(/^http:\/\/127\.0\.0\.1:3000\/verify-address\?token=/);
  const token = await tokenFor(email);

  const wrong = await browser.account('/verify-address', { token, password: OTHER_PASSWORD });
  expect([wrong.status, wrong.body.message]).toEqual([401, expect.stringContaining('set a new password')]);
  for (const other of ['', 'x', `${token}x`, token?.split('.').slice(0, 2).join('.')]) {
    expect((await browser.account('/verify-address', { token: other, password: PASSWORD })).status).toBe(400);
  }
  // The path of better-auth that takes the link alone is closed.
  expect((await browser.call('GET', `/api/auth/verify-email?token=${token}`)).status).toBe(404);
  expect(browser.cookies.size).toBe(0);
  expect((await browser.account('/verify-address', { token, password: PASSWORD })).status).toBe(200);
  const made = await browser.account('/organization/create', { name: `Own ${randomUUID()}`, slug: randomUUID() });
  expect(made.status).toBe(200);
  expect((await browser.trpc.session.current.query()).role).toBe('owner');
  const again = await browser.account('/verify-address', { token, password: PASSWORD });
  expect([again.status, again.body.message]).toEqual([409, expect.stringContaining('confirmed already')]);
  expect((await openBrowser(app).signIn(email)).status).toBe(200);
});

test('A link is sent again, and an address that is verified or unknown is answered alike, without a mail', async () => {
  const { app, mailsTo, tokenFor } = await openApp();
  await using _ = app;
  const browser = openBrowser(app);
  const email = newAddress();
  const member = await addMember(app, app.one.id);
  await browser.account('/sign-up/email', account(email));
  await app.deps.background.idle();
  const answers = [];
  for (const address of [email, member.email, newAddress()]) {
    const { status, text } = await browser.account('/send-verification-email', { email: address });
    answers.push([status, text]);
  }
  expect(answers).toEqual([answers[0], answers[0], answers[0]]);
  expect(answers[0]?.[0]).toBe(200);
  expect([(await mailsTo(email)).length, (await mailsTo(member.email)).length]).toEqual([2, 0]);
  const token = await tokenFor(email);
  expect((await browser.account('/verify-address', { token, password: PASSWORD })).status).toBe(200);
});

test('An account under somebody else’s address never becomes owner by `setup`: its person does, with their own password', async () => {
  const { app, mailsTo, tokenFor } = await openApp();
  await using _ = app;
  const stranger = openBrowser(app);
  const email = newAddress('victim');
  await stranger.account('/sign-up/email', account(email));
  await app.deps.background.idle();
  const name = `Victim ${randomUUID()}`;
  const made = await setUpOrganization(app.db, app.keySecrets, { name, email: ` ${email.toUpperCase()} ` });
  expect(made).toMatchObject({ isNewOwner: false, awaited: expect.any(String) });
  expect(await membershipsOf(app, email)).toEqual([]);
  expect((await app.api(made!.issued.key, 'GET', '/api/keys')).status).toBe(200);
  expect((await stranger.signIn(email)).status).toBe(401);
  // The operator issues keys in the name of the owner to be.
  expect((await app.issue(made!.organization.id)).apiKey.createdBy.name).toBe(email);

  // The person has the mails, but not the stranger's password.
  const token = await tokenFor(email);
  const person = openBrowser(app);
  expect((await person.account('/verify-address', { token, password: OTHER_PASSWORD })).status).toBe(401);
  expect(await membershipsOf(app, email)).toEqual([]);
  await person.account('/request-password-reset', { email });
  const reset = (await mailsTo(email)).at(-1)!.link;
  const body = { token: new URL(reset).searchParams.get('token'), newPassword: OTHER_PASSWORD };
  expect((await person.account('/reset-password', body)).status).toBe(200);
  expect(await membershipsOf(app, email)).toEqual([{ id: made!.organization.id, role: 'owner' }]);
  expect((await stranger.signIn(email)).status).toBe(401);
  expect((await person.signIn(email, OTHER_PASSWORD)).status).toBe(200);
  const { organization, role } = await person.trpc.session.current.query();
  expect([organization.id, role]).toEqual([made!.organization.id, 'owner']);
});

test('Whoever has signed up themselves becomes the awaited owner by the link and their password, once', async () => {
  const { app, tokenFor } = await openApp();
  await using _ = app;
  const browser = openBrowser(app);
  const email = newAddress();
  await browser.account('/sign-up/email', account(email));
  await app.deps.background.idle();
  const ids = [];
  for (const word of ['First', 'Second']) {
    const made = await setUpOrganization(app.db, app.keySecrets, { name: `${word} ${randomUUID()}`, email });
    ids.push(made!.organization.id);
  }
  await browser.account('/verify-address', { token: await tokenFor(email), password: PASSWORD });
  expect(await membershipsOf(app, email)).toEqual(ids.map((id) => ({ id, role: 'owner' })));
  expect(await setUpOrganization(app.db, app.keySecrets, { name: `Third ${randomUUID()}`, email })).toMatchObject({
    awaited: undefined,
  });
  expect(await membershipsOf(app, email)).toHaveLength(3);
});

test('An address that is verified while a `setup` for it is under way gets that organization too', async () => {
  const { app } = await openApp();
  await using _ = app;
  const email = newAddress();
  await openBrowser(app).account('/sign-up/email', account(email));
  await app.deps.background.idle();
  const verifying: Promise<void>[] = [];
  // The parts of `setUpOrganization`, with the verification in their midst.
  const organizationId = await app.db.root.transaction().execute(async (trx) => {
    const made = (await insertOrganization(trx, `Under way ${randomUUID()}`))!;
    const owner = await insertUser(trx, { email, passwordHash: undefined });
    await enterAsOperator(trx, app.db, made.id);
    expect(owner).toMatchObject({ isNew: false, isVerified: false });
    verifying.push(verifyAddress(asAccounts(app.db), owner.id));
    const isWaiting = `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    await expect.poll(async () => await runAsAdmin(app, isWaiting)).toHaveLength(1);
    await insertAwaitedOwner(trx, { organizationId: made.id, userId: owner.id, email });
    return made.id;
  });
  await Promise.all(verifying);
  expect(await membershipsOf(app, email)).toEqual([{ id: organizationId, role: 'owner' }]);
});

test('An invitation’s secret opens an account that a stranger has made before, with a new password, and to no stranger', async () => {
  const { app, mailsTo } = await openApp();
  await using _ = app;
  const stranger = openBrowser(app);
  const email = newAddress('invited');
  await stranger.account('/sign-up/email', account(email));
  await app.deps.background.idle();
  const admin = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  await admin.trpc.members.invite.mutate({ email });
  const invitationId = (await mailsTo(email)).at(-1)!.link.split('/').at(-1);
  expect(await membershipsOf(app, email)).toEqual([]);
  const person = openBrowser(app);
  const weak = await person.account('/sign-up/email', { ...account(email, 'short'), invitationId });
  expect([weak.status, person.cookies.size]).toEqual([400, 0]);
  const taken = await person.account('/sign-up/email', { ...account(email, OTHER_PASSWORD), invitationId });
  expect(taken.status).toBe(200);
  expect((await stranger.signIn(email)).status).toBe(401);
  expect((await person.account('/organization/accept-invitation', { invitationId })).status).toBe(200);
  expect((await person.trpc.session.current.query()).person).toMatchObject({ name: 'New', email });
  expect((await openBrowser(app).signIn(email, OTHER_PASSWORD)).status).toBe(200);

  // An account that is verified is not taken over: its person signs in.
  const known = await addMember(app, app.other.id);
  await admin.trpc.members.invite.mutate({ email: known.email });
  const second = (await mailsTo(known.email)).at(-1)!.link.split('/').at(-1);
  const refused = await openBrowser(app).account('/sign-up/email', {
    ...account(known.email, OTHER_PASSWORD),
    invitationId: second,
  });
  expect([refused.status, refused.body.message]).toEqual([422, expect.stringContaining('Sign in')]);
  expect((await openBrowser(app).signIn(known.email)).status).toBe(200);
});

test('A session of an account whose address is not verified serves nothing and gives no membership', async () => {
  const { app, mailsTo } = await openApp();
  await using _ = app;
  const member = await addMember(app, app.one.id);
  const browser = await signedIn(app, member);
  const admin = await signedIn(app, await addMember(app, app.other.id, 'admin'));
  await admin.trpc.members.invite.mutate({ email: member.email });
  const invitationId = (await mailsTo(member.email)).at(-1)!.link.split('/').at(-1);
  await runAsAdmin(app, `update users set email_verified = false where id = '${member.userId}'`);
  expect((await browser.call('GET', '/api/contacts')).status).toBe(401);
  for (const [path, body] of [
    ['/organization/create', { name: `Mine ${randomUUID()}`, slug: randomUUID() }],
    ['/organization/accept-invitation', { invitationId }],
  ] as const) {
    expect((await browser.account(path, body)).status, path).toBe(403);
  }
  expect(await membershipsOf(app, member.email)).toHaveLength(1);
});

test('Open sign-up answers alike for a new, a known, an unverified and a concurrent address; the mails tell the difference', async () => {
  const { app, mailsTo } = await openApp();
  await using _ = app;
  const known = await addMember(app, app.one.id);
  const [fresh, unverified, raced] = [newAddress(), newAddress(), newAddress()];
  const signUp = async (email: string, password = PASSWORD) => {
    const { status, text, headers } = await openBrowser(app).account('/sign-up/email', account(email, password));
    return [status, text, [...headers.keys()].sort()];
  };
  await signUp(unverified);
  await app.deps.background.idle();
  const answers = [];
  for (const email of [fresh, known.email, known.email.toUpperCase(), unverified]) answers.push(await signUp(email));
  answers.push(...(await Promise.all([1, 2, 3].map(() => signUp(raced)))));
  expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toHaveLength(1);
  expect(answers[0]?.[0]).toBe(200);
  const subjects = async (email: string) => (await mailsTo(email)).map(({ subject }) => subject);
  const confirm = 'Confirm your address for Introzy';
  expect(await subjects(fresh)).toEqual([confirm]);
  expect(await subjects(unverified)).toEqual([confirm, confirm]);
  expect(await subjects(known.email)).toEqual(Array(2).fill('You have an Introzy account already'));
  const [existing] = await mailsTo(known.email);
  expect(existing?.link).toBe('http://127.0.0.1:3000/forgot-password');

  // Nor does a sign-in afterwards tell whether the sign-up has made an account.
  const signIn = async (email: string) => {
    const { status, text } = await openBrowser(app).signIn(email, OTHER_PASSWORD);
    return [status, text];
  };
  const afterwards = [newAddress(), known.email];
  for (const email of afterwards) await signUp(email, OTHER_PASSWORD);
  await app.deps.background.idle();
  const [ofNew, ofKnown, ofNobody] = [...(await Promise.all(afterwards.map(signIn))), await signIn(newAddress())];
  expect([ofNew, ofKnown]).toEqual([ofNobody, ofNobody]);
  expect(ofNew?.[0]).toBe(401);
});

/** Makes an account unproved that acted before: a version that did not ask for the proof gave it an organization. */
async function preClaimed(app: TestApp) {
  const stranger = await addMember(app, app.one.id, 'owner');
  const browser = await signedIn(app, stranger);
  const held = await browser.trpc.keys.issue.mutate({ name: 'Held', scopes: ['contacts:read', 'keys:manage'] });
  const child = await app.trpc(held.key).keys.issue.mutate({ name: 'Child', scopes: ['contacts:read'] });
  const invited = newAddress('accomplice');
  await browser.trpc.members.invite.mutate({ email: invited, role: 'owner' });
  await runAsAdmin(app, `update users set email_verified = false where id = '${stranger.userId}'`);
  const keys = [held.key, child.key];
  const statuses = async () =>
    await Promise.all(keys.map(async (key) => (await app.api(key, 'GET', '/api/contacts')).status));
  const sessions = async () =>
    (await runAsAdmin(app, `select from sessions where user_id = '${stranger.userId}'`)).length;
  const invitations = async () =>
    (await runAsAdmin(app, `select status from invitations where email = '${invited}'`)).map(({ status }) => status);
  return { ...stranger, statuses, sessions, invitations };
}

test('Where another person proves the address of an account, by a new password, its keys, invitations and sessions from before end', async () => {
  const { app, mailsTo } = await openApp();
  await using _ = app;
  const byReset = await preClaimed(app);
  const byInvitation = await preClaimed(app);
  const own = await app.issue(app.one.id);
  expect([await byReset.statuses(), await byReset.sessions()]).toEqual([[200, 200], 1]);

  const person = openBrowser(app);
  await person.account('/request-password-reset', { email: byReset.email });
  const token = new URL((await mailsTo(byReset.email)).at(-1)!.link).searchParams.get('token');
  expect((await person.account('/reset-password', { token, newPassword: OTHER_PASSWORD })).status).toBe(200);
  expect([await byReset.statuses(), await byReset.sessions()]).toEqual([[401, 401], 0]);
  expect(await byReset.invitations()).toEqual(['canceled']);

  const admin = await signedIn(app, await addMember(app, app.other.id, 'admin'));
  await admin.trpc.members.invite.mutate({ email: byInvitation.email });
  const invitationId = (await mailsTo(byInvitation.email)).at(-1)!.link.split('/').at(-1);
  const invited = openBrowser(app);
  const taken = await invited.account('/sign-up/email', {
    ...account(byInvitation.email, OTHER_PASSWORD),
    invitationId,
  });
  expect(taken.status).toBe(200);
  // The session is the invited person's own.
  expect([await byInvitation.statuses(), await byInvitation.sessions()]).toEqual([[401, 401], 1]);
  expect(await byInvitation.invitations()).toEqual(['canceled']);
  // Others' keys go on.
  expect((await app.api(own.key, 'GET', '/api/contacts')).status).toBe(200);
});

test('Whoever proves the address with the password of the account keeps its keys, and the sessions from before end', async () => {
  const { app, tokenFor } = await openApp();
  await using _ = app;
  const person = await preClaimed(app);
  const browser = openBrowser(app);
  await browser.account('/send-verification-email', { email: person.email });
  const token = await tokenFor(person.email);
  expect((await browser.account('/verify-address', { token, password: PASSWORD })).status).toBe(200);
  expect([await person.statuses(), await person.sessions()]).toEqual([[200, 200], 1]);
  expect(await person.invitations()).toEqual(['pending']);
  // A reset of a proved account leaves its keys.
  await browser.account('/request-password-reset', { email: person.email });
  const reset = await tokenFor(person.email);
  expect((await browser.account('/reset-password', { token: reset, newPassword: OTHER_PASSWORD })).status).toBe(200);
  expect(await person.statuses()).toEqual([200, 200]);
});

test('Twenty sign-ups of an address at once make an account, without a failure, and each sends its mail', async () => {
  const { app, mailsTo } = await openApp();
  await using _ = app;
  const email = newAddress();
  const signUp = async () => (await openBrowser(app).account('/sign-up/email', account(email))).status;
  expect(new Set(await Promise.all(Array.from({ length: 20 }, signUp)))).toEqual(new Set([200]));
  expect(await mailsTo(email)).toHaveLength(20);
  expect(app.logs.filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
});
