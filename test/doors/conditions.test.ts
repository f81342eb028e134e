import { expect, test } from 'vitest';
import { routes } from '../../server/doors/rest/routes.ts';
import { testApp } from '../helpers/testApp.ts';

const NOBODY = '01890000-0000-7000-8000-000000000000';

test('GET of a contact may be kept, and answers 304 without a body while the contact is as it was', async () => {
  await using app = await testApp();
  const { id } = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada' });
  const path = `/api/contacts/${id}`;
  const get = (tags: string, method = 'GET') =>
    app.api(app.one.key, method, path, undefined, { 'if-none-match': tags });
  const first = await app.api(app.one.key, 'GET', path);
  expect([first.headers.get('cache-control'), first.headers.get('etag')]).toEqual(['no-cache', '"1"']);
  for (const tags of ['"1"', 'W/"1"', '*', '"7", "1"', '"a,b" , W/"1"', ',"1",']) {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers, text } = await get(tags, method);
      expect([status, text, headers.get('etag')], tags).toEqual([304, '', expect.stringMatching(/^(W\/)?"1"$/)]);
      expect(headers.get('cache-control')).toBe('no-cache');
      expect(headers.get('ratelimit')).toMatch(/^"default";r=/);
      expect(headers.get('x-request-id')).toBeTruthy();
      expect([headers.get('content-type'), headers.get('vary')]).toEqual([null, 'Accept-Encoding']);
    }
  }
  for (const tags of ['"2"', '"01"', '"11"', 'nonsense', '"1', '']) expect((await get(tags)).status, tags).toBe(200);
  await app.trpc(app.one.key).contacts.update.mutate({ id, title: 'Countess' });
  const changed = await get('"1"');
  expect([changed.status, changed.body.data.title, changed.headers.get('etag')]).toEqual([200, 'Countess', '"2"']);
});

test('A kept contact is asked for as any other: no key, another organization, a deletion, and no other address', async () => {
  await using app = await testApp();
  const { id } = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada' });
  const tag = { 'if-none-match': '*' };
  const path = `/api/contacts/${id}`;
  for (const [key, status] of [
    [undefined, 401],
    [app.other.key, 403],
  ] as const) {
    const refused = await app.api(key, 'GET', path, undefined, tag);
    expect([refused.status, refused.headers.get('cache-control')]).toEqual([status, 'no-store']);
  }
  for (const { method, path: other } of routes) {
    if (method !== 'GET' || other === '/api/contacts/{id}') continue;
    const answer = await app.api(app.one.key, 'GET', other.replace('{id}', app.one.keyId), undefined, tag);
    expect([answer.status, answer.headers.get('cache-control')], other).toEqual([200, 'no-store']);
  }
  await app.trpc(app.one.key).contacts.delete.mutate({ id });
  const gone = await app.api(app.one.key, 'GET', path, undefined, tag);
  expect([gone.status, gone.headers.get('cache-control')]).toEqual([404, 'no-store']);
  expect(gone.body.details).toEqual({ deletedAt: expect.stringMatching(/Z$/) });
});

test('If-Match takes several tags, weak tags and *, and any that is the contact’s will do', async () => {
  await using app = await testApp();
  const { id } = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada' });
  const path = `/api/contacts/${id}`;
  const change = (tags: string, title: string, query = '') =>
    app.api(app.one.key, 'PATCH', path + query, { title }, { 'if-match': tags });
  let version = 1;
  const forms = (at: number) => [
    `"${at}"`,
    `W/"${at}"`,
    `${at}`,
    `"a,b", W/"${at}"`,
    `"7","${at}",W/"9"`,
    `"${at}","${at}"`,
    '*',
  ];
  for (let index = 0; index < forms(0).length; index++) {
    const tags = forms(version)[index] as string;
    const { status, body } = await change(tags, `title ${index}`);
    expect([status, body.data?.version], tags).toEqual([200, version + 1]);
    version += 1;
  }
  for (const tags of ['"1"', 'W/"1"', '"1", "2"', 'W/"1", "foreign"', '"foreign"', '""', '"0", "99999999999"']) {
    const { status, body } = await change(tags, 'never');
    expect([status, body.details], tags).toEqual([412, { currentVersion: version }]);
  }
  for (const tags of ['foreign', '"1', '*, "1"', '"1" "2"', 'w/"1"', '-1', '1.5']) {
    const { status, body } = await change(tags, 'never');
    expect([status, body.details?.issues[0].path], tags).toEqual([400, ['If-Match']]);
  }
  // The query takes a tag too, as a script has it from a header.
  for (const tag of [`"${version}"`, `W/"${version}"`]) {
    const asked = `?expectedVersion=${encodeURIComponent(tag)}`;
    expect((await app.api(app.one.key, 'PATCH', path + asked, { title: 'title 6' })).status, tag).toBe(200);
  }
  expect((await app.api(app.one.key, 'PATCH', `${path}?expectedVersion=W/"1"`, { title: 'x' })).status).toBe(412);
  expect((await change(`"${version}"`, 'x', '?expectedVersion=1')).status).toBe(400);
  const deleted = await app.api(app.one.key, 'DELETE', path, undefined, { 'if-match': `"1", W/"${version}"` });
  expect([deleted.status, deleted.body.data.version]).toEqual([200, version + 1]);
});

test('Over tRPC expectedVersion may be a list, of which any version will do', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const { id } = await contacts.create.mutate({ name: 'Ada' });
  expect((await contacts.update.mutate({ id, title: 'a', expectedVersion: [7, 1] })).version).toBe(2);
  const stale = { data: { httpStatus: 412, details: { currentVersion: 2 } } };
  await expect(contacts.update.mutate({ id, title: 'b', expectedVersion: [7, 1] })).rejects.toMatchObject(stale);
  for (const expectedVersion of [[], [1.5], ['2'], [-1], 'x', null]) {
    const answer = await app.api(app.one.key, 'PATCH', `/api/contacts/${id}`, { title: 'b', expectedVersion });
    const [issue] = answer.body.details.issues;
    expect([answer.status, issue.path[0]], JSON.stringify(expectedVersion)).toEqual([400, 'expectedVersion']);
  }
});

test('An address of REST with a slash at its end is the address without, query and method included', async () => {
  await using app = await testApp();
  const made = await app.api(app.one.key, 'POST', '/api/contacts/', { name: 'Ada' });
  expect([made.status, made.headers.get('location')]).toEqual([201, `/api/contacts/${made.body.data.id}`]);
  const found = await app.api(app.one.key, 'GET', '/api/contacts/?search=ada&fields=name');
  expect(found.body.data).toEqual([{ id: made.body.data.id, version: 1, name: 'Ada' }]);
  for (const { method, path } of routes) {
    const address = path.replace('{id}', NOBODY);
    const [without, withSlash] = [
      await app.api(undefined, method, address),
      await app.api(undefined, method, `${address}/`),
    ];
    expect([withSlash.status, withSlash.body], `${method} ${address}/`).toEqual([without.status, without.body]);
    const put = await app.api(app.one.key, 'PUT', `${address}/?a=b`);
    expect([put.status, put.headers.has('allow')]).toEqual([405, true]);
  }
  for (const path of ['/api/', '/api//', '/api/contacts//', '/api/auth/get-session/']) {
    expect((await app.api(app.one.key, 'GET', path)).status, path).toBe(404);
  }
});
