import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { expect, inject, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { remakeContacts } from '../../db/contactForm.ts';
import { updateContact } from '../../db/contacts.ts';
import { ContactSort } from '../../shared/contactSort.ts';
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
      `select form, name_key, company_key, search, folded, tag_keys, phone_keys, linkedin_key, version, document from contacts where id = '${id}'`,
    )
  )[0];

test('Contacts that an older version writes are marked, and made anew: while the work runs, and after it ran', async () => {
  await using app = await testApp({ isAlone: true });
  const ids = [await insertOld(app, app.one.id, 'Ada'), await insertOld(app, app.other.id, 'Bea')];
  const [ada = ''] = ids;
  expect(await read(app, ada)).toMatchObject({ form: 0, search: ' old Ada  old Søn', folded: null, tag_keys: null });
  const writing = (async () => {
    for (let n = 0; n < 20; n++) ids.push(await insertOld(app, n % 2 === 0 ? app.one.id : app.other.id, `Name ${n}`));
  })();
  await remakeContacts(app.db);
  await writing;
  await remakeContacts(app.db);
  expect(await runAsAdmin(app, 'select id from contacts where form <> 2')).toEqual([]);
  expect(await read(app, ada)).toMatchObject({
    form: 2,
    name_key: 'ada',
    company_key: 'søn',
    search: ' ada  søn',
    folded: ' ada\n son\n\n\n\n\n\n\n\n',
    tag_keys: [],
    version: 1,
  });
  expect(await remakeContacts(app.db)).toBe(0);

  // An older instance changes a contact after the work.
  await runAsAdmin(app, `update contacts set name = 'Eve', name_key = 'old Eve' where id = '${ada}'`);
  expect(await read(app, ada)).toMatchObject({ form: 0, search: ' old Eve  søn', folded: null });
  expect(await remakeContacts(app.db)).toBe(1);
  expect(await read(app, ada)).toMatchObject({ form: 2, search: ' eve  søn' });
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
        { name: 'Free', form: 2 },
      ]);
    } finally {
      await locking.rollback().execute();
    }
    expect(await remakeContacts(app.db)).toBe(1_100);
  });
}

test('A transaction makes as many contacts anew as fit into its time', async () => {
  await using app = await testApp({ isAlone: true });
  const transactions = async (locked: number) => {
    for (let n = 0; n < 60; n++) await insertOld(app, app.one.id, `Name ${n}`);
    await runAsAdmin(app, 'delete from contacts where form = 2');
    expect(await remakeContacts(app.db, undefined, locked)).toBe(60);
    const rows = await runAsAdmin(app, 'select count(distinct xmin::text)::int as count from contacts');
    return rows[0]?.count;
  };
  expect(await transactions(60_000)).toBe(2);
  expect(await transactions(0)).toBe(11);
});

test('A change of other fields leaves the form, and a change by this version leaves what it did not write in its form', async () => {
  await using app = await testApp({ isAlone: true });
  const made = await app.api(app.one.key, 'POST', '/api/contacts', { name: 'Ada', company: 'Søn' });
  const { id } = made.body.data;
  expect(await read(app, id)).toMatchObject({ form: 2, version: 1 });
  // An older instance writes a field that has no key, writes the same name, and deletes.
  const changes = [
    `custom_fields = '{"a": 1}'`,
    `name = 'Ada', name_key = 'ada'`,
    'deleted_at = now()',
    'deleted_at = null',
  ];
  for (const change of changes) {
    await runAsAdmin(app, `update contacts set ${change} where id = '${id}'`);
    expect((await read(app, id))?.form, change).toBe(2);
  }
  const old = await insertOld(app, app.one.id, 'Bea');
  await updateContact(asOperator(app.db, app.one.id), {
    organizationId: app.one.id,
    id: old,
    changes: { name: 'Cleo' },
  });
  // The company's key is still the older version's.
  expect(await read(app, old)).toMatchObject({ form: 0, search: ' cleo  old Søn', folded: null });
  expect(await remakeContacts(app.db)).toBe(1);
  expect(await read(app, old)).toMatchObject({ form: 2, search: ' cleo  søn', version: 2 });
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
  expect(await runAsAdmin(app, 'select id from contacts where form <> 2')).toEqual([]);
});

test('Each change by a version that does not fold marks a contact, and the contact is found by the older search meanwhile', async () => {
  await using app = await testApp({ isAlone: true });
  const { contacts } = app.trpc(app.one.key);
  const input = { name: 'Zoë', email: 'zoe@example.com', company: 'Søn', tags: ['Früh'], notes: 'Łódź' };
  const { id } = await contacts.create.mutate(input);
  await contacts.create.mutate({ name: 'Another' });
  const isFound = async (query: object) => (await contacts.list.query(query)).items.some((item) => item.id === id);
  const expectOlder = async () => {
    expect(await isFound({ search: 'zoë søn' })).toBe(true);
    expect(await isFound({ tag: 'Früh' })).toBe(true);
    for (const query of [{ search: 'zoe son' }, { search: 'łódź' }, { tag: 'FRÜH' }])
      expect(await isFound(query)).toBe(false);
  };
  const expectFolded = async () => {
    for (const query of [{ search: 'zoe son łódź' }, { search: 'lodz' }, { tag: 'FRÜH' }])
      expect(await isFound(query)).toBe(true);
  };
  await expectFolded();
  // A version that knows form 1 names form 1; the version before knows no form.
  const marks = [
    ...['phone', 'title', 'location', 'notes', 'name', 'company'].map(
      (column) => [`${column} = ${column} || ''`, 2] as const,
    ),
    ...[
      `title = 'Dr'`,
      `phone = '1'`,
      `linkedin_url = 'https://x'`,
      `location = 'L'`,
      `notes = 'Łódź '`,
      `tags = '{Früh,x}'`,
    ].map((set) => [set, 0] as const),
    [`title = 'Prof', form = -1`, 1] as const,
    [`folded = 'x'`, 0] as const,
  ];
  for (const [set, form] of marks) {
    await runAsAdmin(app, `update contacts set ${set} where id = '${id}'`);
    expect((await read(app, id))?.form, set).toBe(form);
    if (form === 2) continue;
    await expectOlder();
    expect(await remakeContacts(app.db)).toBe(1);
    await expectFolded();
  }
  const v1 = `(organization_id, id, name, name_key, form) values ('${app.one.id}', '${uuidv7()}', 'Ünal', 'ünal', 1)`;
  await runAsAdmin(app, `insert into contacts ${v1}`);
  expect((await contacts.list.query({ search: 'ünal' })).items).toHaveLength(1);
  expect(await remakeContacts(app.db)).toBe(1);
  expect((await contacts.list.query({ search: 'unal' })).items).toHaveLength(1);

  // This version changes and merges tags of contacts that are not folded yet.
  const tagged = async () => (await contacts.get.query({ id })).tags;
  const row = { name: 'Zoë', email: 'zoe@example.com' };
  for (const merge of [true, false]) {
    await runAsAdmin(app, `update contacts set tags = '{VIP,Other}' where id = '${id}'`);
    const { results } = await contacts.upsertMany.mutate({ contacts: [{ ...row, tags: ['vip', 'other'] }], merge });
    expect(results).toMatchObject([{ outcome: 'unchanged' }]);
    await contacts.upsertMany.mutate({ contacts: [{ ...row, tags: ['vip', 'New'] }], merge });
    expect(await tagged()).toEqual(merge ? ['VIP', 'Other', 'New'] : ['VIP', 'New']);
    expect(await remakeContacts(app.db)).toBe(1);
    expect(await isFound({ tag: 'vip', search: 'new' })).toBe(true);
  }
});

test('Folding the contacts of a database from before form 2 takes batches, and leaves versions and dates', async () => {
  await using app = await testApp({ isAlone: true });
  await runAsAdmin(
    app,
    `insert into contacts (organization_id, id, name, name_key, notes, tags, form)
      select '${app.one.id}', gen_random_uuid(), 'Zoë ' || n, 'zoë ' || n, 'Łódź', array['Früh, "x" \\', 'B'], 1 from generate_series(1, 1200) n`,
  );
  const dates = () => runAsAdmin(app, 'select id, version, updated_at::text, document from contacts order by id');
  const before = await dates();
  const stopped = new AbortController();
  stopped.abort();
  expect(await remakeContacts(app.db, stopped.signal)).toBe(0);
  expect(await remakeContacts(app.db)).toBe(1200);
  expect(await dates()).toEqual(before);
  expect(await runAsAdmin(app, 'select distinct form, tag_keys from contacts')).toEqual([
    { form: 2, tag_keys: ['früh, "x" \\', 'b'] },
  ]);
  const { items } = await app.trpc(app.one.key).contacts.list.query({ search: 'zoe lodz 1200', tag: 'b' });
  expect(items).toHaveLength(1);
});

test('What a later version has written is not made anew by this version, but marked where this version changes it', async () => {
  await using app = await testApp({ isAlone: true });
  const { id } = (await app.api(app.one.key, 'POST', '/api/contacts', { name: 'Ada' })).body.data;
  await runAsAdmin(app, `update contacts set name_key = 'later ada', form = 3 where id = '${id}'`);
  expect(await remakeContacts(app.db)).toBe(0);
  expect(await read(app, id)).toMatchObject({ form: 3, name_key: 'later ada' });
  await app.api(app.one.key, 'PATCH', `/api/contacts/${id}`, { name: 'Eve' });
  expect(await read(app, id)).toMatchObject({ form: 2, name_key: 'eve' });
});

test('The columns that the trigger keeps cannot be written past the trigger', async () => {
  await using app = await testApp();
  const { id } = (await app.api(app.one.key, 'POST', '/api/contacts', { name: 'Ada' })).body.data;
  const before = await read(app, id);
  await runAsAdmin(app, `update contacts set document = '{}', search = 'x' where id = '${id}'`);
  expect(await read(app, id)).toEqual(before);
});

test('Contacts in an older form are in the lists of every sort, company and tag, and no page loses a contact that is made anew', async () => {
  await using app = await testApp({ isAlone: true });
  const { contacts } = app.trpc(app.one.key);
  const tags = ['vip'];
  for (const name of ['Zoë', 'Åsa', 'bob']) await contacts.create.mutate({ name, company: 'Søn', tags });
  const names = ['Łukasz', 'Émile', 'ada', 'Zed', 'Ørsted'];
  for (const name of names) {
    const id = await insertOld(app, app.one.id, name);
    await runAsAdmin(app, `update contacts set company_key = 'søn', tags = '{vip}' where id = '${id}'`);
  }
  const conditions = [{}, { company: 'SØN' }, { tag: 'vip' }, { tags, company: 'søn' }, { createdSince: new Date(0) }];
  const readAll = async (query: object, between = async () => {}) => {
    const read: string[] = [];
    let cursor: string | null | undefined;
    do {
      const page = await contacts.list.query({ ...query, limit: 2, cursor });
      read.push(...page.items.map(({ name }) => name));
      cursor = page.nextCursor;
      await between();
    } while (cursor);
    return read;
  };
  const all = ['Zoë', 'Åsa', 'bob', ...names].sort();
  const check = async () => {
    for (const sort of ContactSort.options) {
      for (const asked of conditions) {
        expect((await readAll({ sort, ...asked })).sort(), JSON.stringify({ sort, ...asked })).toEqual(all);
        expect(await contacts.count.query(asked)).toEqual({ count: all.length, isExact: true });
      }
    }
  };
  await check();
  const read = await readAll({ sort: 'name' }, async () => {
    await remakeContacts(app.db);
  });
  expect([...new Set(read)].sort()).toEqual(all);
  expect(await runAsAdmin(app, 'select id from contacts where form < 2')).toEqual([]);
  await check();
  expect(await readAll({ sort: 'name' })).toEqual(['ada', 'Åsa', 'bob', 'Émile', 'Łukasz', 'Ørsted', 'Zed', 'Zoë']);
  expect(await readAll({ sort: 'name', company: 'son' })).toHaveLength(all.length);
});
