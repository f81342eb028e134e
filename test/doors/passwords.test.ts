import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { insertMember } from '../../db/members.ts';
import { generatePassword } from '../../server/start/setup.ts';
import { addMember, type Browser, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { mailbox } from '../helpers/mailbox.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const COMMON = [
  ...['password1234', 'Password1234!', '123456789012', 'qwertyuiop123', 'iloveyou1234', 'passwordpassword'],
  ...[
    'aaaaaaaaaaaa',
    'abcdefghijkl',
    'P@ssw0rd2024',
    '1q2w3e4r5t6y',
    'administrator',
    'introzyintrozy',
    'zaq12wsx3edc',
  ],
  'letmein12345'.repeat(10),
];
const NEW_PASSWORD = 'seven violet lanterns drift';

/** Asks for a reset, and gives the token in the mail. */
async function resetToken(app: TestApp, mail: ReturnType<typeof mailbox>, email: string) {
  await openBrowser(app).account('/request-password-reset', { email });
  await app.deps.background.idle();
  return new URL(mail.mails.findLast(({ to }) => to === email)!.link).searchParams.get('token');
}

test('A common password is refused wherever a password is set, with what to do; the token of a reset stays', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail, openSignUp: true } });
  const person = await addMember(app, app.one.id);
  const browser = await signedIn(app, person);
  const token = await resetToken(app, mail, person.email);
  const email = `new-${randomUUID()}@example.com`;
  for (const newPassword of COMMON) {
    for (const answer of [
      await browser.account('/sign-up/email', { name: 'New', email, password: newPassword }),
      await browser.account('/reset-password', { token, newPassword }),
      await browser.account('/change-password', { currentPassword: PASSWORD, newPassword }),
    ]) {
      expect([answer.status, answer.body.message], newPassword).toEqual([400, expect.stringMatching(/easy to guess/)]);
    }
  }
  const own = { name: 'Wilhelmina Featherstone', email: `w.featherstone-${randomUUID()}@example.com` };
  expect((await browser.account('/sign-up/email', { ...own, password: 'wilhelminafeatherstone' })).status).toBe(400);
  expect((await browser.account('/sign-up/email', { ...own, password: own.email })).status).toBe(400);
  // A new password is judged by the person's own address as well.
  const ownAddress = { newPassword: person.email.toUpperCase() };
  expect((await browser.account('/reset-password', { token, ...ownAddress })).status).toBe(400);
  expect((await browser.account('/change-password', { currentPassword: PASSWORD, ...ownAddress })).status).toBe(400);
  await app.deps.background.idle();
  expect(mail.mails.map(({ to }) => to)).toEqual([person.email]);
  expect((await browser.account('/reset-password', { token, newPassword: NEW_PASSWORD })).status).toBe(200);
});

test('Passwords that people and programs make are taken', async () => {
  await using app = await testApp({ choices: { openSignUp: true } });
  for (const password of [
    generatePassword(),
    'a-long-password-1',
    NEW_PASSWORD,
    '早上好 世界 咖啡 窗户 河流',
    'x7#Qm2!vLp9z',
  ]) {
    const account = { name: 'New', email: `new-${randomUUID()}@example.com`, password };
    expect((await openBrowser(app).account('/sign-up/email', account)).status, password).toBe(200);
  }
});

test('A reset ends every other reset of the person and all sessions; a change of the password ends resets', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail } });
  const person = await addMember(app, app.one.id);
  const other = await addMember(app, app.one.id);
  const browsers = [await signedIn(app, person), await signedIn(app, person)];
  const tokens = [];
  for (let count = 0; count < 3; count++) tokens.push(await resetToken(app, mail, person.email));
  const otherToken = await resetToken(app, mail, other.email);
  const reset = async (token: string | null | undefined, newPassword: string) =>
    (await openBrowser(app).account('/reset-password', { token, newPassword })).status;
  expect(await reset(tokens[1], NEW_PASSWORD)).toBe(200);
  for (const token of tokens) expect(await reset(token, 'an entirely other password')).toBe(400);
  for (const browser of browsers) expect((await browser.call('GET', '/api/contacts')).status).toBe(401);
  expect((await openBrowser(app).signIn(person.email, NEW_PASSWORD)).status).toBe(200);
  expect(await reset(otherToken, NEW_PASSWORD)).toBe(200);

  const last = await resetToken(app, mail, person.email);
  const browser = openBrowser(app);
  await browser.signIn(person.email, NEW_PASSWORD);
  const changed = await browser.account('/change-password', { currentPassword: NEW_PASSWORD, newPassword: PASSWORD });
  expect(changed.status).toBe(200);
  expect(await reset(last, 'an entirely other password')).toBe(400);
});

test('What comes at once with a reset or a change, by the old password, neither outlives nor replaces the new password', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail } });
  const isSignedIn = async (browser: Browser) => (await browser.call('GET', '/api/auth/list-sessions')).status === 200;
  const signInThrice = (email: string, password: string) => {
    const browsers = Array.from({ length: 3 }, () => openBrowser(app));
    return { browsers, done: Promise.all(browsers.map((browser) => browser.signIn(email, password))) };
  };
  for (let round = 0; round < 2; round++) {
    const person = await addMember(app, app.one.id);
    const token = await resetToken(app, mail, person.email);
    const stranger = await signedIn(app, person);
    const replacing = { currentPassword: PASSWORD, newPassword: 'four orange kites at noon' };
    const signingIn = signInThrice(person.email, PASSWORD);
    const [reset] = await Promise.all([
      openBrowser(app).account('/reset-password', { token, newPassword: NEW_PASSWORD }),
      stranger.account('/change-password', replacing),
      signingIn.done,
    ]);
    expect(reset.status).toBe(200);
    for (const browser of [...signingIn.browsers, stranger]) expect(await isSignedIn(browser)).toBe(false);
    const own = await signedIn(app, person, NEW_PASSWORD);

    const again = signInThrice(person.email, NEW_PASSWORD);
    const change = { currentPassword: NEW_PASSWORD, newPassword: PASSWORD, revokeOtherSessions: true };
    const [changed] = await Promise.all([own.account('/change-password', change), again.done]);
    expect(changed.status).toBe(200);
    for (const browser of again.browsers) expect(await isSignedIn(browser)).toBe(false);
    expect(await isSignedIn(own)).toBe(true);
  }
});

test('Whoever changes their password stays in the organization that they were in, and the log has no further sign-in', async () => {
  await using app = await testApp();
  const { one, other, db } = app;
  const person = await addMember(app, one.id);
  await insertMember(asOperator(db, other.id), { organizationId: other.id, userId: person.userId, role: 'member' });
  const browser = await signedIn(app, person);
  await browser.account('/organization/set-active', { organizationId: other.id });
  const change = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD, revokeOtherSessions: true };
  expect((await browser.account('/change-password', change)).status).toBe(200);
  expect((await browser.trpc.session.current.query()).organization.id).toBe(other.id);
  const signIns = `select from audit_log where action = 'person.signedIn' and organization_id = '${one.id}'
    and subject->>'id' = '${person.userId}'`;
  expect(await runAsAdmin(app, signIns)).toHaveLength(1);
  await signedIn(app, person, NEW_PASSWORD);
  expect(await runAsAdmin(app, signIns)).toHaveLength(2);
});

test('No answer waits for a mail server, nor for whether there is an account', async () => {
  const stuck = { send: () => new Promise<void>(() => {}) };
  await using app = await testApp({ choices: { mail: stuck, openSignUp: true } });
  const person = await addMember(app, app.one.id);
  for (const email of [person.email, `nobody-${randomUUID()}@example.com`]) {
    const browser = openBrowser(app);
    const asked = await browser.account('/request-password-reset', { email });
    expect([asked.status, asked.body.status]).toEqual([200, true]);
    expect((await browser.account('/sign-up/email', { name: 'New', email, password: PASSWORD })).status).toBe(200);
    expect((await browser.account('/send-verification-email', { email })).status).toBe(200);
  }
  // The end of the service names the mails that were not sent, without their links.
  await app.deps.background.drain();
  const lost = app.logs.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'a mail is not sent');
  expect(lost.map(({ to }) => to)).toContain(person.email);
  expect(app.logs.join('')).not.toContain('token=');
});
