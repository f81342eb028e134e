import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { erase } from '../../db/erasure.ts';
import { insertMember } from '../../db/members.ts';
import {
  deleteOrganization,
  listOrganizations,
  renameOrganization,
  restoreOrganization,
} from '../../db/organizations.ts';
import { addMember, signedIn } from '../helpers/browser.ts';
import { runAs } from '../helpers/database.ts';
import { runAsRoot } from '../helpers/tables.ts';
import { type TestApp, type TestOrganization, testApp } from '../helpers/testApp.ts';

const remove = ({ db }: TestApp, { id }: TestOrganization) => deleteOrganization(asOperator(db, id), id);
const restore = ({ db }: TestApp, { id }: TestOrganization) => restoreOrganization(asOperator(db, id), id);
const age = ({ db }: TestApp, { id }: TestOrganization, days: number) =>
  runAsRoot(db.root, `update organizations set deleted_at = now() - interval '${days} days' where id = '${id}'`);
const reasonOf = async ({ api }: TestApp, key: string) =>
  (await api(key, 'GET', '/api/keys/current')).body.details?.reason;
const REVOKED = 'API key has been revoked';

/** Every row of every table, as a superuser reads the rows: no policy hides a row. */
async function dump({ db, adminUrl }: TestApp): Promise<string> {
  const ask = async (statement: string) =>
    adminUrl ? (await runAs(adminUrl, [statement]))[0]?.rows : await runAsRoot(db.root, statement);
  const tables = await ask(
    "select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
  );
  const rows = [];
  for (const { name } of tables ?? []) rows.push(await ask(`select t::text as line from ${name} t`));
  return JSON.stringify(rows);
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

test('30 days after the deletion nothing of an organization is left, and others keep all', async () => {
  await using app = await testApp({ isAlone: true });
  const { one, other, api, db } = app;
  const marker = 'Zyzzyva';
  for (const { key } of [one, other]) {
    const contact = { name: key === one.key ? marker : 'Kept', notes: marker.repeat(key === one.key ? 3 : 0) };
    const { body } = await api(key, 'POST', '/api/contacts', contact);
    await api(key, 'DELETE', `/api/contacts/${body.data.id}`);
    await api(key, 'POST', '/api/keys', { name: key === one.key ? `${marker} key` : 'Kept key' });
  }
  await app.deps.lastUse.flush();
  await signedIn(app, await addMember(app, one.id, 'admin'));
  await sql`
    insert into contacts (organization_id, id, name, name_key)
      select ${one.id}, gen_random_uuid(), ${marker}::text, ${marker}::text
        from generate_series(1, 2500)`.execute(asOperator(db, one.id));
  await remove(app, one);
  await age(app, one, 29);
  expect(await erase(db.root)).toEqual({ organizations: [], contacts: 0 });
  expect((await restore(app, one)) as object).toEqual({ id: one.id, name: one.name });

  await remove(app, one);
  await age(app, one, 31);
  expect(await restore(app, one)).toEqual({ failure: 'absent' });
  for (const text of [one.id, one.name, marker]) expect(await dump(app)).toContain(text);
  expect(await erase(db.root)).toEqual({ organizations: [one.id], contacts: 0 });
  const left = await dump(app);
  for (const text of [one.id, one.name, marker, one.keyId]) expect(left).not.toContain(text);
  expect(left).toContain('Kept key');
  expect((await api(other.key, 'GET', '/api/contacts')).status).toBe(200);
  expect(await reasonOf(app, one.key)).toBe('Invalid API key');
  expect(await erase(db.root)).toEqual({ organizations: [], contacts: 0 });
});

test('Contacts that were deleted longer ago than DELETED_DAYS are erased, in each organization', async () => {
  await using app = await testApp({ isAlone: true });
  const { one, other, db } = app;
  const make = ({ id }: TestOrganization, days: number | null, count: number) =>
    sql`insert into contacts (organization_id, id, name, name_key, deleted_at)
      select ${id}, gen_random_uuid(), 'n', 'n', now() - make_interval(days => ${days}::int)
        from generate_series(1, ${count}::int)`.execute(asOperator(db, id));
  await make(one, 8, 2_100);
  await make(other, 8, 1);
  await make(one, 6, 2);
  await make(one, null, 3);
  expect(await erase(db.root)).toEqual({ organizations: [], contacts: 0 });
  expect(await erase(db.root, { deletedDays: 7 })).toEqual({ organizations: [], contacts: 2_101 });
  const { rows } = await sql<{ count: string }>`
    select count(*)::text as count from contacts where organization_id = ${one.id}`.execute(asOperator(db, one.id));
  expect(rows).toEqual([{ count: '5' }]);
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

test('Owners and admins erase contacts in person, all or none: deleted and living contacts are gone from every table', async () => {
  await using app = await testApp({ isAlone: true });
  const { one, other, api } = app;
  const make = async (key: string, name: string): Promise<string> =>
    (await api(key, 'POST', '/api/contacts', { name, notes: `${name} notes` })).body.data.id;
  const [living, deleted, kept] = [
    await make(one.key, 'Quixote'),
    await make(one.key, 'Quixote'),
    await make(one.key, 'Kept'),
  ];
  await api(one.key, 'DELETE', `/api/contacts/${deleted}`);
  const foreign = await make(other.key, 'Foreign');
  const nobodys = '01890000-0000-7000-8000-000000000000';
  const as = async (role: 'member' | 'admin') =>
    (await signedIn(app, await addMember(app, one.id, role))).trpc.contacts;
  const [admin, member] = [await as('admin'), await as('member')];
  const code = (name: string) => ({ data: { code: name } });

  await expect(member.erase.mutate({ ids: [living] })).rejects.toMatchObject(code('FORBIDDEN'));
  await expect(app.trpc(one.key).contacts.erase.mutate({ ids: [living] })).rejects.toMatchObject(code('FORBIDDEN'));
  await expect(admin.erase.mutate({ ids: [living, foreign] })).rejects.toMatchObject(code('FORBIDDEN'));
  await expect(admin.erase.mutate({ ids: [living, nobodys] })).rejects.toMatchObject(code('NOT_FOUND'));
  await expect(admin.erase.mutate({ ids: Array(101).fill(living) })).rejects.toMatchObject(code('BAD_REQUEST'));
  expect((await api(one.key, 'GET', `/api/contacts/${living}`)).status).toBe(200);

  expect(await admin.erase.mutate({ ids: [living, deleted, living] })).toEqual({ ids: [living, deleted].sort() });
  const left = await dump(app);
  for (const text of ['Quixote', 'quixote', living, deleted]) expect(left).not.toContain(text);
  for (const text of [kept, foreign]) expect(left).toContain(text);
  await expect(admin.erase.mutate({ ids: [living] })).rejects.toMatchObject(code('NOT_FOUND'));
});
