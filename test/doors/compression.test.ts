import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { acceptsGzip } from '../../server/doors/gzip.ts';
import { BODY_LIMIT } from '../../server/http/body.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const GZIP = { 'accept-encoding': 'gzip, deflate, br' };

/** Sends a request, and gives the bytes of the answer as they came. */
async function send(app: TestApp, path: string, { headers = {}, ...init }: RequestInit = {}) {
  const authorized = { authorization: `Bearer ${app.one.key}`, ...(headers as Record<string, string>) };
  const answer = await app.app.request(path, { ...init, headers: authorized });
  return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
}

const post = (app: TestApp, path: string, body: unknown, headers: Record<string, string> = {}) =>
  send(app, path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: (body instanceof Uint8Array ? body : JSON.stringify(body)) as NonNullable<RequestInit['body']>,
  });

const call = (name: string, args: object) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: args },
});

test.each([
  ['gzip', true],
  ['GZIP', true],
  ['x-gzip', true],
  ['br, gzip;q=0.5', true],
  ['*', true],
  ['br, *;q=0.1', true],
  ['gzip;q=0.5, identity;q=0.5', true],
  ['gzip;q=0', false],
  ['gzip;q=0, *', false],
  ['*;q=0', false],
  ['identity, gzip;q=0.5', false],
  ['br', false],
  ['identity', false],
  ['', false],
  [null, false],
])('Accept-Encoding %j: gzip %s', (header, expected) => {
  expect(acceptsGzip(header)).toBe(expected);
});

test('An answer over 1 KiB is gzipped at every door, for a caller who accepts it', async () => {
  await using app = await testApp();
  const { id } = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada', notes: 'x'.repeat(2_000) });
  const input = encodeURIComponent(JSON.stringify({ json: {} }));
  const asked: [string, (headers: Record<string, string>) => ReturnType<typeof send>][] = [
    ['REST', (headers) => send(app, '/api/contacts', { headers })],
    ['tRPC', (headers) => send(app, `/trpc/contacts.list?input=${input}`, { headers })],
    ['MCP', (headers) => post(app, '/mcp', call('get_contacts', { ids: [id] }), headers)],
    ['OpenAPI', (headers) => send(app, '/openapi.json', { headers })],
    ['the reference', (headers) => send(app, '/docs/swagger-ui.css', { headers })],
    ['HEAD', (headers) => send(app, '/api/contacts', { method: 'HEAD', headers })],
  ];
  for (const [door, ask] of asked) {
    const [plain, zipped] = [await ask({}), await ask(GZIP)];
    expect([plain.status, zipped.status], door).toEqual([200, 200]);
    for (const { headers } of [plain, zipped]) expect(headers.get('vary'), door).toMatch(/(^|, )Accept-Encoding$/);
    const encodings = [plain, zipped].map(({ headers }) => headers.get('content-encoding'));
    expect(encodings, door).toEqual([null, 'gzip']);
    expect(zipped.headers.get('content-type'), door).toBe(plain.headers.get('content-type'));
    if (door === 'HEAD') continue;
    expect(zipped.bytes.length, door).toBeLessThan(plain.bytes.length);
    expect(gunzipSync(zipped.bytes), door).toEqual(plain.bytes);
  }
  const refusing = await send(app, '/api/contacts', { headers: { 'accept-encoding': 'gzip;q=0, identity' } });
  expect(refusing.headers.get('content-encoding')).toBeNull();
  for (const path of ['/api/organization', '/api/nothing']) {
    const short = await send(app, path, { headers: GZIP });
    expect([short.headers.get('content-encoding'), short.headers.get('vary')]).toEqual([null, 'Accept-Encoding']);
    expect(JSON.parse(short.bytes.toString())).toHaveProperty('success');
  }
});

test('An answer that shows a secret is not compressed, however long, alone or in a batch', async () => {
  await using app = await testApp();
  const description = 'long '.repeat(100).trim();
  const allowedAddresses = Array.from({ length: 50 }, (_, index) => `203.0.113.${index}`);
  const settings = { name: 'a key', description, allowedAddresses, addressMode: 'report' };
  const issued = await post(app, '/api/keys', settings, GZIP);
  expect(issued.status).toBe(201);
  expect(issued.bytes.length).toBeGreaterThan(1_024);
  expect(issued.headers.get('content-encoding')).toBeNull();
  const { data } = JSON.parse(issued.bytes.toString());
  const rotated = await post(app, `/api/keys/${data.apiKey.id}/rotate`, {}, GZIP);
  expect(rotated.bytes.length).toBeGreaterThan(1_024);
  expect([rotated.status, rotated.headers.get('content-encoding')]).toEqual([200, null]);
  const long = { json: { name: 'Ada', notes: 'x'.repeat(2_000) } };
  for (const [path, input] of [
    ['keys.issue', { json: { name: 'another' } }],
    ['keys.mintToken', { json: { expiresInMinutes: 5 } }],
  ] as const) {
    const both = await post(app, `/trpc/${path},contacts.create?batch=1`, { 0: input, 1: long }, GZIP);
    expect([both.status, both.headers.get('content-encoding')], path).toEqual([200, null]);
    expect(both.bytes.length).toBeGreaterThan(2_000);
  }
  const alone = await post(app, '/trpc/contacts.create?batch=1', { 0: long }, GZIP);
  expect(alone.headers.get('content-encoding')).toBe('gzip');
});

test('Compression makes an entity tag weak, and the weak tag works as the strong tag does', async () => {
  await using app = await testApp();
  const { id } = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada', notes: 'x'.repeat(2_000) });
  const path = `/api/contacts/${id}`;
  const got = await send(app, path, { headers: GZIP });
  expect(got.headers.get('etag')).toBe('W/"1"');
  expect((await send(app, path)).headers.get('etag')).toBe('"1"');
  const again = await send(app, path, { headers: { ...GZIP, 'if-none-match': 'W/"1"' } });
  expect([again.status, again.headers.get('etag'), again.bytes.length]).toEqual([304, 'W/"1"', 0]);
  const changed = await app.api(app.one.key, 'PATCH', path, { title: 'Countess' }, { 'if-match': 'W/"1"' });
  expect([changed.status, changed.body.data.version]).toEqual([200, 2]);
  expect((await app.api(app.one.key, 'PATCH', path, { title: 'x' }, { 'if-match': 'W/"1"' })).status).toBe(412);
});

const DOORS: [string, (name: string) => object][] = [
  ['/api/contacts', (name) => ({ name })],
  ['/trpc/contacts.create', (name) => ({ json: { name } })],
  ['/mcp', (name) => call('create_contact', { name })],
];
const encoded = (encoding: string) => ({ 'content-encoding': encoding });

test.each(DOORS)('A gzipped body is read as the body that it is: %s', async (path, toBody) => {
  await using app = await testApp();
  const zip = (name: string) => gzipSync(JSON.stringify(toBody(name)));
  for (const encoding of ['gzip', 'X-GZIP', 'identity, gzip']) {
    expect((await post(app, path, zip('Ada'), encoded(encoding))).status, encoding).toBeLessThan(202);
  }
  expect((await post(app, path, toBody('Ada'), encoded('identity'))).status).toBeLessThan(202);
  expect((await app.trpc(app.one.key).contacts.list.query()).items).toHaveLength(4);
});

test('A request without a body may name gzip', async () => {
  await using app = await testApp();
  const { id } = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada' });
  for (const [method, path] of [
    ['DELETE', `/api/contacts/${id}`],
    ['POST', `/api/contacts/${id}/restore`],
  ] as const) {
    expect((await app.api(app.one.key, method, path, undefined, encoded('gzip'))).status, path).toBe(200);
  }
});

test.each(DOORS)(
  'A body in another encoding is a 415, and one that is not as it says a 400: %s',
  async (path, toBody) => {
    await using app = await testApp();
    const plain = JSON.stringify(toBody('Ada'));
    for (const encoding of ['br', 'deflate', 'zstd', 'gzip, gzip', 'nonsense']) {
      const { status, headers, bytes } = await post(app, path, gzipSync(plain), encoded(encoding));
      expect([status, headers.get('accept-encoding')], encoding).toEqual([415, 'gzip']);
      expect(bytes.toString()).toContain('compressed with gzip');
    }
    for (const body of [Buffer.from(plain), gzipSync(plain).subarray(0, -9), Buffer.from([0x1f, 0x8b])]) {
      const { status, bytes } = await post(app, path, body, encoded('gzip'));
      expect([status, bytes.toString()]).toEqual([400, expect.stringContaining('not what gzip writes')]);
    }
    expect((await app.trpc(app.one.key).contacts.list.query()).items).toEqual([]);
  },
);

test.each(DOORS)(
  'A body that inflates to more than 1 MiB is a 413, before all of it is inflated: %s',
  async (path, toBody) => {
    await using app = await testApp();
    // A gigabyte, in a megabyte: to inflate all of it would take seconds and a gigabyte.
    const bomb = Buffer.concat(Array.from({ length: 64 }, () => gzipSync(Buffer.alloc(16 * BODY_LIMIT))));
    expect(bomb.length).toBeLessThanOrEqual(BODY_LIMIT + 100_000);
    const before = process.memoryUsage().arrayBuffers;
    const { status } = await post(app, path, bomb.subarray(0, BODY_LIMIT), encoded('gzip'));
    expect(status).toBe(413);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * BODY_LIMIT);
    const fits = JSON.stringify(toBody('Ada')).padEnd(BODY_LIMIT);
    expect((await post(app, path, gzipSync(fits), encoded('gzip'))).status).toBeLessThan(202);
    expect((await post(app, path, gzipSync(`${fits} `), encoded('gzip'))).status).toBe(413);
  },
);
