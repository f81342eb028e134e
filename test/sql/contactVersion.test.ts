import { expect, test } from 'vitest';
import { testApp } from '../helpers/testApp.ts';

const NOBODY = '01890000-0000-7000-8000-000000000000';
const refused = (httpStatus: number) => ({ data: { httpStatus } });
const stale = (currentVersion: number) => ({
  data: { httpStatus: 412, code: 'PRECONDITION_FAILED', details: { currentVersion } },
});

test('expectedVersion lets a change through at that version only', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const { id } = await contacts.create.mutate({ name: 'Ada' });
  expect(await contacts.update.mutate({ id, expectedVersion: 1, name: 'Augusta' })).toMatchObject({ version: 2 });
  for (const expectedVersion of [0, 1, 3, 2_147_483_647, 2_147_483_648, Number.MAX_SAFE_INTEGER]) {
    await expect(contacts.update.mutate({ id, expectedVersion, name: 'x' })).rejects.toMatchObject(stale(2));
    await expect(contacts.delete.mutate({ id, expectedVersion })).rejects.toMatchObject(stale(2));
  }
  // The version must fit even where the update changes nothing.
  await expect(contacts.update.mutate({ id, expectedVersion: 1 })).rejects.toMatchObject(stale(2));
  for (const expectedVersion of [-1, 1.5, '2', null]) {
    expect((await app.api(app.one.key, 'PATCH', `/api/contacts/${id}`, { expectedVersion })).status).toBe(400);
  }
  expect(await contacts.delete.mutate({ id, expectedVersion: 2 })).toMatchObject({ version: 3 });
});

test('Of two changes upon one version, one is refused', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const { id } = await contacts.create.mutate({ name: 'Ada' });
  const names = ['a', 'b', 'c', 'd', 'e'];
  const changes = await Promise.allSettled(
    names.map((name) => contacts.update.mutate({ id, name, expectedVersion: 1 })),
  );
  expect(changes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await contacts.get.query({ id })).toMatchObject({ version: 2 });
});

test('ETag is the version, and Location where a created contact is', async () => {
  await using app = await testApp();
  const created = await app.api(app.one.key, 'POST', '/api/contacts', { name: 'Ada' });
  const path = `/api/contacts/${created.body.data.id}`;
  expect([created.status, created.headers.get('location'), created.headers.get('etag')]).toEqual([201, path, '"1"']);
  for (const [method, at, body, tag] of [
    ['GET', path, undefined, '"1"'],
    ['PATCH', path, { name: 'Augusta' }, '"2"'],
    ['PATCH', path, { name: 'Augusta' }, '"2"'],
    ['DELETE', path, undefined, '"3"'],
    ['POST', `${path}/restore`, undefined, '"4"'],
    ['GET', path, undefined, '"4"'],
  ] as const) {
    const answer = await app.api(app.one.key, method, at, body);
    expect([answer.status, answer.headers.get('etag')], `${method} ${at}`).toEqual([200, tag]);
    expect(answer.body.data.version).toBe(Number(tag.slice(1, -1)));
  }
  expect((await app.api(app.one.key, 'GET', '/api/contacts')).headers.get('etag')).toBeNull();
});

test('If-Match lets a change through at its version only', async () => {
  await using app = await testApp();
  const { id } = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada' });
  const change = (ifMatch: string, body = {}) =>
    app.api(app.one.key, 'PATCH', `/api/contacts/${id}`, body, { 'if-match': ifMatch });
  expect((await change('"1"', { name: 'Augusta' })).body.data.version).toBe(2);
  const tags = ['"1"', '"3"', '"0"', 'W/"1"', '"abc"', '""', '"-2"', '"99999999999999999999"', '"2147483648"'];
  for (const tag of tags) {
    const answer = await change(tag, { name: 'x' });
    expect([answer.status, answer.body.details], tag).toEqual([412, { currentVersion: 2 }]);
    expect(answer.body.error).toBe('The contact is not at the expected version');
    const removal = await app.api(app.one.key, 'DELETE', `/api/contacts/${id}`, undefined, { 'if-match': tag });
    expect([removal.status, removal.body.details], tag).toEqual([412, { currentVersion: 2 }]);
  }
  for (const malformed of ['"2', 'abc', '"1" "2"', '2,3', '']) {
    const answer = await change(malformed, { name: 'x' });
    expect([answer.status, answer.body.error], malformed).toEqual([400, 'Invalid request']);
  }
  expect((await change('*', { name: 'Any version' })).body.data.version).toBe(3);
  expect((await change(' "3" ', { name: 'Third' })).body.data.version).toBe(4);
  expect((await change('"4"', { name: 'Fourth', expectedVersion: 4 })).body.data.version).toBe(5);
  expect((await change('"5"', { name: 'x', expectedVersion: 4 })).status).toBe(400);
  const removed = await app.api(app.one.key, 'DELETE', `/api/contacts/${id}`, undefined, { 'if-match': '"5"' });
  expect([removed.status, removed.body.data.version]).toEqual([200, 6]);
});

test('If-Match means a change or a deletion, and nothing to other requests', async () => {
  await using app = await testApp();
  const made = await app.api(app.one.key, 'POST', '/api/contacts', { name: 'Ada' }, { 'if-match': '"9"' });
  expect(made.status).toBe(201);
  const path = `/api/contacts/${made.body.data.id}`;
  expect((await app.api(app.one.key, 'GET', path, undefined, { 'if-match': '"9"' })).status).toBe(200);
  expect((await app.api(app.one.key, 'POST', `${path}/restore`, undefined, { 'if-match': '"9"' })).status).toBe(200);
});

test('A version is asked of a contact that is there: 404 and 403 come first', async () => {
  await using app = await testApp();
  const theirs = await app.trpc(app.other.key).contacts.create.mutate({ name: 'Theirs' });
  const { contacts } = app.trpc(app.one.key);
  const { id } = await contacts.create.mutate({ name: 'Ada' });
  await contacts.delete.mutate({ id });
  await expect(contacts.update.mutate({ id, name: 'x', expectedVersion: 9 })).rejects.toMatchObject({
    data: { httpStatus: 404 },
  });
  await expect(contacts.update.mutate({ id: theirs.id, name: 'x', expectedVersion: 9 })).rejects.toMatchObject({
    data: { httpStatus: 403 },
  });
});

test('A deleted contact is deleted again at its version alone, or at any where none is expected', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const { id } = await contacts.create.mutate({ name: 'Ada' });
  await contacts.delete.mutate({ id });
  const remove = (headers = {}) => app.api(app.one.key, 'DELETE', `/api/contacts/${id}`, undefined, headers);
  for (const tag of ['"1"', '"3"', 'W/"1"', '"abc"']) {
    const answer = await remove({ 'if-match': tag });
    expect([answer.status, answer.body.details], tag).toEqual([412, { currentVersion: 2 }]);
    await expect(contacts.delete.mutate({ id, expectedVersion: 1 })).rejects.toMatchObject(stale(2));
  }
  for (const headers of [{}, { 'if-match': '*' }, { 'if-match': '"2"' }]) {
    const answer = await remove(headers);
    expect([answer.status, answer.body.data.version]).toEqual([200, 2]);
  }
});

test('A contact that is nobody’s is 404, another organization’s 403, to every procedure', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const theirs = await app.trpc(app.other.key).contacts.create.mutate({ name: 'Theirs' });
  for (const [id, status] of [
    [NOBODY, 404],
    [theirs.id, 403],
    ['7', 400],
  ] as const) {
    await expect(contacts.get.query({ id })).rejects.toMatchObject(refused(status));
    await expect(contacts.update.mutate({ id, name: 'x' })).rejects.toMatchObject(refused(status));
    await expect(contacts.delete.mutate({ id })).rejects.toMatchObject(refused(status));
    await expect(contacts.restore.mutate({ id })).rejects.toMatchObject(refused(status));
  }
  expect(await app.trpc(app.other.key).contacts.get.query({ id: theirs.id })).toEqual(theirs);
});
