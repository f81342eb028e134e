import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { linkedinKey } from '../../shared/linkedin.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

type Row = Parameters<ReturnType<TestApp['trpc']>['contacts']['upsertMany']['mutate']>[0]['contacts'][number];

/** Creates contacts, upserts rows, and gives the rows' results and a function that reads a contact. */
async function prepare(app: TestApp, inputs: object[]) {
  const { contacts } = app.trpc(app.one.key);
  const ids: string[] = [];
  for (const input of inputs) ids.push((await contacts.create.mutate({ name: 'Ada', ...input })).id);
  return {
    contacts,
    ids,
    upsert: async (rows: Partial<Row>[], merge = false) => {
      const named = rows.map((row) => ({ ...row, name: row.name ?? 'Ada' }));
      return (await contacts.upsertMany.mutate({ contacts: named, merge })).results;
    },
    get: (id: string) => contacts.get.query({ id }),
  };
}

const LIVING = { email: 'a@example.com', otherEmails: ['b@example.com', 'c@example.com'] };

test('A row finds its contact by id, else by any of its emails among any of the contact’s, else by LinkedIn address', async () => {
  await using app = await testApp();
  const linkedinUrl = 'https://www.linkedin.com/in/ada/';
  const { ids, upsert, get } = await prepare(app, [LIVING, { linkedinUrl }]);
  const [ada = '', lin = ''] = ids;
  const rows: [Partial<Row>, string][] = [
    [{ email: 'A@example.com' }, ada],
    [{ email: ' B@example.com' }, ada],
    [{ email: 'a@example.com', otherEmails: ['C@example.com', 'b@example.com'] }, ada],
    [{ id: ada.toUpperCase() }, ada],
    [{ id: ada, email: 'a@example.com', linkedinUrl: 'https://www.linkedin.com/in/ada-l' }, ada],
    [{ linkedinUrl: 'http://de.linkedin.com/in/Ada?trk=x#top' }, lin],
    [{ email: 'lin@example.com', linkedinUrl: 'https://LinkedIn.com/in/ada' }, lin],
    // The email decides before the LinkedIn address.
    [{ email: 'b@example.com', linkedinUrl }, ada],
  ];
  for (const [row, id] of rows) {
    const [result] = await upsert([{ ...row, notes: JSON.stringify(row) }]);
    expect(result, JSON.stringify(row)).toMatchObject({ outcome: 'updated', id });
    expect((await get(id)).notes).toBe(JSON.stringify(row));
  }
  expect((await get(ada)).linkedinUrl).toBe(linkedinUrl);
  const [created] = await upsert([{ email: 'new@example.com', linkedinUrl: 'https://www.linkedin.com/in/eve' }]);
  expect(created?.outcome).toBe('created');
});

test('A row by another email leaves the email, unless the row gives the other emails', async () => {
  await using app = await testApp();
  const { ids, upsert, get } = await prepare(app, [LIVING]);
  const [id = ''] = ids;
  expect(await upsert([{ email: 'B@example.com' }])).toMatchObject([{ outcome: 'unchanged', id, version: 1 }]);
  await upsert([{ email: 'B@example.com', otherEmails: ['d@example.com', 'b@example.com'] }]);
  expect(await get(id)).toMatchObject({ email: 'B@example.com', otherEmails: ['d@example.com'], version: 2 });
  // The email as the row writes it.
  await upsert([{ email: 'b@example.com' }]);
  expect(await get(id)).toMatchObject({ email: 'b@example.com', otherEmails: ['d@example.com'], version: 3 });
  // By its id a contact gets another email; the former email is free.
  await upsert([{ id, email: 'd@example.com' }]);
  expect(await get(id)).toMatchObject({ email: 'd@example.com', otherEmails: [], version: 4 });
  expect(await upsert([{ email: 'b@example.com' }])).toMatchObject([{ outcome: 'created' }]);
  await upsert([{ id, email: null, otherEmails: ['x@example.com'], otherPhones: ['112'] }]);
  await upsert([{ id, otherPhones: null }]);
  expect(await get(id)).toMatchObject({ email: null, otherEmails: ['x@example.com'], otherPhones: [] });
});

test('With merge other emails and phones are added, and an email that another replaces is another email', async () => {
  await using app = await testApp();
  const { ids, upsert, get } = await prepare(app, [{ ...LIVING, phone: '020 7946 0958', otherPhones: ['112'] }]);
  const [id = ''] = ids;
  const merge = (...rows: Partial<Row>[]) => upsert(rows, true);
  const nothing = { email: 'b@example.com', otherEmails: null, otherPhones: null, phone: null };
  expect(await merge(nothing)).toMatchObject([{ outcome: 'unchanged', version: 1 }]);
  await merge({
    email: 'b@example.com',
    otherEmails: ['A@example.com', 'd@example.com'],
    otherPhones: ['113', '+44 20 7946 0958'],
  });
  expect(await get(id)).toMatchObject({
    email: 'a@example.com',
    otherEmails: ['b@example.com', 'c@example.com', 'd@example.com'],
    otherPhones: ['112', '113'],
    version: 2,
  });
  await merge({ id, email: 'e@example.com', phone: '113' });
  expect(await get(id)).toMatchObject({
    email: 'e@example.com',
    otherEmails: ['b@example.com', 'c@example.com', 'd@example.com', 'a@example.com'],
    phone: '113',
    otherPhones: ['112'],
  });
  for (const email of ['a@example.com', 'd@example.com', 'e@example.com']) {
    expect(await merge({ email }), email).toMatchObject([{ outcome: 'unchanged', id }]);
  }
  // What the contact and the row have together must fit.
  const many = Array.from({ length: 17 }, (_, n) => `m${n}@example.com`);
  const issues = [{ path: ['otherEmails'], message: 'Must be at most 20, with those that the contact has' }];
  const [failed, other] = await merge({ id, otherEmails: many }, { email: 'other@example.com' });
  expect(failed).toEqual({ index: 0, outcome: 'failed', error: 'Invalid request', issues });
  expect(other?.outcome).toBe('created');
  expect(await merge({ id, otherEmails: many.slice(1) })).toMatchObject([{ outcome: 'updated' }]);
  const { otherEmails } = await get(id);
  expect(otherEmails).toHaveLength(20);
});

test('A row that fits several contacts, or whose id is nobody’s, fails alone', async () => {
  await using app = await testApp();
  const linkedinUrl = 'https://www.linkedin.com/in/two';
  const { contacts, ids, upsert } = await prepare(app, [
    LIVING,
    { email: 'e@example.com', linkedinUrl },
    { linkedinUrl },
    { email: 'gone@example.com' },
  ]);
  const [ada = '', eve = '', two = '', gone = ''] = ids;
  const { deletedAt } = await contacts.delete.mutate({ id: gone });
  const several = (path: string, ...some: string[]) => ({
    error: 'The row fits several contacts: see details.ids',
    issues: [{ path: [path], message: 'The row fits several contacts: see details.ids' }],
    details: { ids: expect.toSatisfy((given: string[]) => String(given.toSorted()) === String(some.toSorted())) },
  });
  const unknown = 'There is no contact with this id';
  const deleted = 'The contact is deleted: restore it first';
  const rows: [Partial<Row>, object][] = [
    [{ email: 'b@example.com', otherEmails: ['e@example.com'] }, several('email', ada, eve)],
    [{ id: two, email: 'c@example.com' }, several('email', ada, two)],
    [{ linkedinUrl }, several('linkedinUrl', eve, two)],
    [{ id: uuidv7() }, { error: unknown, issues: [{ path: ['id'], message: unknown }] }],
    [{ id: gone }, { error: deleted, issues: [{ path: ['id'], message: deleted }], details: { deletedAt } }],
  ];
  const results = await upsert([...rows.map(([row]) => row), { email: 'fine@example.com' }]);
  expect(results.pop()).toMatchObject({ index: 5, outcome: 'created' });
  expect(results).toEqual(rows.map(([, failure], index) => ({ index, outcome: 'failed', ...failure })));
  expect((await contacts.get.query({ id: ada })).version).toBe(1);
  const over = await app.api(app.one.key, 'POST', '/api/contacts/batch', [{ name: 'Ada', id: gone }]);
  expect(over.body.data.results[0].details).toEqual({ deletedAt: deletedAt?.toISOString() });
  const bad = await app.api(app.one.key, 'POST', '/api/contacts/batch', [{ name: 'Ada', id: 'x' }]);
  expect(bad.body.data.results[0].issues).toEqual([{ path: ['id'], message: 'Not a UUID' }]);
});

test('The id of another organization’s contact refuses the whole call', async () => {
  await using app = await testApp();
  const theirs = await app.trpc(app.other.key).contacts.create.mutate({ name: 'Theirs' });
  const { contacts } = app.trpc(app.one.key);
  const rows = [
    { name: 'Ada', email: 'a@example.com' },
    { name: 'Taken', id: theirs.id },
  ];
  await expect(contacts.upsertMany.mutate({ contacts: rows })).rejects.toMatchObject({ data: { httpStatus: 403 } });
  expect((await contacts.list.query()).items).toEqual([]);
  expect(await app.trpc(app.other.key).contacts.get.query({ id: theirs.id })).toEqual(theirs);
});

test('Rows of one contact take effect in their order, by whatever they name the contact', async () => {
  await using app = await testApp();
  const linkedinUrl = 'https://www.linkedin.com/in/ada';
  const { ids, upsert, get, contacts } = await prepare(app, [LIVING]);
  const [id = ''] = ids;
  const results = await upsert([
    { id, email: 'x@example.com', notes: '1' },
    // The first row has set this email free, and has kept that email.
    { email: 'a@example.com', linkedinUrl, notes: '2' },
    { email: 'B@example.com', notes: '3' },
    { linkedinUrl: `${linkedinUrl}/`, notes: '4', otherEmails: ['y@example.com'] },
    { email: 'y@example.com', notes: '5' },
    { id, notes: '6' },
  ]);
  const [, second] = results as { id: string }[];
  expect(results).toMatchObject(
    [
      { index: 0, outcome: 'updated', id, version: 2 },
      { index: 2, outcome: 'updated', id, version: 3 },
      { index: 1, outcome: 'created', version: 1 },
      { index: 5, outcome: 'updated', id, version: 4 },
      { index: 3, outcome: 'updated', version: 2 },
      { index: 4, outcome: 'updated', version: 3 },
    ].sort((a, b) => a.index - b.index),
  );
  expect(await get(id)).toMatchObject({
    email: 'x@example.com',
    otherEmails: ['b@example.com', 'c@example.com'],
    notes: '6',
  });
  expect(await get(second?.id ?? '')).toMatchObject({
    email: 'a@example.com',
    otherEmails: ['y@example.com'],
    notes: '5',
  });
  expect((await contacts.list.query()).items).toHaveLength(2);
});

test('An unchanged row takes no version, whatever it names the contact by and whatever keys the contact lacks', async () => {
  await using app = await testApp();
  const linkedinUrl = 'https://www.linkedin.com/in/ada';
  const fields = { ...LIVING, phone: '112', otherPhones: ['113'], linkedinUrl, tags: ['x'] };
  const { ids, upsert } = await prepare(app, [fields]);
  const [id = ''] = ids;
  const unchanged = [{ index: 0, outcome: 'unchanged', id, version: 1 }];
  const rows: Partial<Row>[] = [
    fields,
    { ...fields, id },
    { linkedinUrl },
    { id },
    { otherEmails: fields.otherEmails },
  ];
  for (const merge of [false, true]) for (const row of rows) expect(await upsert([row], merge)).toEqual(unchanged);
  await runAsAdmin(app, `update contacts set form = 0 where id = '${id}'`);
  for (const merge of [false, true])
    for (const row of [fields, { id }]) expect(await upsert([row], merge)).toEqual(unchanged);
});

test('A merge that would make more than 100 tags fails, and the contact can be sent back', async () => {
  await using app = await testApp();
  const tags = Array.from({ length: 100 }, (_, index) => `Tag ${index}`);
  const { contacts, ids, upsert, get } = await prepare(app, [{ ...LIVING, tags }, { email: 'z@example.com' }]);
  const [id = '', other = ''] = ids;
  const issues = [{ path: ['tags'], message: 'Must be at most 100, with those that the contact has' }];
  const { email } = LIVING;
  expect(
    await upsert(
      [
        { email, tags: ['more'] },
        { id: other, tags },
      ],
      true,
    ),
  ).toMatchObject([
    { index: 0, outcome: 'failed', issues },
    { index: 1, outcome: 'updated' },
  ]);
  expect(await upsert([{ email, tags: ['TAG 7'] }], true)).toMatchObject([{ outcome: 'unchanged' }]);
  expect(await upsert([{ email, tags: ['more'] }])).toMatchObject([{ outcome: 'updated' }]);
  await contacts.update.mutate({ id, tags });
  const kept = await get(id);
  expect(await contacts.update.mutate(kept)).toEqual(kept);
  // A contact that has more from before may be changed in other fields.
  await runAsAdmin(app, `update contacts set tags = tags || '{more}'::text[] where id = '${id}'`);
  expect(await upsert([{ email, tags: ['more'], title: 'Dr' }], true)).toMatchObject([{ outcome: 'updated' }]);
});

test('A LinkedIn address is compared without scheme, host prefix, case, query, fragment and last slash', () => {
  const same = [
    'https://www.linkedin.com/in/ada',
    'http://linkedin.com/in/ada/',
    'https://de.linkedin.com/in/ADA?locale=de_DE#about',
    'https://m.linkedin.com/in/ada//',
    'https://WWW.LinkedIn.com/in/%61da',
    'https://www.linkedin.com/in/ada/details/skills/',
  ];
  expect(new Set(same.map(linkedinKey))).toEqual(new Set(['in/ada']));
  expect(linkedinKey('https://www.linkedin.com/in/zoë')).toBe(linkedinKey('https://www.linkedin.com/in/ZO%C3%8B'));
  expect(linkedinKey('https://www.linkedin.com/pub/ada/1/2/3')).toBe('pub/ada/1/2/3');
  expect(linkedinKey('https://www.linkedin.com/in/100%')).toBe('in/100%');
  for (const url of [
    'https://www.linkedin.com/',
    'https://www.linkedin.com/in/',
    'https://www.linkedin.com/company/acme',
    'https://notlinkedin.com/in/ada',
    'https://linkedin.com.example.org/in/ada',
    'https://example.org/in/ada',
    // PostgreSQL keeps no NUL, and an index no long text.
    'https://www.linkedin.com/in/a%00b',
    `https://www.linkedin.com/in/${'李'.repeat(2_000)}`,
    `https://www.linkedin.com/pub/ada/${'1'.repeat(500)}`,
  ]) {
    expect(linkedinKey(url), url).toBeNull();
  }
});
