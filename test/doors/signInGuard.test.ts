import { randomUUID } from 'node:crypto';
import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import { expect, test } from 'vitest';
import type { KeySecret } from '../../server/auth/keySecret.ts';
import { countInMemory } from '../../server/start/rates.ts';
import { addMember, type Browser, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { mailbox } from '../helpers/mailbox.ts';
import { type TestApp, testApp, testSecrets } from '../helpers/testApp.ts';

const WRONG = 'not the password';

/** Signs in with a wrong password until an attempt is refused unseen, and gives the answers, each as status and text. */
async function guess(app: TestApp, email: string, browser: () => Browser = () => openBrowser(app)) {
  const answers = [];
  for (let count = 0; count < 10; count++) {
    const { status, body, headers } = await browser().signIn(email, WRONG);
    answers.push({ status, message: body.message, retryAfter: headers.get('retry-after') });
    if (status === 429) break;
  }
  return answers;
}

test('Guesses are slowed per account after some attempts, the same for an address without an account', async () => {
  const limiters = countInMemory({ rateLimit: 1_000 });
  const pauses: [name: string, seconds: number | undefined][] = [];
  const signInPauses: RateLimiterAbstract = Object.create(limiters.signInPauses, {
    consume: {
      value: (name: string, points: number, options: { customDuration?: number }) => {
        pauses.push([name, options.customDuration]);
        return limiters.signInPauses.consume(name, points, options);
      },
    },
  });
  await using app = await testApp({ choices: { limiters: { ...limiters, signInPauses } } });
  const person = await addMember(app, app.one.id);
  const other = await addMember(app, app.one.id);
  const answers = await guess(app, person.email);
  const nobody = await guess(app, `nobody-${randomUUID()}@example.com`);
  const round = (seen: typeof answers) => seen.map(({ status, message }) => [status, message?.replace(/\d/g, 'N')]);
  expect(round(answers)).toEqual(round(nobody));
  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 401, 429]);
  const last = answers.at(-1);
  expect(last?.message).toMatch(/^Too many attempts with a wrong password\. Try again in 1[0-5] seconds, or set a new/);
  expect(Number(last?.retryAfter)).toBeGreaterThan(0);
  // The right password is refused in a pause as well, in upper case too, and other accounts are not touched.
  expect((await openBrowser(app).signIn(person.email)).status).toBe(429);
  expect((await openBrowser(app).signIn(` ${person.email.toUpperCase()}`)).status).toBe(429);
  expect((await openBrowser(app).signIn(other.email)).status).toBe(200);

  // After a pause one attempt is let through, and the next pause is twice as long, up to a quarter of an hour.
  const name = pauses.at(-1)?.[0] as string;
  const attempt = async (password = WRONG) => (await openBrowser(app).signIn(person.email, password)).status;
  pauses.length = 0;
  for (let count = 0; count < 8; count++) {
    await limiters.signInPauses.delete(name);
    expect(await attempt()).toBe(401);
  }
  expect(pauses.map(([, seconds]) => seconds)).toEqual([30, 60, 120, 240, 480, 900, 900, 900]);
  await limiters.signInPauses.delete(name);
  expect((await Promise.all([1, 2, 3, 4].map(() => attempt()))).sort()).toEqual([401, 429, 429, 429]);
  // A sign-in ends the count.
  await limiters.signInPauses.delete(name);
  expect([await attempt(PASSWORD), await attempt(), await attempt()]).toEqual([200, 401, 401]);
});

test('Attempts at once are counted as they begin', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const attempts = Array.from({ length: 30 }, async () => (await openBrowser(app).signIn(person.email, WRONG)).status);
  const statuses = await Promise.all(attempts);
  expect(statuses.filter((status) => status === 401)).toHaveLength(6);
  expect(statuses.filter((status) => status === 429)).toHaveLength(24);
});

test('A stranger who guesses locks nobody out: a browser that has signed in before is counted on its own', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const own = await signedIn(app, person);
  await own.account('/sign-out');
  expect((await guess(app, person.email)).at(-1)?.status).toBe(429);
  expect((await own.signIn(person.email)).status).toBe(200);
  // The stranger's pause goes on, and a cookie of another account or of a stranger's making is of no use.
  expect((await openBrowser(app).signIn(person.email)).status).toBe(429);
  const stranger = await signedIn(app, await addMember(app, app.one.id));
  const [[, value = ''] = []] = [...stranger.cookies].filter(([name]) => name.includes('device'));
  const [[name = ''] = []] = [...own.cookies].filter(([cookie]) => cookie.includes('device'));
  const forged = openBrowser(app);
  for (const cookie of [value, 'x', `${decodeURIComponent(value).split('.')[0]}.AAAA`]) {
    forged.cookies.set(name, cookie);
    expect((await forged.signIn(person.email)).status).toBe(429);
  }
  // Guesses from a known browser are slowed too.
  expect((await guess(app, person.email, () => own)).at(-1)?.status).toBe(429);
});

test('A browser stays known when a new server secret comes first', async () => {
  const [older, newer] = testSecrets(2) as [KeySecret, KeySecret];
  await using before = await testApp({ keySecrets: [older] });
  const person = await addMember(before, before.one.id);
  const { cookies } = await signedIn(before, person);
  await using after = await testApp({ keySecrets: [newer, older] });
  expect((await guess(after, person.email)).at(-1)?.status).toBe(429);
  const own = openBrowser(after);
  for (const [name, value] of cookies) if (name.includes('device')) own.cookies.set(name, value);
  expect((await own.signIn(person.email)).status).toBe(200);
});

test('A password reset lifts the pause, for the browser that has reset the password and for every other', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail } });
  const person = await addMember(app, app.one.id);
  expect((await guess(app, person.email)).at(-1)?.status).toBe(429);
  const browser = openBrowser(app);
  await browser.account('/request-password-reset', { email: person.email });
  await app.deps.background.idle();
  const token = new URL(mail.mails[0]!.link).searchParams.get('token');
  const newPassword = 'seven violet lanterns drift';
  expect((await browser.account('/reset-password', { token, newPassword })).status).toBe(200);
  expect((await openBrowser(app).signIn(person.email, WRONG)).status).toBe(401);
  await guess(app, person.email);
  expect((await browser.signIn(person.email, newPassword)).status).toBe(200);
});

test('The current password is guessed no faster by a session, nor by the link of a mail', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail, openSignUp: true } });
  const browser = await signedIn(app, await addMember(app, app.one.id));
  const change = { currentPassword: WRONG, newPassword: 'seven violet lanterns drift' };
  const changes = [];
  for (let count = 0; count < 7; count++) changes.push((await browser.account('/change-password', change)).status);
  expect(changes).toEqual([400, 400, 400, 400, 400, 400, 429]);
  const email = `new-${randomUUID()}@example.com`;
  await browser.account('/sign-up/email', { name: 'New', email, password: PASSWORD });
  await app.deps.background.idle();
  const token = new URL(mail.mails[0]!.link).searchParams.get('token');
  const verifications = [];
  for (let count = 0; count < 7; count++) {
    verifications.push((await openBrowser(app).account('/verify-address', { token, password: WRONG })).status);
  }
  expect(verifications).toEqual([401, 401, 401, 401, 401, 401, 429]);
});
