import { expect, test } from 'vitest';
import { PROOF_NEEDED } from '../../shared/refusals.ts';
import { addMember, type Browser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** Moves the last proofs of a person's sessions into the past, behind the service's back. */
const proveAt = (app: TestApp, userId: string, ago: string) =>
  runAsAdmin(
    app,
    `with begun as (update sessions set created_at = now() - interval '${ago}' where user_id = '${userId}' returning id)
      update session_proofs set proved_at = now() - interval '${ago}' where session_id in (select id from begun)`,
  );

/** The status of a call, and the reason of its refusal. */
const outcome = (call: Promise<unknown>) =>
  call.then(
    () => [200],
    ({ data }) => [data?.httpStatus, data?.details?.reason],
  );

const REFUSED = [403, PROOF_NEEDED];

/** The calls of a person that want a proof. */
const revealing = ({ trpc }: Browser, id: string): [string, () => Promise<unknown>][] => [
  ['keys.issue', () => trpc.keys.issue.mutate({ name: 'Shown' })],
  ['keys.rotate', () => trpc.keys.rotate.mutate({ id })],
  // Shows no secret, and opens the organization to passwords alone.
  ['members.requireFactor', () => trpc.members.requireFactor.mutate({ isRequired: false })],
];

test('Whatever shows a secret wants a proof of the last 15 minutes, and nothing is written without', async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  const browser = await signedIn(app, owner);
  const { apiKey } = await app.issue(app.one.id);
  const readKeys = () => runAsAdmin(app, 'select to_jsonb(s) from api_key_secrets s order by digest');
  for (const [name, call] of revealing(browser, apiKey.id)) {
    await proveAt(app, owner.userId, '14 minutes 50 seconds');
    expect([name, ...(await outcome(call()))]).toEqual([name, 200]);
    await proveAt(app, owner.userId, '15 minutes');
    const before = await readKeys();
    expect([name, ...(await outcome(call()))]).toEqual([name, ...REFUSED]);
    expect(await readKeys()).toEqual(before);
    // REST is another door to the same procedure.
    const rest = await browser.call('POST', '/api/keys', { name: 'Shown' });
    expect([rest.status, rest.body.details]).toEqual([403, { reason: PROOF_NEEDED }]);

    expect((await browser.account('/prove', { password: PASSWORD })).status).toBe(200);
    expect([name, ...(await outcome(call()))]).toEqual([name, 200]);
  }
  // A session without a proof since its sign-in, as the version before has made.
  await proveAt(app, owner.userId, '15 minutes');
  await runAsAdmin(app, 'delete from session_proofs');
  expect(await outcome(browser.trpc.keys.issue.mutate({ name: 'Shown' }))).toEqual(REFUSED);
});

test('What shows no secret needs no proof, and a key never does', async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  const { trpc } = await signedIn(app, owner);
  const { apiKey } = await app.issue(app.one.id);
  await proveAt(app, owner.userId, '3 days');
  expect((await trpc.keys.list.query({})).items.length).toBeGreaterThan(0);
  expect((await trpc.keys.update.mutate({ id: apiKey.id, name: 'Other' })).name).toBe('Other');
  expect((await trpc.keys.revoke.mutate({ id: apiKey.id })).state).toBe('revoked');
  expect((await trpc.contacts.create.mutate({ name: 'Ada' })).name).toBe('Ada');
  const byKey = app.trpc(app.one.key).keys;
  const issued = await byKey.issue.mutate({ name: 'By a key' });
  expect((await byKey.rotate.mutate({ id: issued.apiKey.id })).apiKey.id).toBe(issued.apiKey.id);
});

test('A proof of a session is no proof of the person’s other sessions, nor of another person’s', async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  const [here, there] = [await signedIn(app, owner), await signedIn(app, owner)];
  const other = await addMember(app, app.one.id, 'owner');
  const theirs = await signedIn(app, other);
  await proveAt(app, owner.userId, '1 hour');
  await proveAt(app, other.userId, '1 hour');
  expect((await here.account('/prove', { password: PASSWORD })).status).toBe(200);
  expect(await outcome(here.trpc.keys.issue.mutate({ name: 'Here' }))).toEqual([200]);
  expect(await outcome(there.trpc.keys.issue.mutate({ name: 'There' }))).toEqual(REFUSED);
  expect(await outcome(theirs.trpc.keys.issue.mutate({ name: 'Theirs' }))).toEqual(REFUSED);
  // A role that lacks the scope is refused for the role, whatever the proof.
  const member = await addMember(app, app.one.id, 'member');
  const { trpc } = await signedIn(app, member);
  await proveAt(app, member.userId, '1 hour');
  expect((await outcome(trpc.keys.issue.mutate({ name: 'No' })))[1]).toContain('keys:manage');
});

test('A wrong password is no proof, and the tenth ends the session, however many come at once', async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  const browser = await signedIn(app, owner);
  const elsewhere = await signedIn(app, owner);
  await proveAt(app, owner.userId, '1 hour');
  const prove = (password: unknown) => browser.account('/prove', { password });
  for (const password of [undefined, 7, '', 'x'.repeat(1_000)]) expect((await prove(password)).status).toBe(400);
  expect(await outcome(browser.trpc.keys.issue.mutate({ name: 'Shown' }))).toEqual(REFUSED);
  // A right password begins the count anew.
  expect((await prove(PASSWORD)).status).toBe(200);
  for (let count = 0; count < 9; count++) expect((await prove('wrong')).status).toBe(400);
  expect((await prove(PASSWORD)).status).toBe(200);

  const answers = await Promise.all(Array.from({ length: 25 }, () => prove('wrong')));
  expect(answers.filter(({ status }) => status === 400)).toHaveLength(9);
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(16);
  expect((await prove(PASSWORD)).status).toBe(401);
  expect((await outcome(browser.trpc.contacts.list.query({})))[0]).toBe(401);
  expect((await outcome(elsewhere.trpc.contacts.list.query({})))[0]).toBe(200);
});

test('Nobody proves without a session, from a foreign page, or by a key', async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  const browser = await signedIn(app, owner);
  const body = { password: PASSWORD };
  expect((await browser.call('POST', '/api/auth/prove', body, { cookie: 'introzy_session=no' })).status).toBe(401);
  const foreign = await browser.call('POST', '/api/auth/prove', body, { origin: 'https://evil.example' });
  expect(foreign.status).toBe(403);
  const withKey = await app.api(app.one.key, 'POST', '/api/auth/prove', body, { origin: 'http://localhost' });
  expect(withKey.status).toBe(401);
});
