import { expect, test } from 'vitest';
import { asAccounts, asOperator } from '../../db/admission.ts';
import { insertMember } from '../../db/members.ts';
import { removeSecondFactor } from '../../db/twoFactors.ts';
import type { KeySecret, KeySecrets } from '../../server/auth/keySecret.ts';
import { moveToFirstSecret } from '../../server/auth/serverSecrets.ts';
import { addMember, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { startPeer } from '../helpers/instance.ts';
import { mailbox } from '../helpers/mailbox.ts';
import { audited, freshCode, readPicture, switchOn } from '../helpers/secondFactor.ts';
import { kindsSeen } from '../helpers/secretsSeen.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp, testSecrets } from '../helpers/testApp.ts';

const ON = '/two-factor/enable';
const APP = '/two-factor/verify-totp';
const RECOVERY = '/two-factor/verify-backup-code';

/** Whether the browser's session opens the organization. */
const isIn = ({ trpc }: ReturnType<typeof openBrowser>) =>
  trpc.contacts.list.query({}).then(
    () => true,
    ({ data }) => {
      expect(data.httpStatus).toBe(401);
      return false;
    },
  );

test('With a second factor the password alone opens nothing, and the app’s code opens the session', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id, 'owner');
  const phone = await switchOn(await signedIn(app, person));
  const browser = openBrowser(app);
  const { status, body } = await browser.signIn(person.email);
  expect([status, body]).toEqual([200, { twoFactorRedirect: true, twoFactorMethods: ['totp'] }]);
  expect([...browser.cookies.keys()]).toEqual(['introzy_two_factor']);
  expect(await isIn(browser)).toBe(false);
  expect((await browser.account(APP, { code: '000000' })).status).toBe(401);
  expect(await isIn(browser)).toBe(false);
  const code = await freshCode(app, phone);
  expect((await browser.account(APP, { code: `${code.slice(0, 3)} ${code.slice(3)}` })).status).toBe(200);
  expect(await isIn(browser)).toBe(true);
  expect(browser.cookies.has('introzy_two_factor')).toBe(false);
  // No session is left of the password alone.
  expect(await runAsAdmin(app, `select from sessions where user_id = '${person.userId}'`)).toHaveLength(2);
  expect(await audited(app, person.userId)).toEqual([
    'person.signedIn person',
    'person.factorOn person',
    'person.signedIn person',
  ]);
  expect(kindsSeen()).toEqual(expect.arrayContaining(['seed', 'recovery']));
});

test('A code is taken once, also when it comes many times at once', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const phone = await switchOn(await signedIn(app, person));
  const code = await freshCode(app, phone);
  const browsers = [openBrowser(app), openBrowser(app)];
  for (const browser of browsers) await browser.signIn(person.email);
  const answers = await Promise.all(browsers.map((browser) => browser.account(APP, { code })));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
  const later = openBrowser(app);
  await later.signIn(person.email);
  expect((await later.account(APP, { code })).status).toBe(401);
  // Nor a code from before.
  expect((await later.account(APP, { code: await phone.code(-1) })).status).toBe(401);
});

test('A recovery code opens a session once, and is audited', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const own = await signedIn(app, person);
  const { recoveryCodes } = await switchOn(own);
  expect(new Set(recoveryCodes).size).toBe(10);
  const [code, next] = recoveryCodes;
  const browser = openBrowser(app);
  await browser.signIn(person.email);
  expect((await browser.account(RECOVERY, { code, trustDevice: true })).status).toBe(200);
  expect(await isIn(browser)).toBe(true);
  // Nothing lets the browser in without a code another time.
  expect((await browser.signIn(person.email)).body.twoFactorRedirect).toBe(true);
  expect((await browser.account(RECOVERY, { code })).status).toBe(401);

  expect((await own.account('/two-factor/generate-backup-codes', { password: 'wrong' })).status).toBe(400);
  const made = await own.account('/two-factor/generate-backup-codes', { password: PASSWORD });
  expect(made.body.backupCodes).toHaveLength(10);
  expect((await browser.account(RECOVERY, { code: next })).status).toBe(401);
  expect((await browser.account(RECOVERY, { code: made.body.backupCodes[0] })).status).toBe(200);
  expect((await audited(app, person.userId)).slice(2)).toEqual([
    'person.signedIn person',
    'person.recoveryCodeUsed person',
    'person.recoveryCodesMade person',
    'person.signedIn person',
    'person.recoveryCodeUsed person',
  ]);
});

test('Guesses of a code are slowed like guesses of a password, and counted for the audit log', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const own = await signedIn(app, person);
  const phone = await switchOn(own);
  const stranger = openBrowser(app);
  const statuses: number[] = [];
  for (let count = 0; count < 5; count++) {
    await stranger.signIn(person.email);
    statuses.push((await stranger.account(APP, { code: '000000' })).status);
  }
  expect(statuses.slice(0, 2)).toEqual([401, 401]);
  expect(statuses.at(-1)).toBe(429);
  const { headers } = await stranger.account(RECOVERY, { code: 'aaaaa-bbbbb' });
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  const [counted] = await runAsAdmin(
    app,
    `select sum(count)::int as count from failed_sign_ins where user_id = '${person.userId}'`,
  );
  expect(counted?.count).toBeGreaterThan(1);
  // The person's own browser is counted on its own.
  await own.account('/sign-out');
  expect((await own.signIn(person.email)).status).toBe(200);
  expect((await own.account(APP, { code: await freshCode(app, phone) })).status).toBe(200);
});

test('On, off and new recovery codes take the password; the first code confirms the app', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const browser = await signedIn(app, person);
  for (const body of [{}, { password: 'not the password' }]) expect((await browser.account(ON, body)).status).toBe(400);
  const { body } = await browser.account(ON, { password: PASSWORD });
  expect(body.totpURI).toContain('otpauth://totp/Introzy');
  const code = readPicture(body.totpURI);
  // The app is not confirmed: the password is enough still, and a code proves nothing.
  expect((await openBrowser(app).signIn(person.email)).body.twoFactorRedirect).toBeUndefined();
  expect((await browser.account('/prove', { code: await code() })).status).toBe(400);
  expect((await browser.account(APP, { code: '000000' })).status).toBe(401);
  const before = browser.cookies.get('introzy_session');
  expect((await browser.account(APP, { code: await code() })).status).toBe(200);
  expect(browser.cookies.get('introzy_session')).not.toBe(before);
  // A signed-in browser is no place to try codes.
  expect((await browser.account(APP, { code: await code(1) })).body.code).toBe('FACTOR_IS_ON');
  expect((await browser.account(RECOVERY, { code: body.backupCodes[0] })).body.code).toBe('FACTOR_IS_ON');
  expect((await browser.account(ON, { password: PASSWORD })).status).toBe(400);

  expect((await browser.account('/two-factor/disable', { password: 'not the password' })).status).toBe(400);
  expect((await browser.account('/two-factor/disable', { password: PASSWORD })).status).toBe(200);
  expect(await isIn(browser)).toBe(true);
  expect((await openBrowser(app).signIn(person.email)).body.twoFactorRedirect).toBeUndefined();
  expect(await runAsAdmin(app, `select from two_factors where user_id = '${person.userId}'`)).toEqual([]);
  expect(await audited(app, person.userId)).toEqual([
    'person.signedIn person',
    'person.signedIn person',
    'person.factorOn person',
    'person.factorOff person',
    'person.signedIn person',
  ]);
});

test('A person stays in their organization as the factor goes on and off', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const organizationId = app.other.id;
  await insertMember(asOperator(app.db, organizationId), { organizationId, userId: person.userId, role: 'member' });
  const browser = await signedIn(app, person);
  await browser.account('/organization/set-active', { organizationId });
  await switchOn(browser);
  expect((await browser.trpc.session.current.query()).organization.id).toBe(organizationId);
  await browser.account('/two-factor/disable', { password: PASSWORD });
  expect((await browser.trpc.session.current.query()).organization.id).toBe(organizationId);
});

test('A password reset leaves the second factor on', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail } });
  const person = await addMember(app, app.one.id);
  await switchOn(await signedIn(app, person));
  const browser = openBrowser(app);
  await browser.account('/request-password-reset', { email: person.email });
  await app.deps.background.idle();
  const token = new URL(mail.mails[0]?.link ?? '').searchParams.get('token');
  const newPassword = 'seven green boats under one bridge';
  expect((await browser.account('/reset-password', { token, newPassword })).status).toBe(200);
  expect((await browser.signIn(person.email, newPassword)).body.twoFactorRedirect).toBe(true);
  expect(await isIn(browser)).toBe(false);
});

test('A code of the app is a proof, once', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id, 'owner');
  const browser = await signedIn(app, person);
  const phone = await switchOn(browser);
  const age = () =>
    runAsAdmin(
      app,
      `with proofs as (update session_proofs set proved_at = now() - interval '1 hour')
        update sessions set created_at = now() - interval '1 hour'`,
    );
  const issue = () =>
    browser.trpc.keys.issue.mutate({ name: 'Shown' }).then(
      () => 200,
      ({ data }) => data.httpStatus,
    );
  await age();
  expect(await issue()).toBe(403);
  expect((await browser.account('/prove', { code: '000000' })).status).toBe(400);
  const code = await freshCode(app, phone);
  expect((await browser.account('/prove', { code })).status).toBe(200);
  expect(await issue()).toBe(200);
  await age();
  expect((await browser.account('/prove', { code })).status).toBe(400);
  expect(await issue()).toBe(403);
  for (const wrong of [{}, { code: 7 }, { code: 'x'.repeat(100) }]) {
    expect((await browser.account('/prove', wrong)).status).toBe(400);
  }
});

test('Seeds and recovery codes move to a new server secret, and work before and after', async () => {
  const [first, older] = [...testSecrets(), ...testSecrets()] as [KeySecret, KeySecret];
  await using app = await testApp({ isAlone: true, keySecrets: [older] });
  const person = await addMember(app, app.one.id);
  const phone = await switchOn(await signedIn(app, person));
  const keySecrets: KeySecrets = [first, older];
  await using peer = await startPeer(app, keySecrets);
  const signInBy = async (parts: { app: TestApp['app'] }, path: string, code: string | undefined) => {
    const browser = openBrowser(parts);
    await browser.signIn(person.email);
    return (await browser.account(path, { code })).status;
  };
  expect(await signInBy(peer, APP, await freshCode(app, phone))).toBe(200);
  expect(await signInBy(peer, RECOVERY, phone.recoveryCodes[0])).toBe(200);
  const [kept] = await runAsAdmin(app, 'select secret, backup_codes from two_factors');
  // The use of a recovery code has sealed the rest anew.
  expect([kept?.secret, kept?.backup_codes].map((text) => String(text).split(':')[0])).toEqual([older.id, first.id]);
  expect(await moveToFirstSecret({ db: app.db, keySecrets })).toMatchObject({ sealedTexts: 1 });
  await using later = await startPeer(app, [first]);
  expect(await signInBy(later, APP, await freshCode(app, phone))).toBe(200);
  expect(await signInBy(later, RECOVERY, phone.recoveryCodes[1])).toBe(200);
});

test('The operator takes a second factor away, and the sessions end with it', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const browser = await signedIn(app, person);
  await switchOn(browser);
  const halfway = openBrowser(app);
  await halfway.signIn(person.email);
  const other = await signedIn(app, await addMember(app, app.one.id));
  expect(await removeSecondFactor(asAccounts(app.db), 'nobody@example.com')).toBeUndefined();
  expect(await removeSecondFactor(asAccounts(app.db), person.email)).toEqual({ hadFactor: true, sessions: 1 });
  expect(await Promise.all([browser, other].map(isIn))).toEqual([false, true]);
  expect((await halfway.account(RECOVERY, { code: 'aaaaa-bbbbb' })).status).toBe(401);
  expect((await browser.signIn(person.email)).body.twoFactorRedirect).toBeUndefined();
  expect(await isIn(browser)).toBe(true);
  expect((await audited(app, person.userId)).at(2)).toBe('person.factorOff operator');
});

test('Of two requests at once that begin to switch the factor on, the seed of one is kept, and the other says so', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id, 'owner');
  const browsers = [await signedIn(app, person), await signedIn(app, person)];
  const answers = await Promise.all(browsers.map(({ account }) => account(ON, { password: PASSWORD })));
  const begun = answers.filter(({ status }) => status === 200);
  expect(answers.map(({ status }) => status).filter((status) => status !== 200 && status !== 409)).toEqual([]);
  // Where one came after the other, the later seed is kept.
  const codes = await Promise.all(begun.map(({ body }) => readPicture(body.totpURI)()));
  const statuses: number[] = [];
  for (const code of codes) statuses.push((await (browsers[0] as (typeof browsers)[0]).account(APP, { code })).status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(1);
});
