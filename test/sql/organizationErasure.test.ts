import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { countOwnOrganizations, isInvited } from '../../db/accounts.ts';
import { asAccounts, asOperator } from '../../db/admission.ts';
import { sealEntries } from '../../db/auditSeals.ts';
import { recordFailedSignIn } from '../../db/failedSignIns.ts';
import { insertInvitation } from '../../db/invitations.ts';
import { revokeFamilies } from '../../db/keyFamily.ts';
import { insertMember } from '../../db/members.ts';
import { eraseOrganizations } from '../../db/organizationErasure.ts';
import {
  deleteOrganization,
  insertOrganization,
  listOrganizations,
  renameOrganization,
  restoreOrganization,
} from '../../db/organizations.ts';
import { endUnprovedAccess, insertAwaitedOwner, verifyAddress } from '../../db/verifiedAddress.ts';
import { addMember, addPerson, signedIn } from '../helpers/browser.ts';
import { readAllRows } from '../helpers/secretsSeen.ts';
import { runAsAdmin, runAsRoot } from '../helpers/tables.ts';
import { type TestApp, type TestOrganization, testApp } from '../helpers/testApp.ts';
import { makeVictim } from '../helpers/victim.ts';

const remove = ({ db }: TestApp, { id }: TestOrganization) => deleteOrganization(asOperator(db, id), id);
const restore = ({ db }: TestApp, { id }: TestOrganization) => restoreOrganization(asOperator(db, id), id);
const age = ({ db }: TestApp, { id }: TestOrganization, days: number) =>
  runAsRoot(
    db.root,
    `update organization_settings set deleted_at = now() - interval '${days} days' where id = '${id}'`,
  );
const reasonOf = async ({ api }: TestApp, key: string) =>
  (await api(key, 'GET', '/api/keys/current')).body.details?.reason;
const REVOKED = 'API key has been revoked';

/** The tables with an `organization_id`, as the catalogue has them. */
const listTenantTables = async (app: TestApp) =>
  (
    await runAsAdmin(
      app,
      `select c.table_name as name from information_schema.columns c
        join information_schema.tables t using (table_schema, table_name)
        where c.table_schema = 'public' and c.column_name = 'organization_id' and t.table_type = 'BASE TABLE' order by 1`,
    )
  ).map(({ name }) => String(name));

async function listTablesWith(app: TestApp, id: string): Promise<string[]> {
  const rows: string[] = [];
  for (const table of await listTenantTables(app)) {
    const found = await runAsAdmin(app, `select from ${table} where organization_id = '${id}' limit 1`);
    if (found.length > 0) rows.push(table);
  }
  return rows;
}

async function readRowsOf(app: TestApp, id: string) {
  const rows: Record<string, unknown> = {};
  for (const table of await listTenantTables(app)) {
    rows[table] = await runAsAdmin(
      app,
      `select to_jsonb(t) as row from ${table} t where organization_id = '${id}' order by to_jsonb(t)::text`,
    );
  }
  return rows;
}

test('Keys of a deleted organization, and their tokens, are refused as revoked until the organization is restored', async () => {
  await using app = await testApp();
  const { one, other, api } = app;
  const { body: minted } = await api(one.key, 'POST', '/api/keys/current/tokens', { expiresInMinutes: 5 });
  const { body: revoked } = await api(one.key, 'POST', '/api/keys', { name: 'revoked before' });
  await api(one.key, 'DELETE', `/api/keys/${revoked.data.apiKey.id}`);
  const working = [one.key, minted.data.token];

  expect(await remove(app, one)).toMatchObject({ id: one.id, name: one.name });
  for (const key of working) expect(await reasonOf(app, key)).toBe(REVOKED);
  expect((await api(other.key, 'GET', '/api/contacts')).status).toBe(200);
  expect(await remove(app, one)).toEqual({ failure: 'absent' });

  expect(await restore(app, one)).toEqual({ id: one.id, name: one.name });
  for (const key of working) expect((await api(key, 'GET', '/api/contacts')).status).toBe(200);
  expect(await reasonOf(app, revoked.data.key)).toBe(REVOKED);
  expect(await restore(app, one)).toEqual({ failure: 'absent' });
  const { body } = await api(one.key, 'GET', '/api/audit?action=apiKey.revoked');
  expect(body.data.map(({ subject }: { subject: { id: string } }) => subject.id)).toEqual([revoked.data.apiKey.id]);
});

test('A key that is being issued while its organization is deleted never works', async () => {
  await using app = await testApp();
  const { one, api } = app;
  const issues = Array.from({ length: 10 }, (_, index) => api(one.key, 'POST', '/api/keys', { name: `key ${index}` }));
  await remove(app, one);
  for (const { status, body } of await Promise.all(issues)) {
    if (status === 201) expect(await reasonOf(app, body.data.key)).toBe(REVOKED);
    else expect(body.details.reason).toBe(REVOKED);
  }
  expect(
    await runAsRoot(app.db.root, `select from api_keys where organization_id = '${one.id}' and revoked_at is null`),
  ).toEqual([]);
  await restore(app, one);
  expect((await api(one.key, 'GET', '/api/contacts')).status).toBe(200);
});

test('A session does not enter a deleted organization, and signing in leads to another organization of the person', async () => {
  await using app = await testApp();
  const { one, other, db } = app;
  const person = await addMember(app, one.id, 'owner');
  const before = await signedIn(app, person);
  await before.trpc.session.current.query();
  await remove(app, one);
  await expect(before.trpc.session.current.query()).rejects.toMatchObject({ data: { code: 'UNAUTHORIZED' } });
  const lost = await signedIn(app, person);
  await expect(lost.trpc.session.current.query()).rejects.toMatchObject({ data: { code: 'UNAUTHORIZED' } });
  await insertMember(asOperator(db, other.id), { organizationId: other.id, userId: person.userId, role: 'member' });
  const elsewhere = await signedIn(app, person);
  expect((await elsewhere.trpc.session.current.query()).organization.id).toBe(other.id);
  await restore(app, one);
  expect((await before.trpc.session.current.query()).organization.id).toBe(one.id);
});

test('30 days after the deletion nothing of an organization is left in any table, and others keep all', async () => {
  await using app = await testApp({ isAlone: true });
  const { one, other: gone, api, db } = app;
  const victim = await makeVictim(app);
  const owner = asOperator(db, gone.id);
  await renameOrganization(owner, { organizationId: gone.id, name: `${gone.name} once` });
  await renameOrganization(owner, { organizationId: gone.id, name: gone.name });
  const person = await addMember(app, gone.id, 'admin');
  await signedIn(app, person);
  await api(gone.key, 'POST', '/api/keys/current/tokens', { expiresInMinutes: 5 });
  await recordFailedSignIn(asAccounts(db), { email: person.email, address: '203.0.113.9', userAgent: 'Zyzzyva' });
  await sealEntries(owner, { organizationId: gone.id, after: '00000000-0000-0000-0000-000000000000' });
  await sql`
    insert into contacts (organization_id, id, name, name_key)
      select ${gone.id}, gen_random_uuid(), ${victim.word}::text, ${victim.word}::text
        from generate_series(1, 2500)`.execute(owner);
  await api(one.key, 'POST', '/api/contacts', { name: 'Kept' });

  await remove(app, gone);
  await age(app, gone, 29);
  expect(await eraseOrganizations(db.root)).toEqual([]);
  expect(await restore(app, gone)).toEqual({ id: gone.id, name: gone.name });
  await remove(app, gone);
  await age(app, gone, 31);
  expect(await restore(app, gone)).toEqual({ failure: 'absent' });
  expect(await listTablesWith(app, gone.id)).toEqual(await listTenantTables(app));
  const ofOne = await readRowsOf(app, one.id);
  // The accounts of members are the persons', and stay. A contact of `one` has `sharedEmail`.
  const { userId: _, ownerId: __, sharedEmail: ___, digest, ...traces } = victim;
  const own = [gone.id, gone.name, gone.keyId, '203.0.113.9', 'Zyzzyva', digest.toString('hex')];
  const texts = [...own, ...Object.values(traces)];
  const before = await readAllRows(app);
  expect(texts.filter((text) => !before.includes(text))).toEqual([]);

  expect(await eraseOrganizations(db.root, AbortSignal.abort())).toEqual([]);
  expect(await eraseOrganizations(db.root)).toEqual([gone.id]);
  expect(await listTablesWith(app, gone.id)).toEqual([]);
  const left = await readAllRows(app);
  expect(texts.filter((text) => left.includes(text))).toEqual([]);
  expect(await readRowsOf(app, one.id)).toEqual(ofOne);
  expect((await api(one.key, 'GET', '/api/contacts')).status).toBe(200);
  expect(await reasonOf(app, gone.key)).toBe('Invalid API key');
  expect(await eraseOrganizations(db.root)).toEqual([]);
});

test('An organization that cannot be erased holds up no other', async () => {
  await using app = await testApp({ isAlone: true });
  const { one, other, db } = app;
  for (const organization of [one, other]) {
    await remove(app, organization);
    await age(app, organization, 31);
  }
  await runAsAdmin(
    app,
    `create function hold_up() returns trigger language plpgsql as $$ begin raise exception 'held up'; end $$`,
  );
  await runAsAdmin(
    app,
    `create trigger hold_up before delete on api_keys for each row
      when (old.organization_id = '${one.id}') execute function hold_up()`,
  );
  const failed = eraseOrganizations(db.root);
  await expect(failed).rejects.toMatchObject({ errors: [{ message: 'held up' }] });
  await expect(failed).rejects.toThrow(`Organizations not erased: 1; erased: ${other.id}`);
  expect((await listOrganizations(db.root)).map(({ id }) => id)).toEqual([one.id]);
  await runAsAdmin(app, 'drop trigger hold_up on api_keys');
  expect(await eraseOrganizations(db.root)).toEqual([one.id]);
});

test('The log says who renamed, deleted and restored the organization', async () => {
  await using app = await testApp();
  const { one, api, db } = app;
  await renameOrganization(asOperator(db, one.id), { organizationId: one.id, name: `${one.name}!` });
  await remove(app, one);
  await restore(app, one);
  const { body } = await api(one.key, 'GET', `/api/audit?subjectId=${one.id}`);
  const subject = { type: 'organization', id: one.id, name: `${one.name}!` };
  const [actor, details] = [{ type: 'operator' }, { from: one.name, to: `${one.name}!` }];
  expect(body.data).toMatchObject([
    { action: 'organization.restored', actor, subject },
    { action: 'organization.deleted', actor, subject },
    { action: 'organization.renamed', actor, subject, details },
  ]);
});

test('A key that is revoked while its organization is deleted stays revoked', async () => {
  await using app = await testApp();
  const { one, db, api } = app;
  const { key, apiKey } = await app.issue(one.id);
  await remove(app, one);
  expect(await revokeFamilies(asOperator(db, one.id), { organizationId: one.id, ids: [apiKey.id] })).toEqual([
    apiKey.id,
  ]);
  await restore(app, one);
  expect(await reasonOf(app, key)).toBe(REVOKED);
  expect((await api(one.key, 'GET', `/api/audit?action=apiKey.revoked&subjectId=${apiKey.id}`)).body.data).toHaveLength(
    1,
  );
});

test('An invitation does not hold while its organization is deleted, and holds again once it is restored', async () => {
  await using app = await testApp();
  const { one, db } = app;
  const email = `invited-${randomUUID()}@example.com`;
  const by = { role: 'member', inviterId: one.ownerId, by: 'owner' } as const;
  const sent = await insertInvitation(asOperator(db, one.id), { organizationId: one.id, email, ...by });
  if ('failure' in sent) throw new Error(sent.failure);
  const [{ id } = { id: '' }] = (await runAsAdmin(app, `select id from invitations where email = '${email}'`)) as {
    id: string;
  }[];
  const holds = () => isInvited(asAccounts(db), { id, email });
  expect(await holds()).toBe(true);
  await remove(app, one);
  expect(await holds()).toBe(false);
  await restore(app, one);
  expect(await holds()).toBe(true);
});

test('Whoever proves their address while the organization that waits for them is deleted owns it once it is restored', async () => {
  await using app = await testApp();
  const { db } = app;
  const awaited = await addPerson(app);
  await runAsRoot(db.root, `update users set email_verified = false where id = '${awaited.userId}'`);
  const { id } = (await insertOrganization(db.root, `Awaiting ${awaited.userId}`)) as { id: string };
  await insertAwaitedOwner(asOperator(db, id), { organizationId: id, ...awaited });
  await deleteOrganization(asOperator(db, id), id);
  await verifyAddress(asAccounts(db), awaited.userId);
  const browser = await signedIn(app, awaited);
  await expect(browser.trpc.session.current.query()).rejects.toMatchObject({ data: { code: 'UNAUTHORIZED' } });
  await restoreOrganization(asOperator(db, id), id);
  const owner = await signedIn(app, awaited);
  expect(await owner.trpc.session.current.query()).toMatchObject({ organization: { id }, role: 'owner' });
});

test('What a stranger had in a deleted organization, by an account that they did not prove, does not come back with it', async () => {
  await using app = await testApp();
  const { one, db } = app;
  const stranger = await addMember(app, one.id, 'admin');
  const browser = await signedIn(app, stranger);
  const { key } = await browser.trpc.keys.issue.mutate({ name: 'Held by a stranger' });
  const guest = `guest-${stranger.userId}@example.com`;
  await browser.trpc.members.invite.mutate({ email: guest });
  await runAsRoot(db.root, `update users set email_verified = false where id = '${stranger.userId}'`);
  await remove(app, one);
  await endUnprovedAccess({ accounts: asAccounts(db), db }, stranger.userId);
  await verifyAddress(asAccounts(db), stranger.userId);
  await restore(app, one);
  expect(await reasonOf(app, key)).toBe(REVOKED);
  expect(await reasonOf(app, one.key)).toBeUndefined();
  expect(await runAsAdmin(app, `select status from invitations where email = '${guest}'`)).toEqual([
    { status: 'canceled' },
  ]);
});

test('An organization that its owner has deleted is one of those that the person has made until it is erased', async () => {
  await using app = await testApp();
  const { one, db } = app;
  const count = () => countOwnOrganizations(asAccounts(db), one.ownerId);
  expect(await count()).toBe(1);
  await remove(app, one);
  expect(await count()).toBe(1);
});

test('An owner deletes the organization by the name that they see, and by no other', async () => {
  await using app = await testApp();
  const { one, db } = app;
  const name = `Cafe\u0301\u00a0 \u200bof ${one.name}`;
  await renameOrganization(asOperator(db, one.id), { organizationId: one.id, name });
  const owner = await signedIn(app, await addMember(app, one.id, 'owner'));
  const typed = `Caf\u00e9 of ${one.name}`;
  for (const other of [typed.toUpperCase(), typed.slice(1), `${typed}!`, '']) {
    await expect(owner.trpc.organization.delete.mutate({ name: other })).rejects.toMatchObject({
      data: { code: 'BAD_REQUEST' },
    });
  }
  expect(await owner.trpc.organization.delete.mutate({ name: typed })).toMatchObject({ id: one.id });
});

test('A name is changed, and never taken twice, also not from an organization that is deleted', async () => {
  await using app = await testApp();
  const { one, other, db } = app;
  const rename = (name: string) => renameOrganization(asOperator(db, one.id), { organizationId: one.id, name });
  await remove(app, other);
  expect(await rename(other.name)).toEqual({ failure: 'nameTaken' });
  expect(await rename(`${one.name} & Sons`)).toEqual({ id: one.id, name: `${one.name} & Sons` });
  const listed = await listOrganizations(db.root);
  expect(listed.find(({ id }) => id === one.id)).toMatchObject({ deletedAt: null, erasedAt: null });
  const gone = listed.find(({ id }) => id === other.id);
  expect(Number(gone?.erasedAt) - Number(gone?.deletedAt)).toBe(30 * 86_400_000);
});
