import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { expect, inject, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { remakeContacts } from '../../db/contactForm.ts';
import { updateContact } from '../../db/contacts.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** Writes a contact as a version that knows no form does, with keys in a form of that version's own. */
async function insertOld(app: TestApp, organizationId: string, name: string) {
  const id = uuidv7();
  await runAsAdmin(
    app,
    `insert into contacts (organization_id, id, name, name_key, company, company_key)
      values ('${organizationId}', '${id}', '${name}', 'old ${name}', 'Søn', 'old Søn')`,
  );
  return id;
}

const read = async (app: TestApp, id: string) =>
  (
    await runAsAdmin(
      app,
      `select form, name_key, company_key, search, version, document from contacts where id = '${id}'`,
    )
  )[0];

test('Contacts that an older version writes are marked, and made anew: while the work runs, and after it ran', async () => {
  await using app = await testApp({ isAlone: true });
  const ids = [await insertOld(app, app.one.id, 'Ada'), await insertOld(app, app.other.id, 'Bea')];
  const [ada = ''] = ids;
  expect(await read(app, ada)).toMatchObject({ form: 0, search: ' old Ada  old Søn' });
  const writing = (async () => {
    for (let n = 0; n < 20; n++) ids.push(await insertOld(app, n % 2 === 0 ? app.one.id : app.other.id, `Name ${n}`));
  })();
  await remakeContacts(app.db);
  await writing;
  await remakeContacts(app.db);
  expect(await runAsAdmin(app, 'select id from contacts where form <> 1')).toEqual([]);
  expect(await read(app, ada)).toMatchObject({
    form: 1,
    name_key: 'ada',
    company_key: 'søn',
    search: ' ada  søn',
    version: 1,
  });
  expect(await remakeContacts(app.db)).toBe(0);

  // An older instance changes a contact after the work.
  await runAsAdmin(app, `update contacts set name = 'Eve', name_key = 'old Eve' where id = '${ada}'`);
  expect(await read(app, ada)).toMatchObject({ form: 0, search: ' old Eve  søn' });
  expect(await remakeContacts(app.db)).toBe(1);
  expect(await read(app, ada)).toMatchObject({ form: 1, search: ' eve  søn' });
  const found = await app.api(app.one.key, 'GET', '/api/contacts?search=eve');
  expect(found.body.data.map(({ id }: { id: string }) => id)).toEqual([ada]);
});

// The embedded database has a single connection, so that nobody else locks a contact.
if (inject('database').kind === 'postgres') {
  test('Contacts that another transaction has locked keep no other contact from being made anew', async () => {
    await using app = await testApp({ isAlone: true });
    const insert = (count: number, name: string) =>
      runAsAdmin(
        app,
        `insert into contacts (organization_id, id, name, name_key)
          select '${app.one.id}', uuidv7(), '${name}', 'old' from generate_series(1, ${count})`,
      );
    // More than two batches, and the contacts that come first.
    await insert(1_100, 'Locked');
    await insert(700, 'Free');
    const locking = await asOperator(app.db, app.one.id).startTransaction().execute();
    try {
      await sql`select from contacts where name = 'Locked' for update`.execute(locking);
      expect(await remakeContacts(app.db)).toBe(700);
      expect(await runAsAdmin(app, 'select distinct name, form from contacts order by form')).toEqual([
        { name: 'Locked', form: 0 },
        { name: 'Free', form: 1 },
      ]);
    } finally {
      await locking.rollback().execute();
    }
    expect(await remakeContacts(app.db)).toBe(1_100);
  });
}

test('A change of other fields leaves the form, and a change by this version leaves what it did not write in its form', async () => {
  await using app = await testApp({ isAlone: true });
  const made = await app.api(app.one.key, 'POST', '/api/contacts', { name: 'Ada', company: 'Søn' });
  const { id } = made.body.data;
  expect(await read(app, id)).toMatchObject({ form: 1, version: 1 });
  // An older instance writes a field without a key, writes the same name, and deletes.
  for (const change of [`title = 'Dr'`, `name = 'Ada', name_key = 'ada'`, 'deleted_at = now()', 'deleted_at = null']) {
    await runAsAdmin(app, `update contacts set ${change} where id = '${id}'`);
    expect((await read(app, id))?.form, change).toBe(1);
  }
  const old = await insertOld(app, app.one.id, 'Bea');
  await updateContact(asOperator(app.db, app.one.id), {
    organizationId: app.one.id,
    id: old,
    changes: { name: 'Cleo' },
  });
  // The company's key is still the older version's.
  expect(await read(app, old)).toMatchObject({ form: 0, search: ' cleo  old Søn' });
  expect(await remakeContacts(app.db)).toBe(1);
  expect(await read(app, old)).toMatchObject({ form: 1, search: ' cleo  søn', version: 2 });
  const upserted = await app.api(app.one.key, 'POST', '/api/contacts/batch', {
    contacts: [
      { name: 'Dora', email: 'dora@example.com' },
      { name: 'Emil', email: 'emil@example.com' },
    ],
  });
  expect(upserted.status).toBe(200);
  await app.api(app.one.key, 'POST', '/api/contacts/batch', {
    contacts: [{ name: 'Dörte', email: 'dora@example.com' }],
  });
  expect(await runAsAdmin(app, 'select id from contacts where form <> 1')).toEqual([]);
});

test('What a later version has written is not made anew by this version, but marked where this version changes it', async () => {
  await using app = await testApp({ isAlone: true });
  const { id } = (await app.api(app.one.key, 'POST', '/api/contacts', { name: 'Ada' })).body.data;
  await runAsAdmin(app, `update contacts set name_key = 'later ada', form = 2 where id = '${id}'`);
  expect(await remakeContacts(app.db)).toBe(0);
  expect(await read(app, id)).toMatchObject({ form: 2, name_key: 'later ada' });
  await app.api(app.one.key, 'PATCH', `/api/contacts/${id}`, { name: 'Eve' });
  expect(await read(app, id)).toMatchObject({ form: 1, name_key: 'eve' });
});

test('The columns that the trigger keeps cannot be written past the trigger', async () => {
  await using app = await testApp();
  const { id } = (await app.api(app.one.key, 'POST', '/api/contacts', { name: 'Ada' })).body.data;
  const before = await read(app, id);
  await runAsAdmin(app, `update contacts set document = '{}', search = 'x' where id = '${id}'`);
  expect(await read(app, id)).toEqual(before);
});
