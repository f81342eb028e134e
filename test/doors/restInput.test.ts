import { expect, test } from 'vitest';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const list = async (app: TestApp) => (await app.trpc(app.one.key).contacts.list.query({ includeDeleted: true })).items;
const pathsOf = (answer: { body: { details: { issues: { path: string[] }[] } } }) =>
  answer.body.details.issues.map(({ path }) => path);

test('What the body of a DELETE says counts: a version, and an organization', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const { id } = await contacts.create.mutate({ name: 'Ada' });
  await contacts.update.mutate({ id, name: 'Augusta' });
  const before = await list(app);
  const remove = (body?: unknown, query = '') => app.api(app.one.key, 'DELETE', `/api/contacts/${id}${query}`, body);

  const stale = await remove({ expectedVersion: 1 });
  expect([stale.status, stale.body.details]).toEqual([412, { currentVersion: 2 }]);
  const staleByQuery = await remove(undefined, '?expectedVersion=1');
  expect([staleByQuery.status, staleByQuery.body.details]).toEqual([412, { currentVersion: 2 }]);
  for (const answer of [
    await remove({ organizationId: app.other.id }),
    await remove({ organizationId: app.other.id, expectedVersion: 2 }),
    await remove(undefined, `?organizationId=${app.other.id}`),
    await app.api(app.one.key, 'DELETE', `/api/keys/${app.one.keyId}`, { organizationId: app.other.id }),
  ]) {
    expect([answer.status, answer.body.error]).toEqual([403, 'You do not have permission to access this resource']);
  }
  for (const [body, query, field] of [
    [{ expectedVersion: 2 }, '?expectedVersion=1', 'expectedVersion'],
    [{ id: app.one.id }, '', 'id'],
    [{ organizationId: app.one.id }, `?organizationId=${app.other.id}`, 'organizationId'],
  ] as const) {
    const answer = await remove(body, query);
    expect([answer.status, pathsOf(answer)]).toEqual([400, [[field]]]);
  }
  for (const body of ['{', '[]', '7', { nickname: 'x' }]) expect((await remove(body)).status).toBe(400);
  expect(await list(app)).toEqual(before);
  expect((await app.api(app.one.key, 'GET', '/api/keys/current')).body.data.state).toBe('active');

  const removed = await remove({ expectedVersion: 2, organizationId: app.one.id });
  expect([removed.status, removed.body.data.version]).toEqual([200, 3]);
});

test('What POST and PATCH write is not taken from the address, where proxies would log it', async () => {
  await using app = await testApp();
  const made = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada' });
  for (const [method, path, body, field] of [
    ['POST', '/api/contacts?name=Bob', undefined, 'name'],
    ['POST', '/api/contacts?name=Bob', {}, 'name'],
    ['POST', '/api/contacts?name=Bob', { name: 'Bob' }, 'name'],
    ['POST', '/api/contacts?name=Bob', { name: 'Bert' }, 'name'],
    ['POST', '/api/contacts?email=bob%40example.com', { name: 'Bob' }, 'email'],
    ['POST', '/api/contacts?tags=a&tags=b', { name: 'Bob' }, 'tags'],
    ['POST', '/api/contacts/batch?contacts=x', [{ name: 'Bob' }], 'contacts'],
    ['POST', '/api/keys?name=another', undefined, 'name'],
    ['POST', `/api/keys/${app.one.keyId}/rotate?graceHours=0`, undefined, 'graceHours'],
    ['PATCH', `/api/contacts/${made.id}?name=Bob`, undefined, 'name'],
    ['PATCH', `/api/contacts/${made.id}?id=${made.id}`, { name: 'Bob' }, 'id'],
    ['PATCH', `/api/keys/${app.one.keyId}?name=Bob`, { name: 'Bob' }, 'name'],
  ] as const) {
    const answer = await app.api(app.one.key, method, path, body);
    expect([answer.status, pathsOf(answer)], `${method} ${path}`).toEqual([400, [[field]]]);
  }
  expect(await list(app)).toEqual([made]);
  const keys = (await app.api(app.one.key, 'GET', '/api/keys')).body.data;
  expect(keys.map(({ name }: { name: string }) => name)).toEqual(['First key']);
});

test('A field that differs between the address and the body is refused', async () => {
  await using app = await testApp();
  const made = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada' });
  const path = `/api/contacts/${made.id}`;
  for (const [query, body] of [
    ['expectedVersion=1', { expectedVersion: 2 }],
    ['expectedVersion=2', { expectedVersion: 1 }],
    ['expectedVersion=1&expectedVersion=1', { expectedVersion: 1 }],
    [`organizationId=${app.one.id}`, { organizationId: app.other.id }],
    [`organizationId=${app.other.id}`, { organizationId: app.one.id }],
  ] as const) {
    const answer = await app.api(app.one.key, 'PATCH', `${path}?${query}`, { ...body, name: 'Augusta' });
    expect([answer.status, pathsOf(answer)], query).toEqual([400, [[query.split('=')[0]]]]);
  }
  const withTag = await app.api(
    app.one.key,
    'PATCH',
    `${path}?expectedVersion=2`,
    { name: 'x' },
    { 'if-match': '"1"' },
  );
  expect(withTag.status).toBe(400);
  expect(await list(app)).toEqual([made]);
  const same = await app.api(app.one.key, 'PATCH', `${path}?expectedVersion=1`, {
    name: 'Augusta',
    expectedVersion: 1,
  });
  expect([same.status, same.body.data.version]).toEqual([200, 2]);
});

test('An organization that the address names is the one that is meant', async () => {
  await using app = await testApp();
  const made = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada' });
  for (const [method, path, body] of [
    ['POST', '/api/contacts', { name: 'Bob' }],
    ['POST', '/api/contacts/batch', [{ name: 'Bob' }]],
    ['POST', `/api/contacts/${made.id}/restore`, undefined],
    ['PATCH', `/api/contacts/${made.id}`, { name: 'Bob' }],
    ['POST', '/api/keys', { name: 'another' }],
    ['POST', `/api/keys/${app.one.keyId}/rotate`, {}],
  ] as const) {
    const named = (id: string) => app.api(app.one.key, method, `${path}?organizationId=${id}`, body);
    const answer = await named(app.other.id);
    expect([answer.status, answer.body.error], `${method} ${path}`).toEqual([
      403,
      'You do not have permission to access this resource',
    ]);
  }
  expect(await list(app)).toEqual([made]);
  expect((await app.trpc(app.other.key).contacts.list.query()).items).toEqual([]);
  const own = await app.api(app.one.key, 'POST', `/api/contacts?organizationId=${app.one.id}`, { name: 'Bob' });
  expect([own.status, own.body.data.organizationId]).toEqual([201, app.one.id]);
});
