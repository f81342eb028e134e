import { expect, test } from 'vitest';
import { testApp } from '../helpers/testApp.ts';

const refused = (httpStatus: number, more = {}) => ({ data: { httpStatus, ...more } });

test('A row is created, updated or unchanged by its email, in the order of the request', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const same = await contacts.create.mutate({ name: 'Same', email: 'same@example.com' });
  const old = await contacts.create.mutate({ name: 'Old', email: 'Old@Example.com' });
  const { results } = await contacts.upsertMany.mutate({
    contacts: [
      { name: 'New one', email: 'new@example.com', tags: ['x'] },
      { name: 'Older', email: ' OLD@example.com' },
      { name: 'Same', email: 'same@example.com' },
      { name: 'No email' },
      { name: 'New two', email: 'two@example.com', company: 'Acme' },
    ],
  });
  const id = expect.stringMatching(/^[0-9a-f-]{36}$/);
  expect(results).toEqual([
    { index: 0, outcome: 'created', id, version: 1 },
    { index: 1, outcome: 'updated', id: old.id, version: 2 },
    { index: 2, outcome: 'unchanged', id: same.id, version: 1 },
    { index: 3, outcome: 'created', id, version: 1 },
    { index: 4, outcome: 'created', id, version: 1 },
  ]);
  const listed = await contacts.list.query();
  expect(listed.items.map(({ name }) => name)).toEqual(['New two', 'No email', 'New one', 'Older', 'Same']);
  expect(await contacts.get.query({ id: old.id })).toMatchObject({ name: 'Older', email: ' OLD@example.com' });
});

test('A field that a row leaves out stays as it is; null empties it', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const made = await contacts.create.mutate({
    name: 'Ada',
    email: 'ada@example.com',
    company: 'Acme',
    notes: 'keep',
    tags: ['keep'],
    customFields: { keep: true },
  });
  await contacts.upsertMany.mutate({ contacts: [{ name: 'Ada L.', email: 'ada@example.com', company: null }] });
  const changed = await contacts.get.query({ id: made.id });
  expect(changed).toEqual({ ...made, name: 'Ada L.', company: null, updatedAt: changed.updatedAt, version: 2 });
});

test('An unchanged row leaves version and updatedAt alone', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const rows = [
    { name: 'Ada', email: 'ada@example.com', tags: ['a'], customFields: { b: 1, a: [null, 'x'] } },
    { name: 'Bob', email: 'bob@example.com', phone: null },
  ];
  const first = await contacts.upsertMany.mutate({ contacts: rows });
  const before = await contacts.list.query();
  await new Promise((resolve) => setTimeout(resolve, 5));
  const again = await contacts.upsertMany.mutate({ contacts: rows });
  expect(again.results).toEqual(first.results.map((result) => ({ ...result, outcome: 'unchanged' })));
  expect(await contacts.list.query()).toEqual(before);
});

test('A bad row fails alone, with its issues, and the others are written', async () => {
  await using app = await testApp();
  const contacts: unknown[] = [
    { name: 'Good', email: 'good@example.com' },
    { email: 'nameless@example.com' },
    { name: 'Bad email', email: 'nowhere' },
    { name: 'Unknown field', nickname: 'x' },
    null,
    'Ada',
    [],
    { name: 'a\0b' },
    { name: 'Also good' },
  ];
  const answer = await app.api(app.one.key, 'POST', '/api/contacts/batch', { contacts });
  expect(answer.status).toBe(200);
  const { results } = answer.body.data;
  expect(results.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
    'created',
    ...Array.from({ length: 7 }, () => 'failed'),
    'created',
  ]);
  expect(results[1]).toEqual({
    index: 1,
    outcome: 'failed',
    error: 'Invalid request',
    issues: [{ path: ['name'], message: expect.any(String) }],
  });
  expect(results[2].issues).toEqual([{ path: ['email'], message: 'Not an email address' }]);
  for (const result of results.slice(1, 8)) expect(result.issues.length).toBeGreaterThan(0);
  const listed = await app.trpc(app.one.key).contacts.list.query();
  expect(listed.items.map(({ name }) => name)).toEqual(['Also good', 'Good']);
});

test('A call has 1 to 100 rows, or writes nothing', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const rows = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `Row ${i}`, email: `r${i}@x.org` }));
  for (const count of [0, 101]) {
    await expect(contacts.upsertMany.mutate({ contacts: rows(count) })).rejects.toMatchObject(
      refused(400, { details: { issues: [{ path: ['contacts'], message: expect.any(String) }] } }),
    );
  }
  expect((await contacts.list.query()).items).toEqual([]);
  const { results } = await contacts.upsertMany.mutate({ contacts: rows(100) });
  expect(results.map(({ index, outcome }) => [index, outcome])).toEqual(rows(100).map((_, i) => [i, 'created']));
});

test('Of two rows with one email the later writes upon the earlier', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const { results } = await contacts.upsertMany.mutate({
    contacts: [
      { name: 'First', email: 'one@example.com', company: 'Acme' },
      { name: 'Between', email: 'between@example.com' },
      { name: 'Second', email: 'ONE@example.com ', notes: 'later' },
      { name: 'Second', email: 'ONE@example.com ' },
    ],
  });
  expect(results.map(({ outcome }) => outcome)).toEqual(['created', 'created', 'updated', 'unchanged']);
  const [first, , third, fourth] = results as { id: string; version: number }[];
  expect([third?.id, fourth?.id, fourth?.version]).toEqual([first?.id, first?.id, 2]);
  expect(await contacts.get.query({ id: first!.id })).toMatchObject({
    name: 'Second',
    email: 'ONE@example.com ',
    company: 'Acme',
    notes: 'later',
    version: 2,
  });
  expect((await contacts.list.query()).items).toHaveLength(2);
});

test('Rows without an email match nothing', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const rows = [{ name: 'Same' }, { name: 'Same' }, { name: 'Same', email: null }];
  for (const count of [3, 6]) {
    const { results } = await contacts.upsertMany.mutate({ contacts: rows });
    expect(results.map(({ outcome }) => outcome)).toEqual(['created', 'created', 'created']);
    expect((await contacts.list.query()).items).toHaveLength(count);
  }
});

test('A deleted contact is not matched: its email makes a new one', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const row = { name: 'Ada', email: 'ada@example.com' };
  const { id } = await contacts.create.mutate(row);
  await contacts.delete.mutate({ id });
  const { results } = await contacts.upsertMany.mutate({ contacts: [row] });
  expect(results[0]).toMatchObject({ outcome: 'created', version: 1 });
  await expect(contacts.get.query({ id })).rejects.toMatchObject(refused(404));
});

test('Another organization’s contact of the same email is not touched', async () => {
  await using app = await testApp();
  const row = { name: 'Ada', email: 'ada@example.com' };
  const theirs = await app.trpc(app.other.key).contacts.create.mutate({ ...row, name: 'Theirs' });
  const { results } = await app.trpc(app.one.key).contacts.upsertMany.mutate({ contacts: [row] });
  expect(results[0]?.outcome).toBe('created');
  expect(await app.trpc(app.other.key).contacts.list.query()).toEqual({ items: [theirs], nextCursor: null });
});

test('Over REST the rows are an object’s contacts, or the body itself', async () => {
  await using app = await testApp();
  const row = { name: 'Ada', email: 'ada@example.com' };
  const outcomes = [];
  for (const body of [{ contacts: [row] }, [row], { contacts: [{ ...row, name: 'Augusta' }] }]) {
    const answer = await app.api(app.one.key, 'POST', '/api/contacts/batch', body);
    expect(answer.status).toBe(200);
    outcomes.push(answer.body.data.results[0].outcome);
  }
  expect(outcomes).toEqual(['created', 'unchanged', 'updated']);
  for (const body of [[], {}, { contacts: {} }, { contacts: [row], more: 1 }]) {
    expect((await app.api(app.one.key, 'POST', '/api/contacts/batch', body)).status).toBe(400);
  }
});
