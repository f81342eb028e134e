import { expect, test } from 'vitest';
import { encodeCursor } from '../../shared/paging.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const refused = (httpStatus: number, more = {}) => ({ data: { httpStatus, ...more } });

/** Makes `count` contacts, and gives their ids, newest first. */
async function addContacts(app: TestApp, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let from = 0; from < count; from += 100) {
    const contacts = Array.from({ length: Math.min(100, count - from) }, (_, i) => ({ name: `Contact ${from + i}` }));
    const { results } = await app.trpc(app.one.key).contacts.upsertMany.mutate({ contacts });
    for (const result of results) if (result.outcome === 'created') ids.unshift(result.id);
  }
  return ids;
}

test('An empty list is one page', async () => {
  await using app = await testApp();
  expect(await app.trpc(app.one.key).contacts.list.query()).toEqual({ items: [], nextCursor: null });
  const { body } = await app.api(app.one.key, 'GET', '/api/contacts');
  expect(body).toEqual({ success: true, data: [], nextCursor: null });
  for (const filter of [{ search: 'x' }, { tag: 'x' }, { email: 'x@y.z' }, { updatedSince: new Date(0) }]) {
    expect(await app.trpc(app.one.key).contacts.list.query(filter)).toEqual({ items: [], nextCursor: null });
  }
});

test('A page has 50 contacts unless told, 200 at most', async () => {
  await using app = await testApp();
  const ids = await addContacts(app, 201);
  const { contacts } = app.trpc(app.one.key);
  for (const [limit, length] of [
    [undefined, 50],
    [1, 1],
    [200, 200],
  ] as const) {
    const page = await contacts.list.query(limit === undefined ? undefined : { limit });
    expect(page.items.map(({ id }) => id)).toEqual(ids.slice(0, length));
    expect(page.nextCursor).toEqual(expect.any(String));
    const { body } = await app.api(app.one.key, 'GET', `/api/contacts${limit ? `?limit=${limit}` : ''}`);
    expect([body.data.length, body.nextCursor]).toEqual([length, page.nextCursor]);
  }
  for (const limit of [0, -1, 201, 1.5, 1e300]) {
    await expect(contacts.list.query({ limit }), `${limit}`).rejects.toMatchObject(refused(400));
    expect((await app.api(app.one.key, 'GET', `/api/contacts?limit=${limit}`)).status).toBe(400);
  }
  for (const limit of ['', 'ten', '0x10', '1e1', '5;', '٣', '10&limit=10', '99999999999999999999']) {
    const answer = await app.api(app.one.key, 'GET', `/api/contacts?limit=${limit}`);
    expect([answer.status, answer.body.details.issues[0].path], limit).toEqual([400, ['limit']]);
  }
});

test('nextCursor is null on the last page and on no other, also of a full one', async () => {
  await using app = await testApp();
  const ids = await addContacts(app, 6);
  const { contacts } = app.trpc(app.one.key);
  for (const filter of [{}, { search: 'contact' }, { updatedSince: new Date(0) }, { includeDeleted: true }]) {
    for (const limit of [1, 2, 3, 4, 5, 6, 7]) {
      const pages: string[][] = [];
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page = await contacts.list.query({ ...filter, limit, ...(cursor && { cursor }) });
        pages.push(page.items.map(({ id }) => id));
        cursor = page.nextCursor;
      }
      expect(pages.flat()).toEqual(ids);
      expect(pages, `${JSON.stringify(filter)} by ${limit}`).toHaveLength(Math.ceil(6 / limit));
    }
  }
});

test('A cursor is opaque: it shows no id, and what is none is refused', async () => {
  await using app = await testApp();
  const ids = await addContacts(app, 2);
  const { nextCursor } = await app.trpc(app.one.key).contacts.list.query({ limit: 1 });
  expect(nextCursor).toMatch(/^[\w-]+$/);
  const garbage = [
    '',
    'x',
    ids[1]!,
    `${nextCursor}=`,
    `${nextCursor}A`,
    'A'.repeat(64),
    'A'.repeat(10_000),
    '🙂',
    '%00',
  ];
  // A text of 16 bytes that are not a UUID.
  garbage.push(Buffer.alloc(16, 0xab).toString('base64url'), 'null', '../..', "' or 1=1");
  for (const cursor of garbage) {
    const answer = await app.api(app.one.key, 'GET', `/api/contacts?cursor=${encodeURIComponent(cursor)}`);
    expect([answer.status, answer.body.details?.issues[0].path], cursor).toEqual([400, ['cursor']]);
    await expect(app.trpc(app.one.key).contacts.list.query({ cursor })).rejects.toMatchObject(refused(400));
  }
});

test('Another organization’s cursor shows nothing of theirs', async () => {
  await using app = await testApp();
  const [newest, older] = await addContacts(app, 2);
  const theirs = await app.trpc(app.other.key).contacts.create.mutate({ name: 'Theirs' });
  const page = await app.trpc(app.one.key).contacts.list.query({ cursor: encodeCursor(theirs.id) });
  expect(page.items.map(({ id }) => id)).toEqual([newest, older]);
});

test('No contact comes twice or is left out while others are added, changed and deleted', async () => {
  await using app = await testApp();
  const ids = await addContacts(app, 30);
  const { contacts } = app.trpc(app.one.key);
  for (const filter of [{}, { search: 'contact' }]) {
    const seen: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await contacts.list.query({ ...filter, limit: 4, ...(cursor && { cursor }) });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
      await contacts.create.mutate({ name: 'Contact, a new one' });
      await contacts.update.mutate({ id: seen[0]!, notes: `read ${seen.length}` });
    }
    expect(seen.filter((id) => ids.includes(id))).toEqual(ids);
    expect(new Set(seen).size).toBe(seen.length);
  }
});

test('A page begins with the next contact where its first one was deleted meanwhile', async () => {
  await using app = await testApp();
  const ids = await addContacts(app, 6);
  const { contacts } = app.trpc(app.one.key);
  const { nextCursor } = await contacts.list.query({ limit: 2 });
  await contacts.delete.mutate({ id: ids[2]! });
  for (const filter of [{}, { search: 'contact' }]) {
    const page = await contacts.list.query({ ...filter, limit: 2, cursor: nextCursor! });
    expect(page.items.map(({ id }) => id)).toEqual([ids[3], ids[4]]);
  }
});

test('updatedSince is a Date over tRPC and ISO 8601 over REST', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const { id } = await contacts.create.mutate({ name: 'Old' });
  await new Promise((resolve) => setTimeout(resolve, 5));
  const { updatedAt } = await contacts.create.mutate({ name: 'New' });
  const found = async (since: string) => {
    const answer = await app.api(app.one.key, 'GET', `/api/contacts?updatedSince=${encodeURIComponent(since)}`);
    return answer.status === 200 ? answer.body.data.map(({ name }: { name: string }) => name) : answer.status;
  };
  const iso = updatedAt.toISOString();
  const inIndia = `${new Date(updatedAt.getTime() + 19_800_000).toISOString().slice(0, -1)}+05:30`;
  expect(await found(iso)).toEqual(['New']);
  expect(await found(inIndia)).toEqual(['New']);
  expect(await found(new Date(updatedAt.getTime() + 1).toISOString())).toEqual([]);
  expect(await found('0001-01-01T00:00:00Z')).toEqual(['New', 'Old']);
  expect(await found('9999-12-31T23:59:59.999Z')).toEqual([]);
  expect((await contacts.list.query({ updatedSince: updatedAt })).items.map(({ name }) => name)).toEqual(['New']);
  expect((await contacts.list.query({ updatedSince: iso })).items).toHaveLength(1);
  for (const since of [
    '',
    'yesterday',
    '2026-01-01',
    '2026-13-01T00:00:00Z',
    '1767225600000',
    '0000-01-01T00:00:00Z',
  ]) {
    expect(await found(since), since).toBe(400);
  }
  for (const year of [-1, 10_000, 275_760]) {
    const updatedSince = new Date(Date.UTC(year, 0, 1));
    await expect(contacts.list.query({ updatedSince })).rejects.toMatchObject(refused(400));
  }
  await contacts.update.mutate({ id, notes: 'changed' });
  expect(await found(iso)).toEqual(['New', 'Old']);
});

test('includeDeleted is true or false, and false unless told', async () => {
  await using app = await testApp();
  const [newest] = await addContacts(app, 2);
  await app.trpc(app.one.key).contacts.delete.mutate({ id: newest! });
  for (const [query, count] of [
    ['', 1],
    ['?includeDeleted=false', 1],
    ['?includeDeleted=true', 2],
  ] as const) {
    expect((await app.api(app.one.key, 'GET', `/api/contacts${query}`)).body.data).toHaveLength(count);
  }
  for (const wrong of ['1', 'TRUE', '']) {
    expect((await app.api(app.one.key, 'GET', `/api/contacts?includeDeleted=${wrong}`)).status).toBe(400);
  }
});

test('A parameter that there is not, or one given twice, is refused', async () => {
  await using app = await testApp();
  for (const query of ['offset=50', 'q=ada', 'search=a&search=b', 'tag=a&tag=b', 'limit=5&limit=5', 'constructor=1']) {
    expect((await app.api(app.one.key, 'GET', `/api/contacts?${query}`)).status, query).toBe(400);
  }
});
