import { expect, test } from 'vitest';
import { asAccounts, asOperator } from '../../db/admission.ts';
import { listInvitations } from '../../db/invitations.ts';
import { endUnprovedAccess } from '../../db/verifiedAddress.ts';
import { addMember, type Browser, signedIn, type TestPerson } from '../helpers/browser.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** The failure of a call that must fail. */
const failure = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: { message: string; data?: { httpStatus: number; details?: { reason?: string } } }) => [
      error.data?.httpStatus,
      error.data?.details?.reason ?? error.message,
    ],
  );

const ONLY_OWNERS = [403, 'Only an owner may do this to an owner, or make one'];
const LAST_OWNER = [409, 'The organization needs an owner: make somebody else one first'];

async function idOf({ trpc }: Browser, { userId }: { userId: string }): Promise<string> {
  const { members } = await trpc.members.list.query();
  const found = members.find(({ person }) => person.id === userId);
  if (!found) throw new Error('Not a member');
  return found.id;
}

/** Makes an owner, an admin and a member, each signed in. */
async function team(app: TestApp) {
  const people = await Promise.all(
    (['owner', 'admin', 'member'] as const).map((role) => addMember(app, app.one.id, role)),
  );
  const [owner, admin, member] = people as [TestPerson, TestPerson, TestPerson];
  const as = {
    owner: await signedIn(app, owner),
    admin: await signedIn(app, admin),
    member: await signedIn(app, member),
  };
  return { owner, admin, member, as };
}

test('A person who is removed has no access from the very next request on, with any of their sessions', async () => {
  await using app = await testApp();
  const { owner, member, as } = await team(app);
  const second = await signedIn(app, member);
  const id = await idOf(as.owner, member);
  expect((await as.member.call('GET', '/api/contacts')).status).toBe(200);
  const removed = await as.admin.trpc.members.remove.mutate({ id });
  expect(removed.member.person.email).toBe(member.email);
  for (const browser of [as.member, second]) {
    expect((await browser.call('GET', '/api/contacts')).status).toBe(401);
    expect((await browser.call('GET', '/api/auth/list-sessions')).status).toBe(401);
  }
  // The account remains, and belongs to no organization.
  const again = await signedIn(app, member);
  expect((await again.call('GET', '/api/contacts')).status).toBe(401);
  expect((await again.call('GET', '/api/auth/organization/list')).body).toEqual([]);
  expect((await as.owner.trpc.session.current.query()).person.id).toBe(owner.userId);
});

test('A removal holds for what is under way: of requests sent together with it, none that starts after its answer gets through', async () => {
  await using app = await testApp();
  const { member, as } = await team(app);
  const id = await idOf(as.owner, member);
  let isRemoved = false;
  let late = 0;
  const hammer = async () => {
    for (let count = 0; count < 60; count++) {
      const startedAfter = isRemoved;
      const { status } = await as.member.call('GET', '/api/contacts?limit=1');
      if (startedAfter) {
        late += 1;
        expect(status).toBe(401);
      }
    }
  };
  const lanes = [hammer(), hammer(), hammer()];
  await as.owner.trpc.members.remove.mutate({ id });
  isRemoved = true;
  await Promise.all(lanes);
  expect(late).toBeGreaterThan(0);
});

test('The keys that a removed person issued are revoked unless they are kept, and only theirs', async () => {
  await using app = await testApp();
  const { admin, as } = await team(app);
  const [kept, lost, gone] = await Promise.all(
    ['kept', 'lost', 'gone'].map((name) => as.admin.trpc.keys.issue.mutate({ name, scopes: ['contacts:read'] })),
  );
  if (!kept || !lost || !gone) throw new Error('No keys');
  await as.admin.trpc.keys.revoke.mutate({ id: gone.apiKey.id });
  const others = await as.owner.trpc.keys.issue.mutate({ name: 'an owner’s' });
  const listed = await as.owner.trpc.keys.list.query({ createdBy: admin.userId });
  expect(listed.items.map(({ name }) => name).sort()).toEqual(['gone', 'kept', 'lost']);

  const id = await idOf(as.owner, admin);
  const removed = await as.owner.trpc.members.remove.mutate({
    id,
    keepKeys: [kept.apiKey.id, others.apiKey.id, app.other.keyId],
  });
  expect(removed).toMatchObject({ keptKeys: [kept.apiKey.id], revokedKeys: [lost.apiKey.id] });
  const statuses = [];
  for (const { key } of [kept, lost, gone, others]) statuses.push((await app.api(key, 'GET', '/api/contacts')).status);
  expect(statuses).toEqual([200, 401, 401, 200]);
  const answer = await app.api(lost.key, 'GET', '/api/contacts');
  expect(answer.body.details.reason).toBe('API key has been revoked');
  expect((await app.api(app.other.key, 'GET', '/api/contacts')).status).toBe(200);
});

test('No key is issued past the removal of who issues it', async () => {
  await using app = await testApp();
  for (let round = 0; round < 5; round++) {
    const admin = await addMember(app, app.one.id, 'admin');
    const as = await signedIn(app, admin);
    const owner = await signedIn(app, await addMember(app, app.one.id, 'owner'));
    const id = await idOf(owner, admin);
    const issuing = Array.from({ length: 4 }, (_, index) =>
      as.trpc.keys.issue.mutate({ name: `key ${index}` }).then(
        ({ key }) => key,
        () => undefined,
      ),
    );
    await owner.trpc.members.remove.mutate({ id });
    for (const key of await Promise.all(issuing)) {
      if (key) expect((await app.api(key, 'GET', '/api/contacts')).status).toBe(401);
    }
  }
});

test('Nobody acts on, nor makes, who ranks above them', async () => {
  await using app = await testApp();
  const { owner, admin, member, as } = await team(app);
  const ids = { owner: await idOf(as.owner, owner), member: await idOf(as.owner, member) };
  const { members } = as.admin.trpc;
  expect(await failure(members.changeRole.mutate({ id: ids.owner, role: 'member' }))).toEqual(ONLY_OWNERS);
  expect(await failure(members.remove.mutate({ id: ids.owner }))).toEqual(ONLY_OWNERS);
  expect(await failure(members.changeRole.mutate({ id: ids.member, role: 'owner' }))).toEqual(ONLY_OWNERS);
  expect(await failure(members.invite.mutate({ email: 'a@example.com', role: 'owner' }))).toEqual(ONLY_OWNERS);
  expect((await members.changeRole.mutate({ id: ids.member, role: 'admin' })).role).toBe('admin');
  // A change of role takes effect with the next request, whether the new role may do more or less.
  expect((await as.member.trpc.keys.list.query()).items.length).toBeGreaterThan(0);
  await as.owner.trpc.members.changeRole.mutate({ id: await idOf(as.owner, admin), role: 'member' });
  expect((await failure(members.list.query()))?.[0]).toBe(403);
});

test('An organization always has an owner, also of two who leave at once', async () => {
  await using app = await testApp({ isAlone: true });
  const first = { userId: app.one.ownerId };
  const second = await addMember(app, app.one.id, 'owner');
  const as = await signedIn(app, second);
  await as.trpc.members.remove.mutate({ id: await idOf(as, first) });
  const own = await idOf(as, second);
  expect(await failure(as.trpc.members.remove.mutate({ id: own }))).toEqual(LAST_OWNER);
  expect(await failure(as.trpc.members.changeRole.mutate({ id: own, role: 'admin' }))).toEqual(LAST_OWNER);
  expect((await as.trpc.members.changeRole.mutate({ id: own, role: 'owner' })).role).toBe('owner');

  const third = await addMember(app, app.one.id, 'owner');
  const asThird = await signedIn(app, third);
  const thirdId = await idOf(as, third);
  const left = await Promise.all([
    failure(as.trpc.members.remove.mutate({ id: own })),
    failure(asThird.trpc.members.remove.mutate({ id: thirdId })),
  ]);
  expect(left.filter((outcome) => outcome === undefined)).toHaveLength(1);
  expect(left).toContainEqual(LAST_OWNER);
});

test('Members and invitations of another organization are not there', async () => {
  await using app = await testApp();
  const { as } = await team(app);
  const theirs = await addMember(app, app.other.id, 'owner');
  const foreign = await signedIn(app, theirs);
  const id = await idOf(foreign, theirs);
  const invitation = await foreign.trpc.members.invite.mutate({ email: 'invited@example.com' });
  const { members } = as.owner.trpc;
  expect((await failure(members.remove.mutate({ id })))?.[0]).toBe(404);
  expect((await failure(members.changeRole.mutate({ id, role: 'member' })))?.[0]).toBe(404);
  expect((await failure(members.cancelInvitation.mutate({ id: invitation.id })))?.[0]).toBe(404);
  expect(JSON.stringify(await members.list.query())).not.toContain(theirs.email);
  expect((await foreign.trpc.members.list.query()).invitations).toHaveLength(1);
});

test('What an account of an unproved address holds and has sent ends before another person takes the account', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id, 'owner');
  const { trpc } = await signedIn(app, person);
  const held = await trpc.keys.issue.mutate({ name: 'Held', scopes: ['contacts:read'] });
  const { email } = await trpc.members.invite.mutate({ email: 'accomplice@example.com', role: 'owner' });
  const tenant = asOperator(app.db, app.one.id);
  const end = () => endUnprovedAccess({ accounts: asAccounts(app.db), db: app.db }, person.userId);
  const statusOf = async (key: string) => (await app.api(key, 'GET', '/api/contacts')).status;
  const pending = async () => (await listInvitations(tenant, app.one.id)).filter((sent) => sent.email === email).length;

  await end();
  expect([await statusOf(held.key), await pending()]).toEqual([200, 1]);
  await runAsAdmin(app, `update users set email_verified = false where id = '${person.userId}'`);
  await end();
  expect([await statusOf(held.key), await pending(), await statusOf(app.one.key)]).toEqual([401, 0, 200]);
});
