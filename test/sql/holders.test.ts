import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { expect, inject, test } from 'vitest';
import { migrate } from '../../db/migrate.ts';
import { SCOPES } from '../../shared/scopes.ts';
import { addMember, type Browser, signedIn } from '../helpers/browser.ts';
import { until } from '../helpers/instance.ts';
import { openOld } from '../helpers/oldDatabase.ts';
import { runAsAdmin, runAsRoot } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** Makes a member who is signed in, with the id of the membership. */
async function join(app: TestApp, role: 'owner' | 'admin' | 'member') {
  const person = await addMember(app, app.one.id, role);
  const as = await signedIn(app, person);
  const owner = await signedIn(app, { email: app.one.ownerEmail }).catch(() => as);
  const { members } = await (role === 'member' ? owner : as).trpc.members.list.query();
  const id = members.find((member) => member.person.id === person.userId)?.id as string;
  return { ...person, id, as };
}

const issue = ({ trpc }: { trpc: Pick<Browser['trpc'], 'keys'> }, name: string) =>
  trpc.keys.issue.mutate({ name, scopes: ['contacts:read', 'contacts:write', 'keys:manage'] });

/** The status of a call with a key, and the reason of a refusal. */
async function tryKey(app: TestApp, key: string, path = '/api/contacts') {
  const { status, body } = await app.api(key, 'GET', path);
  return body.details?.reason === undefined ? status : [status, body.details.reason];
}
const REVOKED = [401, 'API key has been revoked'];

test('Whatever a removed admin holds is refused: a key, a key that the key issued, and a secret seen by a rotation', async () => {
  await using app = await testApp();
  const [owner, admin] = [await join(app, 'owner'), await join(app, 'admin')];
  const k1 = await issue(admin.as, 'K1');
  const k2 = await issue({ trpc: app.trpc(k1.key) }, 'K2');
  const k3 = await app.trpc(k2.key).keys.issue.mutate({ name: 'K3' });
  const others = await issue(owner.as, 'an owner’s');
  const seen = await admin.as.trpc.keys.rotate.mutate({ id: others.apiKey.id });
  const seenByKey = await app.trpc(k2.key).keys.rotate.mutate({ id: others.apiKey.id });

  const { keys } = await owner.as.trpc.members.keys.query({ id: admin.id });
  expect(keys.map(({ name, isHeld, isShared }) => [name, isHeld, isShared]).sort()).toEqual([
    ['K1', true, false],
    ['K2', true, false],
    ['K3', true, false],
    ['an owner’s', true, true],
  ]);
  const removed = await owner.as.trpc.members.remove.mutate({ id: admin.id });
  expect(removed.revokedKeys.sort()).toEqual([k1, k2, k3].map(({ apiKey }) => apiKey.id).sort());
  expect(removed).toMatchObject({ keptKeys: [], sharedKeys: [others.apiKey.id] });
  for (const { key } of [k1, k2, k3, seen, seenByKey]) expect(await tryKey(app, key)).toEqual(REVOKED);
  expect(await tryKey(app, others.key)).toBe(200);
  await app.deps.lastUse.flush();
  const { secrets } = await owner.as.trpc.keys.get.query({ id: others.apiKey.id });
  expect(secrets).toEqual([
    {
      type: 'secret',
      hint: others.apiKey.hint,
      scopes: others.apiKey.scopes,
      holder: { id: owner.userId, name: owner.email },
      createdAt: others.apiKey.createdAt,
      expiresAt: expect.any(Date),
      lastUsedAt: expect.any(Date),
    },
  ]);
});

test('A membership that ends in any way ends the secrets, also without a word of the service', async () => {
  await using app = await testApp();
  const admin = await join(app, 'admin');
  const { key } = await issue(admin.as, 'K');
  expect(await tryKey(app, key)).toBe(200);
  await app.db.root.transaction().execute(async (trx) => {
    await runAsRoot(trx, `select set_config('introzy.organization_id', '${app.one.id}', true)`);
    await runAsRoot(trx, `delete from members where user_id = '${admin.userId}'`);
  });
  expect(await tryKey(app, key)).toEqual(REVOKED);
});

test('A key does no more than the role of its holder allows at the moment, and a demotion says what is lost', async () => {
  await using app = await testApp();
  const [owner, admin] = [await join(app, 'owner'), await join(app, 'admin')];
  const { key, apiKey } = await issue(admin.as, 'K');
  const child = await app.trpc(key).keys.issue.mutate({ name: 'child', scopes: ['keys:manage'] });
  const lost = await owner.as.trpc.members.keys.query({ id: admin.id, role: 'member' });
  expect(lost.keys.map(({ id, loses }) => [id, loses])).toEqual([
    [child.apiKey.id, ['keys:manage']],
    [apiKey.id, ['keys:manage']],
  ]);
  const asAdmin = await owner.as.trpc.members.keys.query({ id: admin.id, role: 'admin' });
  expect(asAdmin.keys.flatMap(({ loses }) => loses)).toEqual([]);

  await owner.as.trpc.members.changeRole.mutate({ id: admin.id, role: 'member' });
  const reason = 'The role of the API key’s holder lacks the scope keys:manage';
  expect(await tryKey(app, key)).toBe(200);
  for (const path of ['/api/keys', '/api/audit']) expect(await tryKey(app, key, path)).toEqual([403, reason]);
  expect(await tryKey(app, child.key, '/api/keys')).toEqual([403, reason]);
  const denied = await app.api(key, 'POST', '/api/keys', { name: 'one more' });
  expect([denied.status, denied.headers.get('www-authenticate')]).toEqual([
    403,
    'Bearer realm="introzy", error="insufficient_scope", scope="keys:manage"',
  ]);
  await owner.as.trpc.members.changeRole.mutate({ id: admin.id, role: 'admin' });
  expect(await tryKey(app, key, '/api/keys')).toBe(200);
});

test('A key that an instance of the version before keeps goes on with whoever removes the member', async () => {
  await using app = await testApp();
  const [owner, admin] = [await join(app, 'owner'), await join(app, 'admin')];
  const [kept, left] = [await issue(admin.as, 'kept'), await issue(admin.as, 'left')];
  await app.db.root.transaction().execute(async (trx) => {
    const actor = `person:${owner.userId}:${owner.email}`;
    await sql`select set_config('introzy.organization_id', ${app.one.id}, true),
      set_config('introzy.actor', ${actor}, true)`.execute(trx);
    await runAsRoot(trx, `update api_keys set kept_at = now() where id = '${kept.apiKey.id}'`);
    await runAsRoot(trx, `delete from members where user_id = '${admin.userId}'`);
  });
  expect([await tryKey(app, kept.key), await tryKey(app, left.key)]).toEqual([200, REVOKED]);
  const { holder } = await app.trpc(kept.key).keys.current.query();
  expect(holder).toEqual({ id: owner.userId, name: owner.email });
});

test('Whoever keeps a key becomes its holder, so that the key ends with them', async () => {
  await using app = await testApp();
  const [owner, second, admin] = [await join(app, 'owner'), await join(app, 'owner'), await join(app, 'admin')];
  const k1 = await issue(admin.as, 'K1');
  const k2 = await app.trpc(k1.key).keys.issue.mutate({ name: 'K2' });
  const removed = await second.as.trpc.members.remove.mutate({ id: admin.id, keepKeys: [k2.apiKey.id] });
  expect(removed).toMatchObject({ keptKeys: [k2.apiKey.id], revokedKeys: [k1.apiKey.id], sharedKeys: [] });
  expect([await tryKey(app, k1.key), await tryKey(app, k2.key)]).toEqual([REVOKED, 200]);
  const holder = { id: second.userId, name: second.email };
  expect((await app.trpc(k2.key).keys.current.query()).holder).toEqual(holder);
  expect((await owner.as.trpc.keys.get.query({ id: k2.apiKey.id })).secrets).toMatchObject([{ holder }]);

  expect((await owner.as.trpc.members.keys.query({ id: second.id })).keys).toMatchObject([{ id: k2.apiKey.id }]);
  const again = await owner.as.trpc.members.remove.mutate({ id: second.id, keepKeys: [k2.apiKey.id] });
  expect(again.keptKeys).toEqual([k2.apiKey.id]);
  const kept = await owner.as.trpc.audit.list.query({ subjectId: k2.apiKey.id, action: 'apiKey.kept' });
  expect(kept.items.map(({ actor }) => actor.id)).toEqual([owner.userId, second.userId]);
  expect(await tryKey(app, k2.key)).toBe(200);
});

test('Whoever leaves cannot keep keys for themselves, and only active keys of the organization can be kept', async () => {
  await using app = await testApp();
  const [owner, admin] = [await join(app, 'owner'), await join(app, 'admin')];
  const { key, apiKey } = await issue(admin.as, 'K');
  const leaving = admin.as.trpc.members.remove.mutate({ id: admin.id, keepKeys: [apiKey.id] });
  await expect(leaving).rejects.toMatchObject({ data: { httpStatus: 409 } });
  expect(await tryKey(app, key)).toBe(200);
  const removed = await owner.as.trpc.members.remove.mutate({
    id: admin.id,
    keepKeys: [apiKey.id, app.other.keyId, app.one.keyId, randomUUID()],
  });
  expect(removed.keptKeys).toEqual([apiKey.id]);
  expect(await tryKey(app, app.one.key)).toBe(200);
});

test('Revoking a key takes along the keys that it issued, and theirs; revoking again gives the same answer', async () => {
  await using app = await testApp();
  const root = await app.issue(app.one.id, { name: 'root' });
  const child = await app.trpc(root.key).keys.issue.mutate({ name: 'child', scopes: ['keys:manage'] });
  const grandchild = await app.trpc(child.key).keys.issue.mutate({ name: 'grandchild', scopes: ['keys:manage'] });
  const stranger = await app.issue(app.one.id, { name: 'stranger' });
  const { keys } = app.trpc(app.one.key);
  const revoked = await keys.revoke.mutate({ id: root.apiKey.id });
  expect(revoked.descendants.map(({ id, state }) => [id, state])).toEqual([
    [grandchild.apiKey.id, 'revoked'],
    [child.apiKey.id, 'revoked'],
  ]);
  expect(await keys.revoke.mutate({ id: root.apiKey.id })).toEqual(revoked);
  for (const { key } of [root, child, grandchild]) expect(await tryKey(app, key)).toEqual(REVOKED);
  expect(await tryKey(app, stranger.key)).toBe(200);
});

test('Kept descendants go on with the caller as their holder, and have left the family of the revoked key', async () => {
  await using app = await testApp();
  const owner = await join(app, 'owner');
  const top = await app.issue(app.one.id, { name: 'top' });
  const root = await app.trpc(top.key).keys.issue.mutate({ name: 'root', scopes: ['contacts:read', 'keys:manage'] });
  const child = await app.trpc(root.key).keys.issue.mutate({ name: 'child', scopes: ['contacts:read', 'keys:manage'] });
  const grandchild = await app.trpc(child.key).keys.issue.mutate({ name: 'grandchild', scopes: ['contacts:read'] });
  const answer = await owner.as.call('DELETE', `/api/keys/${root.apiKey.id}?descendants=keep`);
  expect([answer.status, answer.body.data.state]).toEqual([200, 'revoked']);
  const family = [grandchild.apiKey.id, child.apiKey.id];
  expect(answer.body.data.descendants.map(({ id }: { id: string }) => id)).toEqual(family);
  expect((await app.trpc(grandchild.key).keys.current.query()).holder?.id).toBe(owner.userId);

  // Neither a second revocation nor the revocation of an ancestor takes a kept key along.
  const { keys } = app.trpc(app.one.key);
  expect((await keys.revoke.mutate({ id: root.apiKey.id })).descendants.map(({ state }) => state)).toEqual([
    'active',
    'active',
  ]);
  expect((await keys.revoke.mutate({ id: top.apiKey.id })).descendants.map(({ id }) => id)).toEqual([]);
  expect([await tryKey(app, child.key), await tryKey(app, grandchild.key)]).toEqual([200, 200]);
  expect((await keys.revoke.mutate({ id: child.apiKey.id })).descendants).toMatchObject([{ id: family[0] }]);
  expect(await tryKey(app, grandchild.key)).toEqual(REVOKED);
});

test('Keeping descendants takes keys:manage, also for a key that revokes itself', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id, { scopes: ['contacts:read'] });
  const denied = await app.api(key, 'DELETE', `/api/keys/${apiKey.id}?descendants=keep`);
  expect([denied.status, denied.body.details.reason]).toEqual([403, 'The API key lacks the scope keys:manage']);
  expect((await app.api(key, 'DELETE', `/api/keys/${apiKey.id}`)).status).toBe(200);
});

test('No key survives that is issued while an ancestor is being revoked', async () => {
  await using app = await testApp();
  for (let round = 0; round < 10; round++) {
    const root = await app.issue(app.one.id, { name: 'root' });
    const child = await app
      .trpc(root.key)
      .keys.issue.mutate({ name: 'child', scopes: ['contacts:read', 'keys:manage'] });
    const issuing = [root, child, root, child].map(({ key }) =>
      app
        .trpc(key)
        .keys.issue.mutate({ name: 'late', scopes: ['contacts:read'] })
        .then(
          (late) => late.key,
          () => undefined,
        ),
    );
    await app.trpc(app.one.key).keys.revoke.mutate({ id: root.apiKey.id });
    for (const key of await Promise.all(issuing)) {
      if (key !== undefined) expect(await tryKey(app, key)).toEqual(REVOKED);
    }
  }
});

test('The operator holds nothing: the first key, and keys of the command line, end with nobody', async () => {
  await using app = await testApp();
  expect((await app.trpc(app.one.key).keys.current.query()).holder).toBeNull();
  const { key } = await app.trpc(app.one.key).keys.issue.mutate({ name: 'by the first key' });
  expect((await app.trpc(key).keys.current.query()).holder).toBeNull();
});

test('Secrets from before holders get their holders from the audit log, else from the root of the issuers', async () => {
  const { db, close } = await openOld('0006_indexes');
  try {
    const [organization, ada, bob] = Array.from({ length: 3 }, () => randomUUID()) as [string, string, string];
    /** Runs statements in a transaction as the version before did. */
    const act = (actor: string, ...statements: string[]) =>
      db.root.transaction().execute(async (trx) => {
        await sql`select set_config('introzy.organization_id', ${organization}, true),
          set_config('introzy.actor', ${actor}, true)`.execute(trx);
        for (const statement of statements) await runAsRoot(trx, statement);
      });
    const secret = (id: string) =>
      `insert into api_key_secrets (organization_id, api_key_id, digest, secret_id, expires_at)
        values ('${organization}', '${id}', sha256('${randomUUID()}'), 'old', now() + interval '30 days')`;
    const key = (id: string, hint: string, [type, issuer]: ['person' | 'key', string]) => [
      `insert into api_keys (organization_id, id, name, hint, scopes, created_by_type, created_by_id, created_by_name, expires_at)
        values ('${organization}', '${id}', '${hint}', '${hint}', '{keys:manage}', '${type}', '${issuer}', 'issuer', now() + interval '30 days')`,
      secret(id),
    ];
    const ids = Array.from({ length: 8 }, () => randomUUID());
    const [first, k1, k2, operator, kept, k5, ancient, child] = ids as [string, ...string[]] & string[];
    const asAda = `person:${ada}:ada@example.com`;
    const asBob = `person:${bob}:bob@example.com`;

    await act(
      '',
      `insert into organizations (id, name) values ('${organization}', 'Old')`,
      `insert into users (id, name, email) values ('${ada}', 'Ada', '${ada}@example.com'), ('${bob}', 'Bob', '${bob}@example.com')`,
      `insert into members (organization_id, id, user_id, role)
        select '${organization}', gen_random_uuid(), id, 'owner' from users where id in ('${ada}', '${bob}')`,
      ...key(first, 'first000', ['person', ada]),
    );
    await act(asAda, ...key(k1 as string, 'k1000000', ['person', ada]));
    await act(`key:${k1}`, ...key(k2 as string, 'k2000000', ['key', k1 as string]));
    const rotate = `update api_keys set hint = 'k1rotate', expires_at = now() + interval '31 days' where id = '${k1}'`;
    await act(asBob, secret(k1 as string), rotate);
    await act(`key:${k1}`, ...key(k5 as string, 'k5000000', ['key', k1 as string]));
    await act('', ...key(operator as string, 'operator', ['person', ada]));
    await act(asAda, ...key(kept as string, 'kept0000', ['person', ada]));
    await act(asBob, `update api_keys set kept_at = now() where id = '${kept}'`);
    await act(asAda, ...key(ancient as string, 'ancient0', ['person', ada]));
    await act(`key:${ancient}`, ...key(child as string, 'child000', ['key', ancient as string]));
    const forget = `delete from audit_log where subject->>'id' in ('${ancient}', '${child}')`;
    await act('', 'alter table audit_log no force row level security', forget);
    await act('', 'alter table audit_log force row level security');

    await migrate(db);
    const holders = await db.root.transaction().execute(async (trx) => {
      await sql`select set_config('introzy.organization_id', ${organization}, true)`.execute(trx);
      return await runAsRoot(
        trx,
        `select k.name, s.hint, s.holder_id as holder from api_key_secrets s join api_keys k on k.id = s.api_key_id
          where s.id is not null order by s.hint collate "C"`,
      );
    });
    expect(holders.map(({ name, hint, holder }) => [name, hint, holder])).toEqual([
      ['ancient0', 'ancient0', ada],
      ['child000', 'child000', ada],
      ['first000', 'first000', null],
      ['k1000000', 'k1000000', ada],
      ['k1000000', 'k1rotate', bob],
      ['k2000000', 'k2000000', ada],
      ['k5000000', 'k5000000', bob],
      ['kept0000', 'kept0000', bob],
      ['operator', 'operator', null],
    ]);
  } finally {
    await close();
  }
});

// The embedded database has a single connection: no removal can come in between.
test.skipIf(inject('database').kind === 'embedded')(
  'Whoever is removed while their rotation or issue waits is shown no secret',
  async () => {
    await using app = await testApp();
    const admin = await join(app, 'admin');
    const { key } = await admin.as.trpc.keys.issue.mutate({ name: 'theirs', scopes: [...SCOPES] });
    const other = await app.issue(app.one.id);
    const before = await runAsAdmin(app, 'select count(*) from api_key_secrets');
    const waiting = await app.db.root.transaction().execute(async (trx) => {
      await sql`select pg_advisory_xact_lock(hashtextextended('introzy key families ' || ${app.one.id}, 0))`.execute(
        trx,
      );
      const calls = [
        app.api(key, 'POST', `/api/keys/${other.apiKey.id}/rotate`, {}),
        app.api(key, 'POST', '/api/keys', { name: 'late' }),
      ];
      await until(async () => {
        const waits = `select count(*)::int as count from pg_locks where locktype = 'advisory' and not granted`;
        return Number((await runAsAdmin(app, waits))[0]?.count) >= 2;
      }, 'two calls that wait');
      await runAsAdmin(app, `delete from members where user_id = '${admin.userId}'`);
      return calls;
    });
    for (const { status, body } of await Promise.all(waiting)) {
      expect([status, body.details?.reason]).toEqual([401, 'API key has been revoked']);
    }
    expect(await runAsAdmin(app, 'select count(*) from api_key_secrets')).toEqual(before);
  },
);
