import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { addMember, addPerson, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { failure, mailbox } from '../helpers/mailbox.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

/** The secret of the latest invitation to an address, from the link in the mail. */
const secretOf = ({ mails }: ReturnType<typeof mailbox>, email: string) =>
  mails
    .findLast(({ to }) => to === email)
    ?.link.split('/')
    .at(-1) as string;

const account = (email: string) => ({ name: 'New', email, password: PASSWORD });

test('Sign-up is closed but to who is invited, by the invitation’s own link', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail } });
  const browser = openBrowser(app);
  const email = `invited-${randomUUID()}@example.com`;
  const admin = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  const { id } = await admin.trpc.members.invite.mutate({ email, role: 'admin' });
  const invitationId = secretOf(mail, email);
  expect(mail.mails).toMatchObject([{ to: email, link: `http://127.0.0.1:3000/invitations/${invitationId}` }]);
  // Only the mail holds the secret. Even the person that invites cannot accept the invitation.
  const seen = [await admin.trpc.members.list.query(), await admin.trpc.audit.list.query({ limit: 200 })];
  expect(JSON.stringify(seen)).toContain(id);
  expect((await app.app.request(`/invitations/${invitationId}`)).status).toBe(200);
  expect(JSON.stringify(seen) + app.logs.join('')).not.toContain(invitationId);

  for (const body of [
    account(email),
    { ...account(email), invitationId: randomUUID() },
    { ...account(email), invitationId: id },
    { ...account(`other-${email}`), invitationId },
  ]) {
    expect((await browser.account('/sign-up/email', body)).status).toBe(403);
  }
  for (const none of ['none', null, 7]) {
    expect((await browser.account('/sign-up/email', { ...account(email), invitationId: none })).status).toBe(400);
  }
  expect((await browser.account('/organization/create', { name: 'Mine', slug: 'mine' })).status).toBe(401);
  expect(browser.cookies.size).toBe(0);

  expect((await browser.account('/sign-up/email', { ...account(email), invitationId })).status).toBe(200);
  expect((await browser.call('GET', '/api/contacts')).status).toBe(401);
  expect((await browser.account('/organization/create', { name: 'Mine', slug: 'mine' })).status).toBe(403);
  const accepted = await browser.account('/organization/accept-invitation', { invitationId });
  expect(accepted.status).toBe(200);
  const { organization, role } = await browser.trpc.session.current.query();
  expect([organization.id, role]).toEqual([app.one.id, 'admin']);
  const again = await browser.account('/organization/accept-invitation', { invitationId });
  expect([again.status, again.body]).toEqual([200, accepted.body]);
  expect((await admin.account('/organization/accept-invitation', { invitationId })).status).toBe(400);
});

test('Nothing in the database opens an invitation: the token from the mail alone does', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail } });
  const admin = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  const person = await addPerson(app);
  const browser = await signedIn(app, person);
  const { id: reference } = await admin.trpc.members.invite.mutate({ email: person.email });
  const token = secretOf(mail, person.email);
  const [row] = await runAsAdmin(app, `select id, i::text as row from invitations i where reference = '${reference}'`);
  expect(String(row?.row)).not.toContain(token);
  for (const invitationId of [row?.id, reference, randomUUID()]) {
    expect((await browser.account('/organization/accept-invitation', { invitationId })).status).toBe(400);
    const opened = await openBrowser(app).account('/sign-up/email', { ...account(person.email), invitationId });
    expect(opened.status).toBe(403);
  }
  const clicks = Array.from({ length: 5 }, () =>
    browser.account('/organization/accept-invitation', { invitationId: token }),
  );
  const answers = await Promise.all(clicks);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  for (const { body } of answers) expect(body).toEqual(answers[0]?.body);
});

test('Many invitations of an address at once are a single invitation, opened by the token of the last', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail } });
  const admin = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  const email = `many-${randomUUID()}@example.com`;
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      admin.trpc.members.invite.mutate({ email: index % 2 ? email : ` ${email.toUpperCase()} ` }),
    ),
  );
  expect(new Set(made.map(({ id }) => id)).size).toBe(1);
  const { invitations } = await admin.trpc.members.list.query();
  expect(invitations.filter((each) => each.email === email)).toHaveLength(1);
  const tokens = mail.mails.map(({ link }) => link.split('/').at(-1));
  const statuses: number[] = [];
  for (const invitationId of tokens) {
    statuses.push((await openBrowser(app).account('/sign-up/email', { ...account(email), invitationId })).status);
  }
  expect(statuses.filter((status) => status === 200)).toHaveLength(1);
  expect(statuses.filter((status) => status === 403)).toHaveLength(19);
});

test('An invitation is for its address, and holds until it is taken back or expires', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail } });
  const admin = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  const person = await addPerson(app);
  const browser = await signedIn(app, person);
  const accept = async (invitationId: string) =>
    (await browser.account('/organization/accept-invitation', { invitationId })).status;

  const invite = async (email = person.email) => {
    const { id } = await admin.trpc.members.invite.mutate({ email });
    return { id, secret: secretOf(mail, person.email) };
  };
  const first = await invite();
  const stranger = await signedIn(app, await addPerson(app));
  expect((await stranger.account('/organization/accept-invitation', { invitationId: first.secret })).status).toBe(403);
  // A second invitation to the same address changes the first, and ends the first link.
  const second = await invite(person.email.toUpperCase());
  expect(await accept(first.secret)).toBe(400);
  expect((await admin.trpc.members.list.query()).invitations.map(({ id }) => id)).toEqual([second.id]);
  await admin.trpc.members.cancelInvitation.mutate({ id: second.id });
  expect(await accept(second.secret)).toBe(400);
  expect(await failure(admin.trpc.members.cancelInvitation.mutate({ id: second.id }))).toBe(404);
  const third = await invite();
  await runAsAdmin(app, `update invitations set expires_at = now() where reference = '${third.id}'`);
  expect((await admin.trpc.members.list.query()).invitations).toMatchObject([{ id: third.id, state: 'expired' }]);
  expect(await accept(third.secret)).toBe(400);
  const fourth = await invite();
  expect(await accept(fourth.secret)).toBe(200);
  expect((await browser.trpc.session.current.query()).organization.id).toBe(app.one.id);
  expect(await failure(admin.trpc.members.invite.mutate({ email: person.email }))).toBe(409);
});

test('Open sign-up makes an account and an organization, of a name that is free', async () => {
  await using app = await testApp({ choices: { openSignUp: true } });
  const browser = openBrowser(app);
  const email = `open-${randomUUID()}@example.com`;
  const name = `Own ${randomUUID()}`;
  expect((await browser.account('/sign-up/email', account(email))).status).toBe(200);
  expect((await browser.account('/organization/create', { name: app.one.name, slug: randomUUID() })).status).toBe(409);
  expect((await browser.account('/organization/create', { name, slug: randomUUID() })).status).toBe(200);
  const { organization, role } = await browser.trpc.session.current.query();
  expect([organization.name, role]).toEqual([name, 'owner']);
  const { key } = await browser.trpc.keys.issue.mutate({ name: 'first', scopes: ['contacts:read'] });
  expect((await app.api(key, 'GET', '/api/contacts')).body).toEqual({ success: true, data: [], nextCursor: null });
});
