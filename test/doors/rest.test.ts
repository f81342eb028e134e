import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { routes } from '../../server/doors/rest/routes.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const NOBODY = '01890000-0000-7000-8000-000000000000';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
type Answer = Awaited<ReturnType<TestApp['api']>>;

/** Checks the headers that every answer has. */
function expectCommon({ headers, status, text }: Answer) {
  expect(headers.get('cache-control')).toBe('no-store');
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
  for (const answer of [created, got, contacts, keys]) expectCommon(answer);
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
    ['Basic dXNlcjpwYXNz', 'Missing API key', challenge],
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

test('403 for want of a scope names it', async () => {
  await using app = await testApp();
  const { key } = await app.issue(app.one.id, { scopes: ['contacts:read'] });
  for (const [method, path, scope] of [
    ['POST', '/api/contacts', 'contacts:write'],
    ['GET', '/api/keys', 'keys:manage'],
  ] as const) {
    const answer = await app.api(key, method, path);
    expect([answer.status, answer.body]).toEqual([
      403,
      {
        success: false,
        error: 'You do not have permission to access this resource',
        details: { reason: `The API key lacks the scope ${scope}` },
      },
    ]);
    expect(answer.headers.get('www-authenticate')).toBe(
      `Bearer realm="introzy", error="insufficient_scope", scope="${scope}"`,
    );
    expectCommon(answer);
  }
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
  for (const path of ['/api', '/api/', '/api/nothing', '/api/contacts/', '/api/contacts/a/b', '/apis/contacts', '/x']) {
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
    ['/api/keys/current', 'GET, HEAD'],
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
