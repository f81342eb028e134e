import { expect, test } from 'vitest';
import { appRouter } from '../../server/procedures/router.ts';
import { transformer } from '../../shared/transformer.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const NOBODY = '01890000-0000-7000-8000-000000000000';
const input = (value: unknown) => encodeURIComponent(JSON.stringify(value));
const batchOf = (calls: [path: string, input?: unknown][]) => {
  const inputs = Object.fromEntries(calls.map(([, value], i) => [i, value === undefined ? value : { json: value }]));
  return `/trpc/${calls.map(([path]) => path).join()}?batch=1&input=${input(inputs)}`;
};

interface Shape {
  message: string;
  code: number;
  data: {
    code: string;
    httpStatus: number;
    requestId: string;
    reason?: string;
    details?: { issues: { path: string[]; message: string }[] };
  };
}
/** The errors in an answer to a single call or a batch. */
const errorsOf = (body: unknown): Shape[] =>
  (Array.isArray(body) ? body : [body]).flatMap(({ error }) => (error ? [transformer.deserialize<Shape>(error)] : []));

test('Calls that are made at once go out as one batch', async () => {
  await using app = await testApp();
  const { id } = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada' });
  const before = app.logs.length;
  const { contacts, keys } = app.trpc(app.one.key, 20);
  const [contact, page, key] = await Promise.all([
    contacts.get.query({ id }),
    contacts.list.query({ updatedSince: new Date(0) }),
    keys.current.query(),
  ]);
  expect([contact.id, page.items, key.id]).toEqual([id, [contact], app.one.keyId]);
  expect(contact.createdAt).toBeInstanceOf(Date);
  expect(app.logs.slice(before).map((line) => JSON.parse(line).path)).toEqual([
    '/trpc/contacts.get,contacts.list,keys.current',
  ]);
});

test('A batch has 20 calls at most', async () => {
  await using app = await testApp();
  const calls = (count: number) => Array.from({ length: count }, () => 'keys.current');
  const most = await app.api(app.one.key, 'GET', `/trpc/${calls(20)}?batch=1`);
  expect([most.status, most.body.length, errorsOf(most.body)]).toEqual([200, 20, []]);
  const creates = Array.from({ length: 21 }, () => 'contacts.create').join();
  const inputs = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [i, { json: { name: `Contact ${i}` } }]));
  for (const answer of [
    await app.api(app.one.key, 'GET', `/trpc/${calls(21)}?batch=1`),
    await app.api(app.one.key, 'POST', `/trpc/${creates}?batch=1`, inputs),
    await app.api(app.one.key, 'GET', `/trpc/${calls(5_000)}?batch=1`),
  ]) {
    expect(answer.status).toBe(400);
    expect(errorsOf(answer.body)[0]?.data).toMatchObject({ code: 'BAD_REQUEST', httpStatus: 400 });
  }
  expect((await app.trpc(app.one.key).contacts.list.query()).items).toEqual([]);
});

test('A batch answers each call, with 207 where their statuses differ', async () => {
  await using app = await testApp();
  const mixed = await app.api(
    app.one.key,
    'GET',
    batchOf([['keys.current'], ['contacts.get', { id: NOBODY }], ['contacts.get', { id: 7 }], ['contacts.list']]),
  );
  expect(mixed.status).toBe(207);
  expect(mixed.body.map((call: object) => ('error' in call ? 'error' : 'result'))).toEqual([
    'result',
    'error',
    'error',
    'result',
  ]);
  expect(errorsOf(mixed.body).map(({ data }) => data.httpStatus)).toEqual([404, 400]);
  const same = await app.api(app.one.key, 'GET', batchOf([['contacts.get', { id: NOBODY }], ['nothing']]));
  expect([same.status, errorsOf(same.body).length]).toEqual([404, 2]);
  const refused = await app.api(undefined, 'GET', batchOf([['keys.current'], ['contacts.list']]));
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="introzy"']);
});

test('Calls of a batch stand alone: one that fails undoes no other', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key, 20);
  const outcomes = await Promise.allSettled([
    contacts.create.mutate({ name: 'Ada', email: 'ada@example.com' }),
    contacts.create.mutate({ name: '' }),
    contacts.create.mutate({ name: 'Bob', email: 'bob@example.com' }),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect((await contacts.list.query()).items).toHaveLength(2);
});

async function failures(app: TestApp) {
  const { id } = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada', email: 'ada@example.com' });
  const { key: reader } = await app.issue(app.one.id, { scopes: ['contacts:read'] });
  const post = (key: string | undefined, path: string, json: unknown) =>
    app.api(key, 'POST', `/trpc/${path}`, { json });
  return [
    [await app.api(undefined, 'GET', '/trpc/keys.current'), 'UNAUTHORIZED', 401, { reason: 'Missing API key' }],
    [await app.api('x', 'GET', '/trpc/keys.current'), 'UNAUTHORIZED', 401, { reason: 'Invalid API key' }],
    [
      await post(reader, 'contacts.create', { name: 'x' }),
      'FORBIDDEN',
      403,
      { reason: 'The API key lacks the scope contacts:write' },
    ],
    [
      await post(app.one.key, 'contacts.create', { name: 'x', organizationId: app.other.id }),
      'FORBIDDEN',
      403,
      undefined,
    ],
    [
      await post(app.one.key, 'contacts.create', { name: '' }),
      'BAD_REQUEST',
      400,
      { issues: [{ path: ['name'], message: 'Must be 1 to 500 characters' }] },
    ],
    [await post(app.one.key, 'contacts.delete', { id: NOBODY }), 'NOT_FOUND', 404, undefined],
    [
      await post(app.one.key, 'contacts.create', { name: 'x', email: 'ADA@example.com' }),
      'CONFLICT',
      409,
      { existingId: id },
    ],
    [
      await post(app.one.key, 'contacts.update', { id, expectedVersion: 7 }),
      'PRECONDITION_FAILED',
      412,
      { currentVersion: 1 },
    ],
  ] as const;
}

test('An error carries code, status, reason, details and the request’s id, and no stack', async () => {
  await using app = await testApp();
  for (const [answer, code, httpStatus, details] of await failures(app)) {
    const [error] = errorsOf(answer.body);
    expect(answer.status, code).toBe(httpStatus);
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(error?.data).toEqual({
      code,
      httpStatus,
      path: expect.any(String),
      requestId: answer.headers.get('x-request-id'),
      ...(details && { details }),
      ...(details && 'reason' in details && { reason: details.reason }),
    });
    expect(Object.keys(error ?? {}).sort()).toEqual(['code', 'data', 'message']);
    expect(answer.text).not.toMatch(/stack|node_modules|\.ts:/);
  }
  // By default tRPC adds stacks to errors wherever NODE_ENV is not "production", as in this test.
  expect([process.env.NODE_ENV === 'production', appRouter._def._config.isDev]).toEqual([false, false]);
});

test('415 for whatever is not JSON, so that no HTML form can make a call', async () => {
  await using app = await testApp();
  const form = new FormData();
  form.set('name', 'Ada');
  const bodies: [string | undefined, string | FormData | Uint8Array<ArrayBuffer>][] = [
    ['application/x-www-form-urlencoded', 'name=Ada'],
    ['application/octet-stream', '{"json":{"name":"Ada"}}'],
    ['text/plain', '{"json":{"name":"Ada"}}'],
    ['text/plain; application/json', '{"json":{"name":"Ada"}}'],
    ['application/json; charset=utf-16', '{"json":{"name":"Ada"}}'],
    ['', '{"json":{"name":"Ada"}}'],
    [undefined, form],
    [undefined, new TextEncoder().encode('{"json":{"name":"Ada"}}')],
  ];
  for (const path of ['contacts.create', 'keys.current', 'contacts.create,contacts.create?batch=1']) {
    for (const [type, body] of bodies) {
      const response = await app.app.request(`/trpc/${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${app.one.key}`, ...(type !== undefined && { 'content-type': type }) },
        body,
      });
      const [error] = errorsOf(await response.json());
      expect([response.status, error?.data.code], `${path} ${type}`).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    }
  }
  expect((await app.trpc(app.one.key).contacts.list.query()).items).toEqual([]);
});

test('413 for a body over 1 MiB', async () => {
  await using app = await testApp();
  const body = JSON.stringify({ json: { name: 'Ada', notes: 'a'.repeat(1_048_576) } });
  const answer = await app.api(app.one.key, 'POST', '/trpc/contacts.create', body);
  expect([answer.status, errorsOf(answer.body)[0]?.data.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
});

test('405 names the method of the procedure', async () => {
  await using app = await testApp();
  for (const [method, path, allow] of [
    ['GET', `/trpc/contacts.create?input=${input({ json: { name: 'Ada' } })}`, 'POST'],
    ['GET', `/trpc/contacts.create,contacts.delete?batch=1&input=${input({ 0: { json: { name: 'Ada' } } })}`, 'POST'],
    ['PUT', '/trpc/contacts.list', 'GET, POST'],
    ['DELETE', '/trpc/contacts.create', 'GET, POST'],
    ['OPTIONS', '/trpc/contacts.create', 'GET, POST'],
  ] as const) {
    const answer = await app.api(app.one.key, method, path);
    expect([answer.status, errorsOf(answer.body)[0]?.data.code], `${method} ${path}`).toEqual([
      405,
      'METHOD_NOT_SUPPORTED',
    ]);
    expect(answer.headers.get('allow')).toBe(allow);
  }
  expect((await app.trpc(app.one.key).contacts.list.query()).items).toEqual([]);
});

test('A single call that asks for a stream, and a refused batch, get plain JSON under the status of the answer', async () => {
  await using app = await testApp();
  for (const headers of [{ 'trpc-accept': 'application/jsonl' }, { accept: 'application/jsonl' }]) {
    for (const [key, path, status] of [
      [app.one.key, '/trpc/keys.current', 200],
      [app.one.key, `/trpc/contacts.get?input=${input({ json: { id: NOBODY } })}`, 404],
      [undefined, '/trpc/keys.current', 401],
      [undefined, '/trpc/keys.current,contacts.list?batch=1', 401],
      [app.one.key, '/trpc/keys.current,contacts.create?batch=1', 400],
    ] as const) {
      const answer = await app.api(key, 'GET', path, undefined, headers);
      expect([answer.status, answer.headers.get('content-type')], path).toEqual([
        status,
        expect.stringMatching(JSON_TYPE),
      ]);
      expect(answer.headers.get('transfer-encoding')).toBeNull();
    }
    const answer = await app.api(app.one.key, 'POST', '/trpc/contacts.create', { json: { name: 'Ada' } }, headers);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
  }
});

test('404 for a procedure that there is not', async () => {
  await using app = await testApp();
  const names = ['nothing', 'keys', 'keys.nothing', 'contacts.list.more', 'contacts/list', 'Contacts.list', ''];
  names.push(
    '__proto__',
    'constructor',
    'toString',
    'keys.__proto__',
    'keys.constructor',
    'keys.current,contacts.list',
  );
  for (const name of names) {
    for (const [method, body] of [['GET'], ['POST', { json: {} }]] as const) {
      const answer = await app.api(app.one.key, method, `/trpc/${name}`, body);
      const [error] = errorsOf(answer.body);
      expect([answer.status, error?.data.code], `${method} ${name}`).toEqual([404, 'NOT_FOUND']);
    }
  }
});

/** The error in an answer, or the error of the first call in a batch. */
const errorOf = (body: { error: never } | { error: never }[]) =>
  transformer.deserialize<Shape>((Array.isArray(body) ? body[0] : body)?.error as never);

const JSON_TYPE = /^application\/json/;
const CALLS = Array.from({ length: 21 }, () => 'contacts.create').join();

test('A request that is refused before any call is answered with JSON that says it is', async () => {
  await using app = await testApp();
  const inputs = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [i, { json: { name: 'Ada' } }]));
  for (const [method, path, body] of [
    ['GET', `/trpc/${CALLS.replaceAll('create', 'list')}?batch=1`],
    ['POST', `/trpc/${CALLS}?batch=1`, inputs],
    ['POST', '/trpc/contacts.create', '{'],
    ['GET', '/trpc/contacts.list?input={'],
    ['GET', '/trpc/contacts.list?batch=1&input={'],
  ] as const) {
    const answer = await app.api(app.one.key, method, path, body);
    expect([answer.status, errorOf(answer.body).data.code.replace('PARSE_ERROR', 'BAD_REQUEST')]).toEqual([
      400,
      'BAD_REQUEST',
    ]);
    expect(answer.headers.get('content-type'), `${method} ${path.slice(0, 40)}`).toMatch(JSON_TYPE);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  }
  expect((await app.trpc(app.one.key).contacts.list.query()).items).toEqual([]);
});

test('HEAD on a procedure is a 405 with the headers of every answer', async () => {
  await using app = await testApp();
  for (const path of ['keys.current', 'contacts.create', 'contacts.list,keys.current?batch=1', 'nothing']) {
    const answer = await app.api(app.one.key, 'HEAD', `/trpc/${path}`);
    expect([answer.status, answer.text, answer.headers.get('allow')], path).toEqual([405, '', 'GET, POST']);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers.get('content-type')).toMatch(JSON_TYPE);
  }
});

test('Input that is no object is refused with how it should be', async () => {
  await using app = await testApp();
  for (const [method, path, body] of [
    ['POST', '/trpc/contacts.create', 'null'],
    ['POST', '/trpc/contacts.create', '7'],
    ['POST', '/trpc/contacts.create', '"Ada"'],
    ['POST', '/trpc/contacts.create?batch=1', '{"0":null}'],
    ['GET', '/trpc/contacts.list?input=null'],
  ] as const) {
    const answer = await app.api(app.one.key, method, path, body);
    const { data } = errorOf(answer.body);
    const [issue] = data.details?.issues ?? [];
    expect([answer.status, issue?.path], `${path} ${body}`).toEqual([400, []]);
    expect(issue?.message, `${path} ${body}`).toContain('It must be an object such as {"json":{}}');
  }
  expect((await app.trpc(app.one.key).contacts.list.query()).items).toEqual([]);
});
