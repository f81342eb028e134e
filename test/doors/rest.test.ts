import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { type ConnectionSource, createKysely } from '../../db/driver/connection.ts';
import { DatabaseUnavailable } from '../../db/errors.ts';
import type { Database } from '../../db/open.ts';
import { createApp } from '../../server/doors/app.ts';
import { routes } from '../../server/doors/rest/routes.ts';
import { Contact } from '../../shared/contacts.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const NOBODY = '01890000-0000-7000-8000-000000000000';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
type Answer = Awaited<ReturnType<TestApp['api']>>;

/** Checks the headers that every answer has. */
function expectCommon({ headers, status, text }: Answer, caching = 'no-store') {
  expect(headers.get('cache-control')).toBe(caching);
  expect(headers.get('vary')).toBe('Accept-Encoding');
  expect(headers.get('x-request-id')).toMatch(UUID);
  expect(headers.get('content-type')?.toLowerCase()).toBe('application/json; charset=utf-8');
  if (status >= 400 && text !== '') {
    const { success, error, details, ...more } = JSON.parse(text);
    expect([success, typeof error, more]).toEqual([false, 'string', {}]);
    if ('details' in JSON.parse(text)) expect(Object.keys(details).length).toBeGreaterThan(0);
  }
}

test('Success is an envelope with data, and a list adds nextCursor', async () => {
  await using app = await testApp();
  const created = await app.api(app.one.key, 'POST', '/api/contacts', { name: 'Ada' });
  expect(created.body).toEqual({ success: true, data: expect.objectContaining({ name: 'Ada' }) });
  const contact = created.body.data;
  const got = await app.api(app.one.key, 'GET', `/api/contacts/${contact.id}`);
  expect(got.body).toEqual({ success: true, data: contact });
  const contacts = await app.api(app.one.key, 'GET', '/api/contacts');
  expect(contacts.body).toEqual({ success: true, data: [contact], nextCursor: null });
  const keys = await app.api(app.one.key, 'GET', '/api/keys');
  expect(keys.body).toEqual({
    success: true,
    data: [expect.objectContaining({ id: app.one.keyId })],
    nextCursor: null,
  });
  for (const answer of [created, contacts, keys]) expectCommon(answer);
  expectCommon(got, 'no-cache');
  const ids = [created, got, contacts, keys].map(({ headers }) => headers.get('x-request-id'));
  expect(new Set(ids).size).toBe(4);
});

test('401 says why, in the body and in WWW-Authenticate', async () => {
  await using app = await testApp();
  const revoked = await app.issue(app.one.id);
  await app.trpc(app.one.key).keys.revoke.mutate({ id: revoked.apiKey.id });
  const challenge = 'Bearer realm="introzy"';
  const invalid = `${challenge}, error="invalid_token"`;
  for (const [authorization, reason, header] of [
    [undefined, 'Missing API key', challenge],
    ['', 'Missing API key', challenge],
    ['Bearer', 'Missing API key', challenge],
    ['Bearer nonsense', 'Invalid API key', invalid],
    [`Bearer ${app.one.key}0`, 'Invalid API key', invalid],
    [`Bearer ${app.one.key}, Bearer ${app.one.key}`, 'Invalid API key', invalid],
    [`Bearer introzy_${'0'.repeat(64)}`, 'Invalid API key', invalid],
    [`Bearer ${revoked.key}`, 'API key has been revoked', invalid],
  ] as const) {
    for (const { method, path } of routes) {
      const url = path.replace('{id}', NOBODY);
      const answer = await app.api(
        undefined,
        method,
        url,
        undefined,
        authorization === undefined ? {} : { authorization },
      );
      expect([answer.status, answer.body], `${method} ${path} ${authorization?.slice(0, 12)}`).toEqual([
        401,
        { success: false, error: 'API key authentication failed', details: { reason } },
      ]);
      expect(answer.headers.get('www-authenticate')).toBe(header);
      expectCommon(answer);
    }
  }
});

test('A key is taken from one place, by a scheme of any case', async () => {
  await using app = await testApp();
  for (const scheme of ['bearer', 'BEARER', 'Bearer  ']) {
    const answer = await app.api(undefined, 'GET', '/api/keys/current', undefined, {
      authorization: `${scheme} ${app.one.key}`,
    });
    expect(answer.status, scheme).toBe(200);
  }
  const { key } = app.one;
  for (const [path, body, headers] of [
    [`/api/keys/current?key=${key}&api_key=${key}&access_token=${key}`, undefined, {}],
    ['/api/keys/current', undefined, { cookie: `key=${key}`, 'x-api-key': key }],
    ['/api/contacts', { name: 'Ada', key, access_token: key }, {}],
  ] as const) {
    const answer = await app.api(undefined, body ? 'POST' : 'GET', path, body, headers);
    expect([answer.status, answer.body.details.reason]).toEqual([401, 'Missing API key']);
  }
});

test('403 for another organization’s data tells nothing but that', async () => {
  await using app = await testApp();
  const { id } = await app.trpc(app.other.key).contacts.create.mutate({ name: 'Theirs' });
  const { key } = app.one;
  for (const answer of [
    await app.api(key, 'GET', `/api/contacts/${id}`),
    await app.api(key, 'GET', `/api/keys/${app.other.keyId}`),
    await app.api(key, 'GET', `/api/contacts?organizationId=${app.other.id}`),
    await app.api(key, 'GET', `/api/contacts?organizationId=${app.other.id.toUpperCase()}`),
    // The id belongs to no organization, and is not a UUID of a known version.
    await app.api(key, 'GET', '/api/contacts?organizationId=11111111-1111-1111-1111-111111111111'),
    await app.api(key, 'GET', `/api/keys/current?organizationId=${NOBODY}`),
    await app.api(key, 'POST', '/api/contacts', { name: 'Ada', organizationId: app.other.id }),
    await app.api(key, 'POST', '/api/contacts/batch', { contacts: [{ name: 'Ada' }], organizationId: app.other.id }),
  ]) {
    expect([answer.status, answer.body]).toEqual([
      403,
      { success: false, error: 'You do not have permission to access this resource' },
    ]);
    expect(answer.headers.get('www-authenticate')).toBeNull();
    expectCommon(answer);
  }
  const own = `organizationId=${app.one.id.toUpperCase()}`;
  expect((await app.api(key, 'GET', `/api/contacts?${own}`)).status).toBe(200);
  expect((await app.api(key, 'GET', '/api/contacts?organizationId=ours')).status).toBe(400);
});

test('400 lists what is wrong and where', async () => {
  await using app = await testApp();
  const answer = await app.api(app.one.key, 'POST', '/api/contacts', { name: '', tags: ['a', ''] });
  expect([answer.status, answer.body]).toEqual([
    400,
    {
      success: false,
      error: 'Invalid request',
      details: {
        issues: [
          { path: ['name'], message: 'Must be 1 to 500 characters' },
          { path: ['tags', 1], message: 'Must be 1 to 100 characters' },
        ],
      },
    },
  ]);
  for (const body of ['{', '{"name":', 'undefined', '"Ada"', '7', 'null ', '[]', '[{"name":"Ada"}]']) {
    const refusal = await app.api(app.one.key, 'POST', '/api/contacts', body);
    expect([refusal.status, refusal.body.error], body).toEqual([400, 'Invalid request']);
    expect(refusal.body.details.issues.length).toBeGreaterThan(0);
    expectCommon(refusal);
  }
  const differs = await app.api(app.one.key, 'PATCH', `/api/contacts/${NOBODY}`, { id: app.one.id });
  expect([differs.status, differs.body.details.issues[0].path]).toEqual([400, ['id']]);
  expect((await app.trpc(app.one.key).contacts.list.query()).items).toEqual([]);
});

test('404 where there is no such address, contact or key', async () => {
  await using app = await testApp();
  for (const path of [
    '/api',
    '/api/',
    '/api/nothing',
    '/api/contacts//',
    '/api/contacts/a/b',
    '/apis/contacts',
    '/x',
  ]) {
    for (const key of [undefined, app.one.key]) {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
        const answer = await app.api(key, method, path);
        expect([answer.status, answer.body.success], `${method} ${path}`).toEqual([404, false]);
        expectCommon(answer);
      }
    }
  }
  const contact = await app.api(app.one.key, 'GET', `/api/contacts/${NOBODY}`);
  expect([contact.status, contact.body]).toEqual([404, { success: false, error: 'There is no contact with this id' }]);
  expect((await app.api(app.one.key, 'GET', `/api/keys/${NOBODY}`)).body.error).toBe(
    'There is no API key with this id',
  );
});

test('405 names the methods that there are', async () => {
  await using app = await testApp();
  for (const [path, allow] of [
    ['/api/contacts', 'GET, HEAD, POST'],
    [`/api/contacts/${NOBODY}`, 'DELETE, GET, HEAD, PATCH'],
    [`/api/contacts/${NOBODY}/restore`, 'POST'],
    ['/api/contacts/batch', 'POST'],
    ['/api/keys', 'GET, HEAD, POST'],
    ['/api/keys/current', 'DELETE, GET, HEAD'],
    [`/api/keys/${NOBODY}`, 'DELETE, GET, HEAD, PATCH'],
    [`/api/keys/${NOBODY}/rotate`, 'POST'],
    ['/livez', 'GET, HEAD'],
    ['/readyz', 'GET, HEAD'],
  ] as const) {
    // A path such as `/api/keys/current` stays a path of its own: `current` is never read as an id.
    const methods = ['PUT', 'OPTIONS', 'PROPFIND', ...['DELETE', 'PATCH'].filter((one) => !allow.includes(one))];
    for (const method of methods) {
      const answer = await app.api(app.one.key, method, path);
      expect([answer.status, answer.body], `${method} ${path}`).toEqual([
        405,
        { success: false, error: 'Method not allowed' },
      ]);
      expect(answer.headers.get('allow')?.split(', ').sort().join(', ')).toBe(allow);
      expectCommon(answer);
    }
  }
});

test('Dates are ISO 8601 in UTC with milliseconds, the same in every answer of both doors', async () => {
  await using app = await testApp();
  const { contacts, keys } = app.trpc(app.one.key);
  const { id } = await contacts.create.mutate({ name: 'Ada' });
  const at = new Date('2026-03-01T10:00:00.000Z');
  await asOperator(app.db, app.one.id).updateTable('contacts').set({ created_at: at, updated_at: at }).execute();
  const one = (await app.api(app.one.key, 'GET', `/api/contacts/${id}`)).body.data;
  const [listed] = (await app.api(app.one.key, 'GET', '/api/contacts')).body.data;
  const [found] = (await app.api(app.one.key, 'GET', '/api/contacts?search=ada')).body.data;
  for (const contact of [one, listed, found]) {
    expect([contact.createdAt, contact.updatedAt]).toEqual(['2026-03-01T10:00:00.000Z', '2026-03-01T10:00:00.000Z']);
  }
  expect((await contacts.get.query({ id })).createdAt).toEqual(at);
  expect((await contacts.list.query()).items[0]?.createdAt).toEqual(at);
  const key = (await app.api(app.one.key, 'GET', '/api/keys/current')).body.data;
  expect(key.expiresAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect((await keys.current.query()).expiresAt.toISOString()).toBe(key.expiresAt);
});

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

test('A contact, which no door checks on its way out, has the fields of the schema, and the same at each door', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const { id } = await contacts.create.mutate({ name: 'Ada', tags: ['vip'], customFields: { score: 1.5, more: [] } });
  const read = async () => (await app.api(app.one.key, 'GET', `/api/contacts/${id}`)).body.data;
  const seen = [await contacts.get.query({ id })];
  expect(await read()).toEqual(JSON.parse(JSON.stringify(seen[0])));
  seen.push(await contacts.update.mutate({ id, email: 'ada@example.com', notes: null }));
  expect(await read()).toEqual(JSON.parse(JSON.stringify(seen[1])));
  seen.push(await contacts.delete.mutate({ id }), await contacts.restore.mutate({ id }));
  for (const contact of [...seen, ...(await contacts.list.query({})).items]) {
    expect(Contact.strict().parse(contact)).toEqual(contact);
  }
});

/** The app on a database that fails with `error`: at each request for a connection, or at each statement. */
function failingApp({ deps }: TestApp, error: Error, where: 'acquire' | 'send') {
  const fail = () => Promise.reject(error);
  const connections: ConnectionSource = {
    deadline: 1_000,
    acquire: where === 'acquire' ? fail : async () => ({ send: fail }),
    share: fail,
    release: () => {},
    close: async () => {},
  };
  const db: Database = { ...deps.db, connections, root: createKysely(connections) };
  return createApp({ ...deps, db });
}

const CALLS = [
  ['GET', '/api/contacts'],
  ['GET', '/api/contacts?search=ada'],
  ['POST', '/api/contacts'],
  ['GET', '/api/keys/current'],
  ['DELETE', `/api/keys/${NOBODY}`],
] as const;

test('500 says nothing of its cause, which the log has under the request’s id', async () => {
  await using app = await testApp();
  await app.api(app.one.key, 'GET', '/api/contacts');
  for (const where of ['acquire', 'send'] as const) {
    const broken = failingApp(app, new Error('canary: password of the database'), where);
    for (const [method, path] of CALLS) {
      const response = await broken.request(path, {
        method,
        headers: { authorization: `Bearer ${app.one.key}`, 'content-type': 'application/json' },
        ...(method === 'POST' && { body: '{"name":"Ada"}' }),
      });
      expect([response.status, await response.json()], `${method} ${path}`).toEqual([
        500,
        { success: false, error: 'Internal server error' },
      ]);
      expect(JSON.stringify([...response.headers])).not.toContain('canary');
      const id = response.headers.get('x-request-id') ?? 'none';
      const lines = app.logs.filter((line) => line.includes(id)).join('');
      expect(lines).toContain('canary: password of the database');
    }
  }
});

test('503 with Retry-After where the database is away, before a key is known and after', async () => {
  await using app = await testApp();
  const unknown = `introzy_${'0'.repeat(64)}`;
  await app.api(app.one.key, 'GET', '/api/contacts');
  for (const where of ['acquire', 'send'] as const) {
    const away = failingApp(app, new DatabaseUnavailable('canary: no connection to 10.0.0.7'), where);
    for (const key of [app.one.key, unknown]) {
      for (const [method, path] of CALLS) {
        const response = await away.request(path, {
          method,
          headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
          ...(method === 'POST' && { body: '{"name":"Ada"}' }),
        });
        expect([response.status, await response.json()], `${method} ${path}`).toEqual([
          503,
          { success: false, error: 'Service temporarily unavailable' },
        ]);
        expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
        expect(response.headers.get('cache-control')).toBe('no-store');
      }
    }
    const ready = await away.request('/readyz');
    expect([ready.status, ready.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await away.request('/livez')).status).toBe(200);
  }
});

test('The service is alive, and ready unless it drains', async () => {
  await using app = await testApp();
  expect((await app.api(undefined, 'GET', '/livez')).status).toBe(200);
  expect((await app.api(undefined, 'GET', '/readyz')).status).toBe(200);
  app.deps.draining.abort();
  const draining = await app.api(undefined, 'GET', '/readyz');
  expect([draining.status, draining.headers.get('retry-after')]).toEqual([503, '1']);
  expect((await app.api(undefined, 'GET', '/livez')).status).toBe(200);
  expect((await app.api(app.one.key, 'GET', '/api/contacts')).status).toBe(200);
});

test('415 for what is not JSON in UTF-8', async () => {
  await using app = await testApp();
  for (const type of [
    'text/plain',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    'application/jsonp',
    'application/json; charset=utf-16',
    'application/json; charset=iso-8859-1',
    '',
  ]) {
    for (const [method, path] of [
      ['POST', '/api/contacts'],
      ['PATCH', `/api/contacts/${NOBODY}`],
    ] as const) {
      const answer = await app.api(app.one.key, method, path, '{"name":"Ada"}', { 'content-type': type });
      expect([answer.status, answer.body], type).toEqual([
        415,
        { success: false, error: 'Send JSON in UTF-8, with Content-Type: application/json' },
      ]);
    }
  }
  const untyped = await app.app.request('/api/contacts', {
    method: 'POST',
    headers: { authorization: `Bearer ${app.one.key}` },
    body: new TextEncoder().encode('{"name":"Ada"}'),
  });
  expect(untyped.status).toBe(415);
  for (const type of ['application/json', 'Application/JSON;charset=UTF-8', 'application/json; charset="utf8"; v=1']) {
    const answer = await app.api(app.one.key, 'POST', '/api/contacts', { name: 'Ada' }, { 'content-type': type });
    expect(answer.status, type).toBe(201);
  }
});

test('429 over the key’s rate, with how long to wait; other keys go on', async () => {
  await using app = await testApp({ rateLimit: 5 });
  const { key: another } = await app.issue(app.one.id);
  for (const remaining of [4, 3, 2, 1, 0]) {
    const answer = await app.api(app.one.key, 'GET', '/api/contacts');
    expect([answer.status, answer.headers.get('ratelimit-policy')]).toEqual([200, '"default";q=5;w=60']);
    expect(answer.headers.get('ratelimit')).toMatch(new RegExp(`^"default";r=${remaining};t=\\d+$`));
    expect(answer.headers.get('retry-after')).toBeNull();
  }
  for (const path of ['/api/contacts', '/api/keys/current']) {
    const answer = await app.api(app.one.key, 'GET', path);
    const wait = Number(answer.headers.get('retry-after'));
    const reason = 'The API key has used up its rate of 5 calls a minute';
    const details = { reason, retryAfterSeconds: wait };
    expect([answer.status, answer.body]).toEqual([429, { success: false, error: 'Rate limit exceeded', details }]);
    expect([wait >= 1, wait <= 60]).toEqual([true, true]);
    expect(answer.headers.get('ratelimit-policy')).toBe('"default";q=5;w=60');
    expect(answer.headers.get('ratelimit')).toBe(`"default";r=0;t=${wait}`);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  }
  expect((await app.api(app.one.key, 'POST', '/api/contacts', { name: 'Ada' })).status).toBe(429);
  expect((await app.api(another, 'GET', '/api/contacts')).body.data).toEqual([]);
});

test('A batch counts each of its calls', async () => {
  await using app = await testApp({ rateLimit: 5 });
  const batch = (count: number) =>
    app.api(app.one.key, 'GET', `/trpc/${Array(count).fill('keys.current').join()}?batch=1`);
  expect((await batch(3)).headers.get('ratelimit')).toMatch(/r=2;/);
  const over = await batch(4);
  expect([over.status, over.headers.get('ratelimit')?.slice(0, 13)]).toEqual([207, '"default";r=0']);
  expect(over.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  const codes = over.body.map((call: { error?: { json: { data: { code: string } } } }) => call.error?.json.data.code);
  expect(codes).toEqual([undefined, undefined, 'TOO_MANY_REQUESTS', 'TOO_MANY_REQUESTS']);
  expect((await batch(2)).status).toBe(429);
});

test('Over its rate, a revoked key is still told that it is revoked, and an unknown one that it is unknown', async () => {
  await using app = await testApp({ rateLimit: 2 });
  const { key, apiKey } = await app.issue(app.one.id);
  const statuses = [];
  for (let call = 0; call < 3; call++) statuses.push((await app.api(key, 'GET', '/api/contacts')).status);
  expect(statuses).toEqual([200, 200, 429]);
  await app.trpc(app.one.key).keys.revoke.mutate({ id: apiKey.id });
  for (const path of ['/api/contacts', '/api/keys/current', '/trpc/contacts.list']) {
    const answer = await app.api(key, 'GET', path);
    expect(answer.status, path).toBe(401);
    expect(answer.text).toContain('API key has been revoked');
    expect(answer.headers.get('retry-after')).toBeNull();
  }
  for (let call = 0; call < 4; call++) {
    expect((await app.api(`introzy_${'0'.repeat(64)}`, 'GET', '/api/contacts')).status).toBe(401);
  }
});

test('HEAD is GET without its body', async () => {
  await using app = await testApp();
  const { id } = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada' });
  for (const path of [
    '/api/contacts',
    `/api/contacts/${id}`,
    `/api/contacts/${NOBODY}`,
    '/api/keys/current',
    '/livez',
  ]) {
    const [get, head] = [await app.api(app.one.key, 'GET', path), await app.api(app.one.key, 'HEAD', path)];
    expect([head.status, head.text, head.headers.get('etag')], path).toEqual([get.status, '', get.headers.get('etag')]);
    expect(head.headers.get('x-request-id')).toBeTruthy();
    expect(head.headers.get('cache-control')).toBe(get.headers.get('cache-control'));
  }
  expect((await app.api(undefined, 'HEAD', '/api/contacts')).status).toBe(401);
});
