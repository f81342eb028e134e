import { expect, test } from 'vitest';
import { asAccounts, asOperator } from '../../db/admission.ts';
import { insertMember } from '../../db/members.ts';
import { removeSecondFactor } from '../../db/twoFactors.ts';
import { findPasskeyHost } from '../../server/auth/passkeyHost.ts';
import { FACTOR_NEEDED, PROOF_NEEDED } from '../../shared/refusals.ts';
import { addMember, type Browser, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { addPasskey, assert, attest, newDevice, signInBy } from '../helpers/passkey.ts';
import { audited, switchOn } from '../helpers/secondFactor.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const passkeyApp = () => testApp({ choices: { publicUrl: 'http://localhost' } });
const list = async (browser: Browser) => (await browser.call('GET', '/api/auth/passkey/list')).body;

/** Whether the browser's session opens the organization. */
const outcome = ({ trpc }: Browser) =>
  trpc.contacts.list.query({}).then(
    () => [200],
    ({ data }) => (data?.httpStatus === 401 ? [401] : [data?.httpStatus, data?.details?.reason]),
  );

const grow = (app: TestApp, userId: string) =>
  runAsAdmin(
    app,
    `with aged as (update sessions set created_at = now() - interval '1 hour' where user_id = '${userId}' returning id)
      update session_proofs set proved_at = null where session_id in (select id from aged)`,
  );

test('A person adds a passkey, signs in with it, renames it and removes it', async () => {
  await using app = await passkeyApp();
  const person = await addMember(app, app.one.id);
  const own = await signedIn(app, person);
  const device = newDevice();
  expect((await addPasskey(own, device, { name: '  Phone ' })).status).toBe(200);
  const [added] = await list(own);
  expect(await list(own)).toEqual([
    { id: expect.any(String), name: 'Phone', createdAt: expect.any(String), lastUsedAt: null },
  ]);
  const browser = openBrowser(app);
  const { status, body } = await signInBy(browser, device);
  expect([status, body.user.email]).toEqual([200, person.email]);
  // The cookie of the options opens nothing a second time.
  expect([...browser.cookies.keys()].sort()).toEqual([
    expect.stringMatching(/^introzy_device_/),
    'introzy_passkey',
    'introzy_session',
  ]);
  expect((await browser.trpc.session.current.query()).organization.id).toBe(app.one.id);
  expect((await list(own))[0].lastUsedAt).toEqual(expect.any(String));

  expect((await own.account('/passkey/update-passkey', { id: added.id, name: 'Laptop' })).status).toBe(200);
  expect((await list(browser))[0].name).toBe('Laptop');
  expect((await own.account('/passkey/delete-passkey', { id: added.id })).status).toBe(200);
  expect(await list(own)).toEqual([]);
  expect((await signInBy(openBrowser(app), device)).status).toBe(401);
  expect(await audited(app, person.userId)).toEqual([
    'person.signedIn person',
    'person.passkeyAdded person',
    'person.signedIn person',
    'person.passkeyRemoved person',
  ]);
});

test('A passkey needs no code of the person’s app', async () => {
  await using app = await passkeyApp();
  const person = await addMember(app, app.one.id);
  const own = await signedIn(app, person);
  const device = newDevice();
  await addPasskey(own, device);
  await switchOn(own);
  expect((await openBrowser(app).signIn(person.email)).body.twoFactorRedirect).toBe(true);
  const browser = openBrowser(app);
  expect((await signInBy(browser, device)).status).toBe(200);
  expect(await outcome(browser)).toEqual([200]);
});

test('A passkey that does not check its person is refused, when it is added and at a sign-in', async () => {
  await using app = await passkeyApp();
  const person = await addMember(app, app.one.id);
  const own = await signedIn(app, person);
  const begun = await own.call('GET', '/api/auth/passkey/generate-register-options');
  expect(begun.body.authenticatorSelection).toMatchObject({ userVerification: 'required', residentKey: 'required' });
  const asked = await own.call('GET', '/api/auth/passkey/generate-authenticate-options');
  expect(asked.body).toMatchObject({ userVerification: 'required', rpId: 'localhost' });
  const unverified = await addPasskey(own, newDevice(), { isVerified: false });
  expect([unverified.status, unverified.body.code]).toEqual([401, 'PERSON_NOT_VERIFIED']);
  expect(await list(own)).toEqual([]);
  const device = newDevice();
  await addPasskey(own, device);
  const browser = openBrowser(app);
  const { status, body } = await signInBy(browser, device, { isVerified: false });
  expect([status, body.code]).toEqual([401, 'PERSON_NOT_VERIFIED']);
  expect(await outcome(browser)).toEqual([401]);
  expect(browser.cookies.has('introzy_session')).toBe(false);
});

test('A signature for another page, host or challenge opens nothing, and a challenge is answered once', async () => {
  await using app = await passkeyApp();
  const person = await addMember(app, app.one.id);
  const [device, thief] = [newDevice(), newDevice()];
  await addPasskey(await signedIn(app, person), device);
  expect((await signInBy(openBrowser(app), device, { counter: 5 })).status).toBe(200);
  const stranger = openBrowser(app);
  for (const say of [
    { counter: 6, origin: 'https://evil.example' },
    { counter: 6, origin: 'http://evil.localhost' },
    { counter: 6, host: 'evil.example' },
    // A copy of the device has counted less far.
    { counter: 5 },
  ]) {
    expect((await signInBy(stranger, device, say)).status, JSON.stringify(say)).toBe(400);
  }
  expect((await signInBy(stranger, { ...thief, id: device.id }, { counter: 6 })).status).toBe(401);
  expect((await signInBy(stranger, thief)).status).toBe(401);
  const options = async () => (await stranger.call('GET', '/api/auth/passkey/generate-authenticate-options')).body;
  const before = await options();
  const { challenge } = await options();
  const answer = (to: string) =>
    stranger.account('/passkey/verify-authentication', { response: assert(device, to, { counter: 6 }) });
  expect((await answer(before.challenge)).status).toBe(400);
  expect((await answer(challenge)).status).toBe(400);
  // The challenge of a registration is none of a sign-in, and without the cookie a challenge counts for nothing.
  const own = await signedIn(app, person);
  const begun = await own.call('GET', '/api/auth/passkey/generate-register-options');
  const mixed = assert(device, begun.body.challenge, { counter: 6 });
  expect((await own.account('/passkey/verify-authentication', { response: mixed })).status).toBe(400);
  const bare = assert(device, (await options()).challenge, { counter: 6 });
  expect((await openBrowser(app).account('/passkey/verify-authentication', { response: bare })).status).toBe(400);
  expect(await outcome(stranger)).toEqual([401]);
  const [counted] = await runAsAdmin(
    app,
    `select sum(count)::int as count from failed_sign_ins where user_id = '${person.userId}'`,
  );
  expect(counted?.count).toBeGreaterThan(4);
  // Nobody is kept out by what strangers send.
  expect((await signInBy(openBrowser(app), device, { counter: 6 })).status).toBe(200);
});

test('Without a session nobody adds, lists, renames or removes a passkey, and another person’s passkey is out of reach', async () => {
  await using app = await passkeyApp();
  const own = await signedIn(app, await addMember(app, app.one.id));
  const device = newDevice();
  await addPasskey(own, device);
  const [{ id }] = await list(own);
  const other = await signedIn(app, await addMember(app, app.one.id, 'owner'));
  for (const browser of [openBrowser(app), other]) {
    for (const [path, body] of [
      ['/passkey/delete-passkey', { id }],
      ['/passkey/update-passkey', { id, name: 'Mine' }],
    ] as const) {
      expect((await browser.account(path, body)).status, path).toBe(401);
    }
  }
  const nobody = openBrowser(app);
  for (const path of ['/passkey/list', '/passkey/generate-register-options']) {
    expect((await nobody.call('GET', `/api/auth${path}`)).status, path).toBe(401);
  }
  const response = attest(newDevice(), 'abc');
  expect((await nobody.account('/passkey/verify-registration', { name: 'Mine', response })).status).toBe(401);
  expect(await list(other)).toEqual([]);
  // Nor does a person take another person's passkey over.
  expect((await addPasskey(other, device)).status).toBe(409);
  expect((await list(own))[0].name).toBe('Phone');
  // A challenge that one person was given is not another person's.
  const begun = await own.call('GET', '/api/auth/passkey/generate-register-options');
  const passkey = own.cookies.get('introzy_passkey') as string;
  other.cookies.set('introzy_passkey', passkey);
  const foreign = { name: 'Mine', response: attest(newDevice(), begun.body.challenge) };
  expect((await other.account('/passkey/verify-registration', foreign)).status).toBe(401);
  const byPage = { origin: 'https://evil.example' };
  const page = await own.call('POST', '/api/auth/passkey/delete-passkey', { id }, byPage);
  expect(page.status).toBe(403);
});

test('Adding and removing a passkey takes a proof of the last 15 minutes', async () => {
  await using app = await passkeyApp();
  const person = await addMember(app, app.one.id);
  const own = await signedIn(app, person);
  await addPasskey(own);
  const [{ id }] = await list(own);
  const begun = await own.call('GET', '/api/auth/passkey/generate-register-options');
  await grow(app, person.userId);
  const late = { name: 'Late', response: attest(newDevice(), begun.body.challenge) };
  for (const answer of [
    await own.call('GET', '/api/auth/passkey/generate-register-options'),
    await own.account('/passkey/verify-registration', late),
    await own.account('/passkey/delete-passkey', { id }),
  ]) {
    expect([answer.status, answer.body]).toEqual([403, { code: 'PROOF_NEEDED', message: PROOF_NEEDED }]);
  }
  expect(await list(own)).toHaveLength(1);
  expect((await own.account('/prove', { password: PASSWORD })).status).toBe(200);
  expect((await addPasskey(own)).status).toBe(200);
  expect((await own.account('/passkey/delete-passkey', { id })).status).toBe(200);
  // A sign-in by a passkey is a proof, in the same browser too.
  const device = newDevice();
  await addPasskey(own, device);
  for (const browser of [openBrowser(app), own]) {
    await grow(app, person.userId);
    await signInBy(browser, device);
    expect((await addPasskey(browser)).status).toBe(200);
  }
});

test('A person has 20 passkeys at most, however many are added at once', async () => {
  await using app = await passkeyApp();
  const person = await addMember(app, app.one.id);
  await runAsAdmin(
    app,
    `insert into passkeys (id, user_id, name, credential_id, public_key, counter, device_type, backed_up)
      select gen_random_uuid(), '${person.userId}', 'Phone', gen_random_uuid(), '', 0, 'multiDevice', true
        from generate_series(1, 18)`,
  );
  const browsers = await Promise.all([1, 2, 3, 4].map(() => signedIn(app, person)));
  const added = await Promise.all(browsers.map((browser) => addPasskey(browser)));
  expect(added.map(({ status }) => status).sort()).toEqual([200, 200, 409, 409]);
  const [own] = browsers as [Browser];
  expect(await list(own)).toHaveLength(20);
  const full = await own.call('GET', '/api/auth/passkey/generate-register-options');
  expect([full.status, full.body.message]).toEqual([409, expect.stringContaining('20 passkeys')]);
});

test('What a passkey is called and says of itself is checked before anything is kept', async () => {
  await using app = await passkeyApp();
  const own = await signedIn(app, await addMember(app, app.one.id));
  await addPasskey(own);
  const [{ id }] = await list(own);
  for (const name of [undefined, '', '  ', 7, 'a\nb', 'x'.repeat(101), '\u202Eabc', `key ${app.one.key}`]) {
    expect((await addPasskey(own, newDevice(), { name })).status, String(name)).toBe(name === undefined ? 200 : 400);
    expect((await own.account('/passkey/update-passkey', { id, name })).status, String(name)).toBe(400);
  }
  expect((await list(own)).map(({ name }: { name: string }) => name)).toEqual(['Phone', 'Phone']);
  const begun = await own.call('GET', '/api/auth/passkey/generate-register-options');
  const good = attest(newDevice(), begun.body.challenge);
  for (const response of [
    undefined,
    'text',
    { ...good, id: 'no base64url!' },
    { ...good, id: 'x'.repeat(1365) },
    { ...good, response: { ...good.response, transports: 'internal' } },
    { ...good, response: { ...good.response, transports: ['a\u0000b'] } },
    { ...good, response: { ...good.response, transports: [app.one.key] } },
  ]) {
    const { status } = await own.account('/passkey/verify-registration', { name: 'Phone', response });
    expect(status, JSON.stringify(response)).toBe(400);
  }
  const broken = { ...good, response: { ...good.response, attestationObject: 'AAAA' } };
  const answer = await own.account('/passkey/verify-registration', { name: 'Phone', response: broken });
  expect([answer.status, answer.body.code]).toEqual([400, 'FAILED_TO_VERIFY_REGISTRATION']);
  for (const body of [{}, { response: {} }, { response: { ...good, id: { a: 1 } } }]) {
    expect((await openBrowser(app).account('/passkey/verify-authentication', body)).status).toBe(400);
  }
  for (const body of [{}, { id: 'no' }, { id: crypto.randomUUID() }]) {
    const { status } = await own.account('/passkey/delete-passkey', body);
    expect([400, 404], JSON.stringify(body)).toContain(status);
  }
  // A registration gives no further session, and no text of the address is kept.
  const asked = await own.call('GET', '/api/auth/passkey/generate-register-options?context=kept&name=kept');
  expect(asked.body.user.name).not.toBe('kept');
  const more = { name: 'Phone', response: attest(newDevice(), asked.body.challenge), createSession: true };
  expect((await own.account('/passkey/verify-registration', more)).status).toBe(400);
});

test('Where an organization requires a second factor, a session that a passkey began has one', async () => {
  await using app = await passkeyApp();
  const [owner, person] = [await addMember(app, app.one.id, 'owner'), await addMember(app, app.one.id)];
  const [ownerDevice, device] = [newDevice(), newDevice()];
  const byPassword = await signedIn(app, owner);
  await addPasskey(byPassword, ownerDevice);
  const require = ({ trpc }: Browser) =>
    trpc.members.requireFactor.mutate({ isRequired: true }).then(
      () => 200,
      ({ data }) => data.httpStatus,
    );
  expect(await require(byPassword)).toBe(409);
  const byPasskey = openBrowser(app);
  await signInBy(byPasskey, ownerDevice);
  expect(await require(byPasskey)).toBe(200);
  expect([await outcome(byPassword), await outcome(byPasskey)]).toEqual([[403, FACTOR_NEEDED], [200]]);

  // A person without any factor makes a passkey, and signs in with it.
  const member = await signedIn(app, person);
  expect(await outcome(member)).toEqual([403, FACTOR_NEEDED]);
  expect((await addPasskey(member, device)).status).toBe(200);
  expect(await outcome(member)).toEqual([403, FACTOR_NEEDED]);
  const organizationId = app.one.id;
  await insertMember(asOperator(app.db, app.other.id), {
    organizationId: app.other.id,
    userId: person.userId,
    role: 'member',
  });
  const before = member.cookies.get('introzy_session') as string;
  expect((await signInBy(member, device)).status).toBe(200);
  expect(await outcome(member)).toEqual([200]);
  expect((await member.trpc.session.current.query()).organization.id).toBe(organizationId);
  // The session before has ended.
  const left = openBrowser(app);
  left.cookies.set('introzy_session', before);
  expect(await outcome(left)).toEqual([401]);
  // A proof later leaves the session what it is.
  expect((await member.account('/prove', { password: PASSWORD })).status).toBe(200);
  expect(await outcome(member)).toEqual([200]);

  // Whoever knows the password alone makes no factor, and takes no passkey away.
  const stranger = await signedIn(app, person);
  const [{ id }] = await list(stranger);
  for (const answer of [
    await addPasskey(stranger),
    await stranger.account('/passkey/delete-passkey', { id }),
    await stranger.account('/two-factor/enable', { password: PASSWORD }),
    await stranger.account('/two-factor/verify-totp', { code: '000000' }),
  ]) {
    expect([answer.status, answer.body.code]).toEqual([403, 'PASSKEY_NEEDED']);
  }
  // Without passkeys the session has no factor any more.
  expect((await member.account('/passkey/delete-passkey', { id })).status).toBe(200);
  expect(await outcome(member)).toEqual([403, FACTOR_NEEDED]);
  await switchOn(member);
  expect(await outcome(member)).toEqual([200]);
});

test('A person goes on in the organization that they were in, and an account without a verified address stays closed', async () => {
  await using app = await passkeyApp();
  const person = await addMember(app, app.one.id);
  const organizationId = app.other.id;
  await insertMember(asOperator(app.db, organizationId), { organizationId, userId: person.userId, role: 'member' });
  const own = await signedIn(app, person);
  const device = newDevice();
  await addPasskey(own, device);
  await own.account('/organization/set-active', { organizationId });
  await signInBy(own, device);
  expect((await own.trpc.session.current.query()).organization.id).toBe(organizationId);
  await runAsAdmin(app, `update users set email_verified = false where id = '${person.userId}'`);
  expect((await signInBy(openBrowser(app), device)).status).toBe(401);
});

test('A passkey that is removed while it signs its person in opens nothing', async () => {
  await using app = await testApp({ isAlone: true, choices: { publicUrl: 'http://localhost' } });
  const person = await addMember(app, app.one.id);
  const device = newDevice();
  await addPasskey(await signedIn(app, person), device);
  await runAsAdmin(
    app,
    `create function remove_passkeys() returns trigger language plpgsql security definer as $$
      begin delete from passkeys; return null; end $$;
      create trigger meanwhile after insert on sessions for each row execute function remove_passkeys()`,
  );
  const browser = openBrowser(app);
  const { status, body } = await signInBy(browser, device);
  expect([status, body.code]).toEqual([401, 'PASSKEY_NOT_FOUND']);
  expect(await outcome(browser)).toEqual([401]);
  expect(await runAsAdmin(app, `select from sessions where user_id = '${person.userId}'`)).toHaveLength(1);
});

test('The operator takes passkeys away with the second factor', async () => {
  await using app = await passkeyApp();
  const person = await addMember(app, app.one.id);
  const own = await signedIn(app, person);
  const device = newDevice();
  await addPasskey(own, device);
  expect(await removeSecondFactor(asAccounts(app.db), person.email)).toEqual({ hadFactor: true, sessions: 1 });
  expect((await signInBy(openBrowser(app), device)).status).toBe(401);
  expect((await audited(app, person.userId)).at(-1)).toBe('person.passkeyRemoved operator');
});

test('Where PUBLIC_URL has no host name, there are no passkeys', async () => {
  await using app = await testApp();
  const own = await signedIn(app, await addMember(app, app.one.id));
  for (const path of ['list', 'generate-register-options', 'generate-authenticate-options']) {
    expect((await own.call('GET', `/api/auth/passkey/${path}`)).status, path).toBe(404);
  }
  for (const path of ['verify-registration', 'verify-authentication', 'update-passkey', 'delete-passkey']) {
    expect((await own.account(`/passkey/${path}`)).status, path).toBe(404);
  }
  const hostOf = async ({ app: service }: TestApp) =>
    /<meta name="passkey-host" content="(.*?)">/.exec(await (await service.request('/sign-in')).text())?.[1];
  expect(await hostOf(app)).toBe('');
  await using named = await passkeyApp();
  expect(await hostOf(named)).toBe('localhost');
  // What better-auth has beside is closed.
  expect((await own.call('GET', '/api/auth/passkey/list-user-passkeys')).status).toBe(404);
  for (const [address, host] of [
    ['https://introzy.example', 'introzy.example'],
    ['https://Introzy.Example:8443/', 'introzy.example'],
    ['http://localhost:3000', 'localhost'],
    ['http://127.0.0.1:3000', undefined],
    ['http://127.1', undefined],
    ['http://[::1]:3000', undefined],
    ['https://"><script>', undefined],
  ] as const) {
    if (URL.canParse(address)) expect(findPasskeyHost(address), address).toBe(host);
  }
});

test('Attempts by passkeys from one address are limited', async () => {
  await using app = await testApp({ choices: { publicUrl: 'http://localhost', signInRate: 3, trustProxy: true } });
  const browser = openBrowser(app);
  const attempt = async (method: string, path: string, from: string) => {
    const body = method === 'POST' ? {} : undefined;
    return (await browser.call(method, `/api/auth/passkey/${path}`, body, { 'x-forwarded-for': from })).status;
  };
  for (const [method, path, status] of [
    ['GET', 'generate-authenticate-options', 200],
    ['POST', 'verify-authentication', 400],
  ] as const) {
    const statuses: number[] = [];
    for (let count = 0; count < 4; count++) statuses.push(await attempt(method, path, '203.0.113.11'));
    expect(statuses, path).toEqual([status, status, status, 429]);
    expect(await attempt(method, path, '203.0.113.12'), path).toBe(status);
  }
});
