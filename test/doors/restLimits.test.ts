import { Kysely } from 'kysely';
import { expect, test } from 'vitest';
import { type ConnectionSource, createDialect } from '../../db/driver/connection.ts';
import { DatabaseUnavailable } from '../../db/errors.ts';
import type { Database } from '../../db/open.ts';
import { createApp } from '../../server/doors/app.ts';
import { BODY_LIMIT } from '../../server/http/body.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const NOBODY = '01890000-0000-7000-8000-000000000000';

/** The app on a database that fails with `error`: at each request for a connection, or at each statement. */
function failingApp({ deps }: TestApp, error: Error, where: 'acquire' | 'send') {
  const fail = () => Promise.reject(error);
  const connections: ConnectionSource = {
    deadline: 1_000,
    acquire: where === 'acquire' ? fail : async () => ({ send: fail }),
    release: () => {},
    close: async () => {},
  };
  const db: Database = { ...deps.db, connections, root: new Kysely({ dialect: createDialect(connections) }) };
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

test('413 for a body over 1 MiB, whether it says its length or not', async () => {
  await using app = await testApp();
  const bodyOf = (length: number) => JSON.stringify({ name: 'Ada', notes: '' }).padEnd(length);
  const headers = { authorization: `Bearer ${app.one.key}`, 'content-type': 'application/json' };
  const answers = [
    await app.app.request('/api/contacts', { method: 'POST', headers, body: bodyOf(BODY_LIMIT + 1) }),
    await app.app.request('/api/contacts', {
      method: 'POST',
      headers: { ...headers, 'content-length': String(BODY_LIMIT + 1) },
      body: '{}',
    }),
    await app.app.request('/api/contacts', {
      method: 'POST',
      headers,
      body: new Blob([bodyOf(BODY_LIMIT), ' ']).stream(),
      duplex: 'half',
    } as RequestInit),
  ];
  for (const response of answers) {
    expect([response.status, await response.json()]).toEqual([
      413,
      { success: false, error: 'The request body is larger than 1 MiB' },
    ]);
  }
  expect((await app.api(app.one.key, 'POST', '/api/contacts', bodyOf(BODY_LIMIT))).status).toBe(201);
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
    expect([answer.status, answer.body]).toEqual([429, { success: false, error: 'Rate limit exceeded' }]);
    const wait = Number(answer.headers.get('retry-after'));
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
    expect(head.headers.get('cache-control')).toBe('no-store');
  }
  expect((await app.api(undefined, 'HEAD', '/api/contacts')).status).toBe(401);
});
