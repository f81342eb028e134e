import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseKeySecrets } from '../../server/auth/keySecret.ts';
import { signingSecretOf } from '../../server/auth/signedCookies.ts';
import { isDigest } from '../../server/auth/textDigest.ts';
import { digestTokens } from '../../server/start/digestTokens.ts';
import { addMember, type Browser, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { startPeer } from '../helpers/instance.ts';
import { mailbox } from '../helpers/mailbox.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp, testSecrets } from '../helpers/testApp.ts';

const COOKIE = 'introzy_session';

/** The cookie of a session whose token is `token`, signed as the service signs cookies. */
const cookieOf = ({ keySecrets: [first] }: Pick<TestApp, 'keySecrets'>, token: string) => {
  const signature = createHmac('sha256', signingSecretOf(first)).update(token).digest('base64');
  return `${COOKIE}=${encodeURIComponent(`${token}.${signature}`)}`;
};
const tokenIn = ({ cookies }: Browser) => decodeURIComponent(cookies.get(COOKIE) ?? '').split('.')[0] as string;

/** What the database keeps of a person's sessions, oldest first. */
const keptTokens = async (app: TestApp, { userId }: { userId: string }) =>
  (await runAsAdmin(app, `select token from sessions where user_id = '${userId}' order by created_at`)).map(
    ({ token }) => token as string,
  );
const status = async (browser: Browser) => (await browser.call('GET', '/api/contacts')).status;
const listed = async (browser: Browser) =>
  (await browser.call('GET', '/api/auth/list-sessions')).body as { id: string; token: string }[];

/** Keeps the tokens of a person's sessions, oldest first, as the version before kept tokens. */
async function undigest(app: TestApp, { userId }: { userId: string }, tokens: string[]) {
  const rows = await runAsAdmin(app, `select id from sessions where user_id = '${userId}' order by created_at`);
  for (const [index, { id }] of rows.entries()) {
    await runAsAdmin(app, `update sessions set token = '${tokens[index]}' where id = '${id}'`);
  }
}

test('The database keeps the digest of a session’s token, under the first server secret; the cookie holds the token', async () => {
  await using app = await testApp({ keySecrets: testSecrets(2) });
  const person = await addMember(app, app.one.id, 'owner');
  const browser = await signedIn(app, person);
  const [kept = ''] = await keptTokens(app, person);
  expect(isDigest(kept)).toBe(true);
  expect(kept.split(':')[0]).toBe(app.keySecrets[0].id);
  expect(kept).not.toContain(tokenIn(browser));
  expect(await status(browser)).toBe(200);
  expect((await browser.call('GET', '/api/auth/get-session')).body.session.token).toBe(tokenIn(browser));
  expect((await browser.account('/organization/set-active', { organizationId: app.one.id })).status).toBe(200);
  expect((await browser.account('/update-user', { name: 'Ada' })).status).toBe(200);
  expect(await keptTokens(app, person)).toEqual([kept]);
  expect((await browser.account('/sign-out')).status).toBe(200);
  expect(await keptTokens(app, person)).toEqual([]);
});

test('A digest opens nothing, not even in a cookie that the service itself would have signed', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const browser = await signedIn(app, person);
  const [kept = ''] = await keptTokens(app, person);
  const [, signature = ''] = decodeURIComponent(browser.cookies.get(COOKIE) ?? '').split('.');
  const quoted = cookieOf(app, kept).replace(/=(.*)$/, '="$1"');
  const before = `${COOKIE}=x; ${cookieOf(app, kept)}`;
  for (const cookie of [cookieOf(app, kept), quoted, before, `${COOKIE}=${kept}.${signature}`, `${COOKIE}=${kept}`]) {
    expect((await browser.call('GET', '/api/contacts', undefined, { cookie })).status, cookie).toBe(401);
    expect((await browser.call('GET', '/api/auth/get-session', undefined, { cookie })).body, cookie).toBe(null);
  }
  const cookie = cookieOf(app, tokenIn(browser));
  expect((await browser.call('GET', '/api/contacts', undefined, { cookie })).status).toBe(200);
});

test('A list of sessions has no other session’s token; a person ends another session by its digest', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const [here, there] = [await signedIn(app, person), await signedIn(app, person)];
  const sessions = await listed(here);
  const other = sessions.find(({ token }) => token !== tokenIn(here))?.token as string;
  expect(sessions.map(({ token }) => token).sort()).toEqual([tokenIn(here), other].sort());
  expect(isDigest(other)).toBe(true);

  // Another person cannot end the session by what only its person may see.
  const stranger = await signedIn(app, await addMember(app, app.one.id));
  await stranger.account('/revoke-session', { token: other });
  expect(await status(there)).toBe(200);
  expect((await here.account('/revoke-session', { token: other })).status).toBe(200);
  expect([await status(here), await status(there)]).toEqual([200, 401]);
  expect((await here.account('/revoke-session', { token: tokenIn(here) })).status).toBe(200);
  expect(await status(here)).toBe(401);
});

test('Who ends all other sessions keeps their own, and a changed password does the same', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id);
  const [here, there] = [await signedIn(app, person), await signedIn(app, person)];
  expect((await here.account('/revoke-other-sessions')).status).toBe(200);
  expect([await status(here), await status(there)]).toEqual([200, 401]);
  const again = await signedIn(app, person);
  const passwords = { currentPassword: PASSWORD, newPassword: `${PASSWORD} again`, revokeOtherSessions: true };
  expect((await again.account('/change-password', passwords)).status).toBe(200);
  expect([await status(here), await status(again)]).toEqual([401, 200]);
  expect(await keptTokens(app, person)).toEqual([expect.stringMatching(/^\w+:/)]);
});

test('Sessions of the version before go on, before and after their tokens are digested', async () => {
  await using app = await testApp({ isAlone: true });
  const person = await addMember(app, app.one.id);
  const browsers = [await signedIn(app, person), await signedIn(app, person), await signedIn(app, person)];
  const [first, second, third] = browsers as [Browser, Browser, Browser];
  const tokens = browsers.map(tokenIn);
  await undigest(app, person, tokens);
  expect(await keptTokens(app, person)).toEqual(tokens);
  for (const browser of browsers) expect(await status(browser)).toBe(200);

  // A list digests the others, which it must not tell.
  const seen = await listed(first);
  expect(seen.map(({ token }) => token).sort()).toEqual(
    [tokens[0], ...(await keptTokens(app, person)).slice(1)].sort(),
  );
  expect((await keptTokens(app, person)).map(isDigest)).toEqual([false, true, true]);
  const [, digestOfSecond] = await keptTokens(app, person);
  await first.account('/revoke-session', { token: digestOfSecond });
  expect([await status(first), await status(second), await status(third)]).toEqual([200, 401, 200]);

  await digestTokens(app.deps);
  expect((await keptTokens(app, person)).map(isDigest)).toEqual([true, true]);
  expect([await status(first), await status(third)]).toEqual([200, 200]);
});

/** Asks for a reset, and gives the token of the mail. */
async function askForReset(app: TestApp, { mails }: ReturnType<typeof mailbox>, email: string): Promise<string> {
  const before = mails.length;
  expect((await openBrowser(app).account('/request-password-reset', { email })).status).toBe(200);
  await expect.poll(() => mails.length).toBe(before + 1);
  return /token=(\w+)/.exec(mails.at(-1)?.link ?? '')?.[1] as string;
}
const reset = async (app: Pick<TestApp, 'app'>, token: string) =>
  (await openBrowser(app).account('/reset-password', { token, newPassword: `${PASSWORD} anew` })).status;

test('The database keeps the digest of a reset’s token; the token of the mail works once, and the digest never', async () => {
  const mail = mailbox();
  await using app = await testApp({ isAlone: true, choices: { mail } });
  const { email } = await addMember(app, app.one.id);
  const token = await askForReset(app, mail, email);
  const [{ identifier } = {}] = await runAsAdmin(app, 'select identifier from verifications');
  expect(isDigest(identifier as string)).toBe(true);
  for (const wrong of [identifier as string, `${identifier}`.split(':')[1] as string, `${token}x`]) {
    expect(await reset(app, wrong), wrong).toBe(400);
  }
  expect(await reset(app, token)).toBe(200);
  expect(await reset(app, token)).toBe(400);
  expect((await openBrowser(app).signIn(email, `${PASSWORD} anew`)).status).toBe(200);
});

test('The digest of a reset’s token opens nothing, even where a server secret has the name of better-auth’s identifiers', async () => {
  const mail = mailbox();
  const keySecrets = parseKeySecrets(`reset-password:${'A'.repeat(43)}`);
  await using app = await testApp({ isAlone: true, choices: { mail }, keySecrets });
  const { email } = await addMember(app, app.one.id);
  const token = await askForReset(app, mail, email);
  const [{ identifier } = {}] = await runAsAdmin(app, 'select identifier from verifications');
  expect(identifier).toMatch(/^reset-password:/);
  expect(await reset(app, `${identifier}`.split(':')[1] as string)).toBe(400);
  expect(await reset(app, token)).toBe(200);
});

test('The token of a reset that the version before wrote works, before and after it is digested', async () => {
  const mail = mailbox();
  await using app = await testApp({ isAlone: true, choices: { mail } });
  const { email } = await addMember(app, app.one.id);
  for (const digested of [false, true]) {
    const token = await askForReset(app, mail, email);
    await runAsAdmin(app, `update verifications set identifier = 'reset-password:${token}'`);
    if (digested) {
      await digestTokens(app.deps);
      const [{ identifier } = {}] = await runAsAdmin(app, 'select identifier from verifications');
      expect(isDigest(identifier as string)).toBe(true);
    }
    expect(await reset(app, token)).toBe(200);
  }
});

test('After a new server secret, sessions and resets hold while the old secret is there, and move on', async () => {
  const mail = mailbox();
  await using app = await testApp({ isAlone: true, choices: { mail } });
  const person = await addMember(app, app.one.id);
  const browser = await signedIn(app, person);
  const token = await askForReset(app, mail, person.email);
  const [added] = testSecrets();
  await using both = await startPeer(app, [added, ...app.keySecrets]);
  await using without = await startPeer(app, [added]);
  const send = async (instance: Pick<TestApp, 'app'>, path: string) => {
    const cookie = [...browser.cookies].map((each) => each.join('=')).join('; ');
    return await openBrowser(instance).call('GET', path, undefined, { cookie });
  };
  expect((await send(both, '/api/contacts')).status).toBe(200);
  expect((await send(without, '/api/contacts')).status).toBe(401);

  // Once a day better-auth prolongs a session, and the session moves to the first secret.
  const old = `update sessions set expires_at = now() + interval '28 days' where user_id = '${person.userId}'`;
  await runAsAdmin(app, old);
  const prolonged = await send(both, '/api/auth/get-session');
  expect(prolonged.body.session.token).toBe(tokenIn(browser));
  const [cookie = ''] = prolonged.headers.getSetCookie();
  browser.cookies.set(COOKIE, /=([^;]*)/.exec(cookie)?.[1] ?? '');
  expect((await keptTokens(app, person))[0]).toMatch(new RegExp(`^${added.id}:`));
  expect((await send(without, '/api/contacts')).status).toBe(200);

  expect(await reset(without, token)).toBe(400);
  expect(await reset(both, token)).toBe(200);
});
