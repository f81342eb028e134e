import { expect, test } from 'vitest';
import { testApp } from '../helpers/testApp.ts';

const refused = (httpStatus: number, more = {}) => ({ data: { httpStatus, ...more } });

const ADA = {
  name: 'Ada Lovelace, Countess 👩🏽‍💻',
  email: 'Ada@Example.com',
  phone: '+44 20 7946 0958 ext. “1”',
  otherEmails: ['ada@LOVELACE.example', ' countess@example.com '],
  otherPhones: ['020 7946 0958', '+1 (415) 555-2671, mornings'],
  company: 'Δέλτα & Søn <b>',
  title: "'; drop table contacts; --",
  location: '東京',
  linkedinUrl: 'https://www.linkedin.com/in/ada?x=1&y=ü',
  notes: 'Line one\nline two \\ "quoted" {braces} {} NULL',
  tags: ['friend', 'a,b', '"quoted"', 'back\\slash', 'NULL', '{}', 'ünï', '🙂'],
  customFields: {
    score: 1.5,
    big: 1e300,
    tiny: 5e-324,
    negative: -12,
    yes: true,
    text: 'ü"\\\n',
    list: [1, [2, { three: [] }]],
    'a.b\\c': { '': 'empty key', constructor: 'kept', toString: 1 },
    createdAt: '2026-01-01T00:00:00.000Z',
  },
};

const NOTHING_ELSE = {
  email: null,
  phone: null,
  otherEmails: [],
  otherPhones: [],
  company: null,
  title: null,
  location: null,
  linkedinUrl: null,
  notes: null,
  tags: [],
  customFields: {},
  deletedAt: null,
  version: 1,
};

test('Every field comes back as it was written, over both doors', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const made = await contacts.create.mutate(ADA);
  const expected = {
    ...ADA,
    id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    organizationId: app.one.id,
    createdAt: expect.any(Date),
    updatedAt: made.createdAt,
    deletedAt: null,
    version: 1,
  };
  expect(made).toEqual(expected);
  expect(await contacts.get.query({ id: made.id })).toEqual(made);
  expect((await contacts.list.query()).items).toEqual([made]);
  const json = JSON.parse(JSON.stringify(made));
  expect((await app.api(app.one.key, 'GET', `/api/contacts/${made.id}`)).body.data).toEqual(json);
  expect((await app.api(app.one.key, 'GET', '/api/contacts')).body.data).toEqual([json]);
  expect(
    (await app.api(app.one.key, 'POST', '/api/contacts', { ...ADA, email: null, otherEmails: null })).body.data,
  ).toMatchObject({
    ...ADA,
    email: null,
    otherEmails: [],
  });
});

test('Only a name is required; null says the same as leaving a field out', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  expect(await contacts.create.mutate({ name: ' Bob ' })).toMatchObject({ name: 'Bob', ...NOTHING_ELSE });
  const { email, phone, company, title, location, linkedinUrl, notes } = NOTHING_ELSE;
  const nulls = { email, phone, company, title, location, linkedinUrl, notes };
  expect(await contacts.create.mutate({ name: 'Bob', ...nulls })).toMatchObject({ name: 'Bob', ...NOTHING_ELSE });
  for (const body of [{}, { email: 'bob@example.com' }, { name: '' }, { name: '  ' }, { name: null }]) {
    const answer = await app.api(app.one.key, 'POST', '/api/contacts', body);
    expect([answer.status, answer.body.details.issues[0].path], JSON.stringify(body)).toEqual([400, ['name']]);
  }
});

test('Input of the wrong form is refused with the field, and nothing is written', async () => {
  await using app = await testApp();
  const made = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Bob', notes: 'as it was' });
  for (const [field, value] of [
    ['name', 'a'.repeat(501)],
    ['email', 'not an address'],
    ['email', '@'],
    ['email', 'a@b@c'],
    ['email', `${'a'.repeat(320)}@example.com`],
    ['phone', 'a'.repeat(101)],
    ['linkedinUrl', 'javascript:alert(1)'],
    ['linkedinUrl', 'linkedin.com/in/bob'],
    ['notes', 'a'.repeat(50_001)],
    ['tags', ['']],
    ['tags', 'friend'],
    ['tags', Array.from({ length: 101 }, (_, index) => `tag ${index}`)],
    ['customFields', []],
    ['customFields', { long: 'a'.repeat(70_000) }],
    ['version', 7],
    ['nickname', 'Bobby'],
  ] as const) {
    const create = await app.api(app.one.key, 'POST', '/api/contacts', { name: 'Bad', [field]: value });
    const update = await app.api(app.one.key, 'PATCH', `/api/contacts/${made.id}`, { notes: 'new', [field]: value });
    for (const { status, body } of [create, update]) {
      expect([status, body.error], `${field} ${JSON.stringify(value).slice(0, 40)}`).toEqual([400, 'Invalid request']);
      expect(JSON.stringify(body.details.issues)).toContain(field);
    }
  }
  expect((await app.trpc(app.one.key).contacts.list.query()).items).toEqual([made]);
});

test('An email is stored as written, and taken however it is written', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const written = '  Zoë.BRONTË@Example.COM ';
  const made = await contacts.create.mutate({ name: 'Zoë', email: written });
  expect(made.email).toBe(written);
  const decomposed = 'zoe\u0308.bronte\u0308@example.com';
  for (const email of [written, 'zoë.brontë@example.com', decomposed, ` ${decomposed.toUpperCase()}\n`]) {
    await expect(contacts.create.mutate({ name: 'Again', email }), email).rejects.toMatchObject(
      refused(409, { code: 'CONFLICT', details: { existingId: made.id } }),
    );
    expect((await contacts.list.query({ email })).items).toEqual([made]);
  }
  // An address without the accents is another address. Contacts of another organization do not clash.
  await contacts.create.mutate({ name: 'Zoe', email: 'zoe.bronte@example.com' });
  await app.trpc(app.other.key).contacts.create.mutate({ name: 'Zoë', email: written });
});

test('An email taken is 409 with the id of its contact, on create, update and restore', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const first = await contacts.create.mutate({ name: 'First', email: 'taken@example.com' });
  const second = await contacts.create.mutate({ name: 'Second', email: 'second@example.com' });
  const taken = refused(409, { details: { existingId: first.id } });
  await expect(contacts.create.mutate({ name: 'Third', email: 'Taken@example.com' })).rejects.toMatchObject(taken);
  await expect(contacts.update.mutate({ id: second.id, email: 'TAKEN@example.com' })).rejects.toMatchObject(taken);
  expect(await contacts.get.query({ id: second.id })).toEqual(second);

  await contacts.delete.mutate({ id: second.id });
  await contacts.update.mutate({ id: first.id, email: 'second@example.com' });
  const answer = await app.api(app.one.key, 'POST', `/api/contacts/${second.id}/restore`);
  expect([answer.status, answer.body.details]).toEqual([409, { existingId: first.id }]);
  await contacts.update.mutate({ id: first.id, email: null });
  expect(await contacts.restore.mutate({ id: second.id })).toMatchObject({ email: 'second@example.com', version: 3 });
  expect(await contacts.update.mutate({ id: second.id, email: 'SECOND@example.com' })).toMatchObject({
    email: 'SECOND@example.com',
    version: 4,
  });
});

test('The email of a deleted contact is free', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const ids: string[] = [];
  for (const name of ['one', 'two', 'three']) {
    const { id } = await contacts.create.mutate({ name, email: 'again@example.com' });
    ids.unshift(id);
    await contacts.delete.mutate({ id });
  }
  const all = await contacts.list.query({ email: 'again@example.com', includeDeleted: true });
  expect(all.items.map(({ id }) => id)).toEqual(ids);
  expect((await contacts.list.query({ email: 'again@example.com' })).items).toEqual([]);
});

test('An update writes the fields it has and leaves the others; null empties one', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const made = await contacts.create.mutate(ADA);
  const changed = await contacts.update.mutate({ id: made.id, notes: null, tags: [], customFields: { too: 'this' } });
  expect(changed).toEqual({
    ...made,
    notes: null,
    tags: [],
    customFields: { ...ADA.customFields, too: 'this' },
    updatedAt: changed.updatedAt,
    version: 2,
  });
  expect(changed.updatedAt.getTime()).toBeGreaterThanOrEqual(made.updatedAt.getTime());
  expect(await contacts.get.query({ id: made.id })).toEqual(changed);
});

test('A version grows by one with each change, and not without one', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const made = await contacts.create.mutate(ADA);
  const { id } = made;
  // An update with the same values changes nothing, even where a JSON object has its keys in another order.
  const same = { ...ADA, customFields: Object.fromEntries(Object.entries(ADA.customFields).reverse()) };
  expect(await contacts.update.mutate({ id, ...same })).toEqual(made);
  expect(await contacts.update.mutate({ id })).toEqual(made);
  expect(await contacts.restore.mutate({ id })).toEqual(made);
  const { name: _, ...fields } = ADA;
  let version = 1;
  for (const field of Object.keys(fields)) {
    const value =
      field === 'tags' ? ['x'] : field === 'customFields' ? { yes: null } : field === 'email' ? 'new@x.org' : null;
    const changed = await contacts.update.mutate({ id, [field]: value });
    expect(changed.version, field).toBe(++version);
    expect(await contacts.update.mutate({ id, [field]: value })).toEqual(changed);
  }
  expect((await contacts.update.mutate({ id, name: 'Augusta' })).version).toBe(++version);
  // The new address differs from the old address only in capital letters, and still makes a new version.
  expect((await contacts.update.mutate({ id, email: 'NEW@x.org' })).version).toBe(++version);
  expect((await contacts.delete.mutate({ id })).version).toBe(++version);
  expect((await contacts.restore.mutate({ id })).version).toBe(++version);
});

test('Tags are trimmed and each is kept once, in the case in which the tag came first', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const made = await contacts.create.mutate({ name: 'Tagged', tags: [' b ', 'a', 'b', 'B'] });
  expect(made.tags).toEqual(['b', 'a']);
});

test('Deleting is soft, and done twice is done once', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const made = await contacts.create.mutate(ADA);
  const { id } = made;
  const deleted = await contacts.delete.mutate({ id });
  expect(deleted).toEqual({ ...made, deletedAt: expect.any(Date), updatedAt: deleted.updatedAt, version: 2 });
  expect(await contacts.delete.mutate({ id })).toEqual(deleted);
  await expect(contacts.get.query({ id })).rejects.toMatchObject(refused(404));
  await expect(contacts.update.mutate({ id, name: 'x' })).rejects.toMatchObject(refused(404));
  expect((await contacts.list.query()).items).toEqual([]);
  expect((await contacts.list.query({ includeDeleted: true })).items).toEqual([deleted]);
  for (const filter of [{ search: 'ada' }, { tag: 'friend' }, { email: ADA.email }, { updatedSince: new Date(0) }]) {
    expect((await contacts.list.query(filter)).items).toEqual([]);
    expect((await contacts.list.query({ ...filter, includeDeleted: true })).items).toEqual([deleted]);
  }
  const restored = await contacts.restore.mutate({ id });
  expect(restored).toEqual({ ...made, updatedAt: restored.updatedAt, version: 3 });
  expect((await contacts.list.query()).items).toEqual([restored]);
});
