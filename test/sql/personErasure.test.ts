import { sql } from 'kysely';
import { expect, inject, test } from 'vitest';
import { asAccounts, asOperator } from '../../db/admission.ts';
import { recordFailedSignIn } from '../../db/failedSignIns.ts';
import { insertInvitation } from '../../db/invitations.ts';
import { insertMember } from '../../db/members.ts';
import { deleteOrganization, insertOrganization, restoreOrganization } from '../../db/organizations.ts';
import { readPerson } from '../../db/personData.ts';
import { eraseLateNames, erasePerson } from '../../db/personErasure.ts';
import { insertAwaitedOwner } from '../../db/verifiedAddress.ts';
import { seal, verify } from '../helpers/auditChain.ts';
import { addMember, addPerson, PASSWORD, signedIn } from '../helpers/browser.ts';
import { until } from '../helpers/instance.ts';
import { addPasskey, newDevice } from '../helpers/passkey.ts';
import { switchOn } from '../helpers/secondFactor.ts';
import { expectNoSecretIn, readAllRows } from '../helpers/secretsSeen.ts';
import { runAsAdmin, runAsRoot } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const NAME = 'Zebedee Quux';
const WITH_PASSKEYS = { publicUrl: 'http://localhost' };
const reasonOf = async ({ api }: TestApp, key: string) =>
  (await api(key, 'GET', '/api/keys/current')).body.details?.reason;
const inviteTo = async ({ db, other }: TestApp, email: string) =>
  await insertInvitation(asOperator(db, other.id), {
    organizationId: other.id,
    email,
    role: 'member',
    inviterId: other.ownerId,
    by: 'owner',
  });

/** An admin of `one` with rows of every kind, who is invited to `other`. */
async function addTraces(app: TestApp) {
  const { one, db } = app;
  const person = await addMember(app, one.id, 'admin');
  await runAsRoot(db.root, `update users set name = '${NAME}' where id = '${person.userId}'`);
  const browser = await signedIn(app, person);
  const { key, apiKey } = await browser.trpc.keys.issue.mutate({ name: 'Held' });
  await browser.trpc.members.invite.mutate({ email: `guest-${person.userId}@example.com` });
  await inviteTo(app, person.email);
  await recordFailedSignIn(asAccounts(db), { email: person.email, address: '203.0.113.9', userAgent: 'Zyzzyva' });
  await browser.account('/request-password-reset', { email: person.email });
  await addPasskey(browser, newDevice(), { name: 'Zygotic' });
  // A further passkey is under way.
  await browser.call('GET', '/api/auth/passkey/generate-register-options');
  return { ...person, browser, key, keyId: apiKey.id };
}

test('Nothing names an erased person in any table, the seals hold, and nobody else loses anything', async () => {
  await using app = await testApp({ isAlone: true, choices: WITH_PASSKEYS });
  const { one, other, db } = app;
  const { email, userId, browser, key, keyId } = await addTraces(app);
  const kept = await addMember(app, one.id, 'admin');
  await seal(app);
  const traces = [email, userId, NAME, 'Zygotic', 'Zyzzyva', '203.0.113.9', `guest-${userId}`];
  const before = await readAllRows(app);
  expect(traces.filter((text) => !before.includes(text))).toEqual([]);

  expect(await erasePerson(db.root, email.toUpperCase())).toMatchObject({
    ...{ userId, name: NAME, organizations: [one.id], revokedKeys: [keyId], invitations: 1 },
    auditEntries: expect.any(Number),
  });
  expect(await eraseLateNames(db.root, { email, userId, name: NAME, patience: 10_000 })).toBe(true);
  const left = await readAllRows(app);
  expect([email, NAME, 'Zygotic', 'Zyzzyva', '203.0.113.9'].filter((text) => left.includes(text))).toEqual([]);
  expect(left).toContain(kept.email);
  await seal(app);
  for (const { id } of [one, other]) expect(await verify(app, id)).toMatchObject({ holds: true });
  expect(await reasonOf(app, key)).toBe('API key has been revoked');
  await expect(browser.trpc.session.current.query()).rejects.toMatchObject({ data: { code: 'UNAUTHORIZED' } });
  await (await signedIn(app, kept)).trpc.session.current.query();
  expect((await app.api(one.key, 'GET', '/api/contacts')).status).toBe(200);
  expect(await erasePerson(db.root, email)).toMatchObject({ userId: null, invitations: 0, auditEntries: 0 });
});

test('The only owner of an organization, or the owner to be, is not erased, and nothing is changed', async () => {
  await using app = await testApp();
  const { one, other, db } = app;
  expect(await erasePerson(db.root, one.ownerEmail)).toEqual([{ id: one.id, name: one.name, deletedAt: null }]);
  await deleteOrganization(asOperator(db, one.id), one.id);
  expect(await erasePerson(db.root, one.ownerEmail)).toMatchObject([{ id: one.id, deletedAt: expect.any(Date) }]);
  await restoreOrganization(asOperator(db, one.id), one.id);
  expect(await reasonOf(app, one.key)).toBeUndefined();

  const awaited = await addPerson(app);
  const empty = (await insertOrganization(db.root, `Awaiting ${awaited.userId}`)) as { id: string };
  for (const { id } of [empty, other]) await insertAwaitedOwner(asOperator(db, id), { organizationId: id, ...awaited });
  expect(await erasePerson(db.root, awaited.email)).toMatchObject([{ id: empty.id }]);
  await insertMember(asOperator(db, empty.id), { organizationId: empty.id, userId: other.ownerId, role: 'owner' });
  expect(await erasePerson(db.root, awaited.email)).toMatchObject({ userId: awaited.userId, organizations: [] });

  await addMember(app, one.id, 'owner');
  expect(await erasePerson(db.root, one.ownerEmail)).toMatchObject({ organizations: [one.id] });
});

test('A key that an erased person held in a deleted organization does not come back with the organization', async () => {
  await using app = await testApp();
  const { one, db } = app;
  const { email, key, keyId } = await addTraces(app);
  await deleteOrganization(asOperator(db, one.id), one.id);
  expect(await erasePerson(db.root, email)).toMatchObject({ revokedKeys: [keyId] });
  await restoreOrganization(asOperator(db, one.id), one.id);
  expect(await reasonOf(app, key)).toBe('API key has been revoked');
  expect(await reasonOf(app, one.key)).toBeUndefined();
});

test.skipIf(inject('database').kind === 'embedded')(
  'What a transaction has written that was open during the erasure is erased once the transaction has ended',
  async () => {
    await using app = await testApp({ isAlone: true });
    const { other, db } = app;
    const { email, userId } = await addTraces(app);
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const { promise: written, resolve: note } = Promise.withResolvers<void>();
    const writing = asOperator(db, other.id)
      .transaction()
      .execute(async (trx) => {
        const subject = { type: 'invitation', id: userId, name: email };
        const actor = { type: 'person', id: userId, name: email };
        await trx
          .insertInto('audit_log')
          .values({
            organization_id: other.id,
            actor: JSON.stringify(actor),
            action: 'member.invited',
            subject: JSON.stringify(subject),
          } as never)
          .execute();
        note();
        await held;
      });
    await written;
    await erasePerson(db.root, email);
    const impatient = { email, userId, name: NAME, patience: 200 };
    expect(await eraseLateNames(db.root, impatient)).toBe(false);
    const late = eraseLateNames(db.root, { ...impatient, patience: 20_000 });
    setTimeout(release, 300);
    await writing;
    expect(await late).toBe(true);
    expect(await readAllRows(app)).not.toContain(email);
  },
);

test.skipIf(inject('database').kind === 'embedded')(
  'Whoever is erased while they switch their second factor on is told so: that is no defect of the service',
  async () => {
    await using app = await testApp();
    const { one, db } = app;
    const person = await addMember(app, one.id);
    const browser = await signedIn(app, person);
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const erasing = db.root.transaction().execute(async (trx) => {
      await sql`select set_config('introzy.organization_id', ${one.id}, true)`.execute(trx);
      await trx.deleteFrom('users').where('id', '=', person.userId).execute();
      begin();
      const waits = `select from pg_locks where not granted and locktype in ('tuple', 'transactionid')`;
      await until(async () => (await runAsAdmin(app, waits)).length > 0, 'the request waits for the erasure', 20);
    });
    await Promise.race([begun, erasing]);
    const answer = browser.account('/two-factor/enable', { password: PASSWORD });
    await erasing;
    expect((await answer).status).toBe(401);
  },
);

test('An export has everything that is kept of a person, and no secret', async () => {
  await using app = await testApp({ choices: WITH_PASSKEYS });
  const { one, other, db } = app;
  const { email, userId, keyId, browser } = await addTraces(app);
  await app.deps.background.idle();
  expect((await readPerson(db.root, email)).account).toMatchObject({ secondFactor: null });
  await switchOn(browser);
  await browser.account('/prove', { password: PASSWORD });
  await asOperator(db, one.id)
    .insertInto('api_key_notices')
    .values({
      ...{ organization_id: one.id, api_key_id: keyId, user_id: userId, days: 7 },
      ...{ expires_at: new Date(), claimed_until: new Date(), sent_at: new Date() },
    })
    .execute();
  const data = await readPerson(db.root, email);
  const time = expect.any(String);
  expect(data).toMatchObject({
    account: {
      ...{ id: userId, name: NAME, email, signInWith: [{ provider: 'credential', hasPassword: true }] },
      secondFactor: { isConfirmed: true, lastCodeAt: time },
      underWay: [{ expiresAt: time }],
    },
    sessions: [{ organizationId: one.id, provedAt: time, failedProofs: 0 }],
    passkeys: [{ name: 'Zygotic', createdAt: expect.any(String), lastUsedAt: null }],
    organizations: [
      {
        ...{ id: one.id, name: one.name, membership: { role: 'admin' } },
        keys: [{ id: keyId, name: 'Held', isIssuer: true, isHolder: true }],
        invitations: [{ email: `guest-${userId}@example.com`, isBySelf: true }],
        failedSignIns: [{ address: '203.0.113.9', userAgent: 'Zyzzyva', count: 1 }],
        expiryNotices: [{ keyId, days: 7, sentAt: time }],
      },
      { id: other.id, membership: null, keys: [], invitations: [{ email, isBySelf: false }] },
    ],
  });
  const actions = data.organizations.flatMap(({ auditLog }) =>
    auditLog.map((entry) => (entry as { action: string }).action),
  );
  expect(actions).toEqual(
    expect.arrayContaining(['member.joined', 'person.signedIn', 'apiKey.issued', 'member.invited']),
  );
  expectNoSecretIn(JSON.stringify(data), 'the export');
  expect(await readPerson(db.root, `nobody-${userId}@example.com`)).toEqual({
    account: null,
    sessions: [],
    passkeys: [],
    organizations: [],
  });
});
