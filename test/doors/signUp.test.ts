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
  expect((await browser.account('/organization/accept-invitation', { invitationId })).status).toBe(200);
  const { organization, role } = await browser.trpc.session.current.query();
  expect([organization.id, role]).toEqual([app.one.id, 'admin']);
  // A second click is answered as the first.
  expect((await browser.account('/organization/accept-invitation', { invitationId })).status).toBe(200);
  expect((await admin.account('/organization/accept-invitation', { invitationId })).status).toBe(400);
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
  // A second invitation to the same address replaces the first.
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
  const mail = mailbox();
  await using app = await testApp({ choices: { openSignUp: true, mail } });
  const browser = openBrowser(app);
  const email = `open-${randomUUID()}@example.com`;
  const name = `Own ${randomUUID()}`;
  expect((await browser.account('/sign-up/email', account(email))).status).toBe(200);
  await app.deps.background.idle();
  const token = new URL(mail.mails[0]!.link).searchParams.get('token');
  expect((await browser.account('/verify-address', { token, password: PASSWORD })).status).toBe(200);
  expect((await browser.account('/organization/create', { name: app.one.name, slug: randomUUID() })).status).toBe(409);
  expect((await browser.account('/organization/create', { name, slug: randomUUID() })).status).toBe(200);
  const { organization, role } = await browser.trpc.session.current.query();
  expect([organization.name, role]).toEqual([name, 'owner']);
  const { key } = await browser.trpc.keys.issue.mutate({ name: 'first', scopes: ['contacts:read'] });
  expect((await app.api(key, 'GET', '/api/contacts')).body).toEqual({ success: true, data: [], nextCursor: null });
});
