import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { eraseDeletedContacts } from '../../db/contactErasure.ts';
import { eraseDeleted } from '../../server/start/eraseDeleted.ts';
import { addMember, signedIn } from '../helpers/browser.ts';
import { readTables, runAsRoot } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const admin = async (app: TestApp, role: 'owner' | 'admin' | 'member' = 'admin') =>
  (await signedIn(app, await addMember(app, app.one.id, role))).trpc;

/** Makes the deletion of a contact `days` days older. */
const age = (app: TestApp, id: string, days: number) =>
  app.db.root.transaction().execute(async (trx) => {
    await runAsRoot(trx, `select set_config('introzy.organization_id', '${app.one.id}', true)`);
    await runAsRoot(
      trx,
      `update contacts set deleted_at = deleted_at - interval '${days * 24} hours' where id = '${id}'`,
    );
  });

test('An erased contact is in no table any more, whether it was deleted or not, and the audit log keeps its id', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const secret = randomUUID();
  const others = { otherEmails: [`other.${secret}@example.com`], otherPhones: [secret] };
  const texts = { ...others, email: `${secret}@example.com`, notes: secret, tags: [secret], customFields: { secret } };
  const living = await contacts.create.mutate({ name: `Ada ${secret}`, ...texts });
  const deleted = await contacts.create.mutate({ name: `Bob ${secret}` });
  await contacts.delete.mutate({ id: deleted.id });
  expect(JSON.stringify(await readTables(app))).toContain(secret);

  const { erase } = (await admin(app)).contacts;
  const unknown = randomUUID();
  const ids = [living.id, deleted.id, unknown, living.id.toUpperCase()];
  const { erased } = await erase.mutate({ ids });
  expect(erased.sort()).toEqual([living.id, deleted.id].sort());
  expect(JSON.stringify(await readTables(app))).not.toContain(secret);
  for (const id of [living.id, deleted.id]) {
    expect((await app.api(app.one.key, 'GET', `/api/contacts/${id}`)).status).toBe(404);
    expect((await app.api(app.one.key, 'POST', `/api/contacts/${id}/restore`)).status).toBe(404);
  }
  expect(await erase.mutate({ ids })).toEqual({ erased: [] });
  // The addresses are free again.
  await contacts.create.mutate({ name: 'Ada', email: texts.email, otherEmails: others.otherEmails });
  const { items } = await app.trpc(app.one.key).audit.list.query({ action: 'contact.erased' });
  expect(items.map(({ subject }) => subject)).toEqual(
    expect.arrayContaining([living.id, deleted.id].map((id) => ({ type: 'contact', id, name: id }))),
  );
  expect(items.map(({ actor }) => actor.type)).toEqual(['person', 'person']);
});

test('With a contact of another organization among the ids, nothing is erased', async () => {
  await using app = await testApp();
  const own = await app.trpc(app.one.key).contacts.create.mutate({ name: 'own' });
  const theirs = await app.trpc(app.other.key).contacts.create.mutate({ name: 'theirs' });
  const before = await readTables(app);
  const { erase } = (await admin(app)).contacts;
  const error = await erase.mutate({ ids: [own.id, theirs.id] }).catch((thrown) => thrown);
  expect(error.data).toMatchObject({ httpStatus: 403 });
  expect((await readTables(app)).contacts).toEqual(before.contacts);
});

test('Only owners and admins in person erase: no key does, and no member', async () => {
  await using app = await testApp();
  const { id } = await app.trpc(app.one.key).contacts.create.mutate({ name: 'stays' });
  const byKey = await app.api(app.one.key, 'POST', '/trpc/contacts.erase', { json: { ids: [id] } });
  expect([byKey.status, byKey.body.error.json.data.details.reason]).toEqual([403, 'An API key is no person: sign in']);
  const member = await (await admin(app, 'member')).contacts.erase.mutate({ ids: [id] }).catch((thrown) => thrown);
  expect(member.data.httpStatus).toBe(403);
  for (const ids of [[], Array.from({ length: 101 }, () => randomUUID()), ['none']]) {
    const refused = await (await admin(app)).contacts.erase.mutate({ ids }).catch((thrown) => thrown);
    expect(refused.data.httpStatus).toBe(400);
  }
  expect((await app.trpc(app.one.key).contacts.get.query({ id })).name).toBe('stays');
  expect(await (await admin(app, 'owner')).contacts.erase.mutate({ ids: [id] })).toEqual({ erased: [id] });
});

test('Contacts are erased once they were deleted for the days of the setting, and never without the setting', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const make = async (name: string, days?: number) => {
    const { id } = await contacts.create.mutate({ name });
    if (days !== undefined) {
      await contacts.delete.mutate({ id });
      await age(app, id, days);
    }
    return id;
  };
  const [living, young, old] = [await make('living'), await make('young', 29), await make('old', 30)];
  const left = async () => (await contacts.list.query({ includeDeleted: true })).items.map(({ id }) => id);
  await eraseDeleted({ ...app.deps, deletedDays: undefined });
  expect(await left()).toEqual([old, young, living]);
  await eraseDeleted({ ...app.deps, deletedDays: 30 });
  expect(await left()).toEqual([young, living]);
  // A contact that was restored is deleted anew.
  await contacts.restore.mutate({ id: young });
  await eraseDeleted({ ...app.deps, deletedDays: 1 });
  expect(await left()).toEqual([young, living]);
});

test('An erasure by age goes in batches, and leaves other organizations alone', async () => {
  await using app = await testApp();
  for (const { key } of [app.one, app.other]) {
    for (const name of ['a', 'b', 'c']) {
      const { id } = await app.trpc(key).contacts.create.mutate({ name });
      await app.trpc(key).contacts.delete.mutate({ id });
    }
  }
  const { id: organizationId } = app.one;
  const counts: number[] = [];
  for (let i = 0; i < 3; i++) {
    const batch = { organizationId, days: 0, limit: 2 };
    counts.push(await eraseDeletedContacts(asOperator(app.db, organizationId), batch));
  }
  expect(counts).toEqual([2, 1, 0]);
  expect((await app.trpc(app.other.key).contacts.list.query({ includeDeleted: true })).items).toHaveLength(3);
});
