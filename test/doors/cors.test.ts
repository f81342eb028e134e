import { expect, test } from 'vitest';
import { listen } from '../../server/start/listen.ts';
import { MCP_HEADERS, whoami } from '../helpers/mcp.ts';
import { openSocket, parseAnswer } from '../helpers/service.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const ORIGIN = 'https://app.example.com';
const FOREIGN = 'https://evil.example';
const corsApp = (deps: Parameters<typeof testApp>[0] = {}) =>
  testApp({ choices: { allowedOrigins: new Set([ORIGIN, 'http://localhost:5173']) }, ...deps });

const EXPOSED = [
  'ETag',
  'Idempotency-Replayed',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'WWW-Authenticate',
  'X-Request-Id',
];
const varied = (headers: Headers) => headers.get('vary')?.split(/,\s*/) ?? [];
const exposed = (headers: Headers) => headers.get('access-control-expose-headers')?.split(', ').sort();

function expectAllowed(headers: Headers, what: string) {
  expect(headers.get('access-control-allow-origin'), what).toBe(ORIGIN);
  expect(headers.get('access-control-allow-credentials'), what).toBeNull();
  expect(varied(headers), what).toContain('Origin');
  expect(exposed(headers), what).toEqual(EXPOSED);
}

const json = { 'content-type': 'application/json' };
type Call = [status: number, method: string, path: string, init?: { headers?: Record<string, string>; body?: unknown }];
/** Answers and refusals of every kind, of every door. */
const calls = ({ one }: TestApp): Call[] => {
  const authorization = `Bearer ${one.key}`;
  const large = JSON.stringify({ name: 'x'.repeat(1_100_000) });
  return [
    [200, 'GET', '/api/contacts', { headers: { authorization } }],
    [200, 'HEAD', '/api/contacts', { headers: { authorization } }],
    [201, 'POST', '/api/contacts', { headers: { authorization, ...json }, body: { name: 'Ada' } }],
    [401, 'GET', '/api/contacts'],
    [400, 'POST', '/api/contacts', { headers: { authorization, ...json }, body: {} }],
    [404, 'GET', '/api/nothing', { headers: { authorization } }],
    [404, 'GET', '/api/contacts/01890000-0000-7000-8000-000000000000', { headers: { authorization } }],
    [405, 'PUT', '/api/contacts', { headers: { authorization } }],
    [413, 'POST', '/api/contacts', { headers: { authorization, ...json }, body: large }],
    [415, 'POST', '/api/contacts', { headers: { authorization, 'content-type': 'text/plain' }, body: '{}' }],
    [200, 'GET', '/trpc/contacts.list', { headers: { authorization } }],
    [207, 'GET', '/trpc/contacts.list,nothing?batch=1', { headers: { authorization } }],
    [400, 'GET', `/trpc/${'contacts.list,'.repeat(20)}contacts.list?batch=1`, { headers: { authorization } }],
    [401, 'GET', '/trpc/contacts.list'],
    [404, 'GET', '/trpc', { headers: { authorization } }],
    [404, 'GET', '/trpc/nothing', { headers: { authorization } }],
    [405, 'PUT', '/trpc/contacts.list', { headers: { authorization } }],
    [413, 'POST', '/trpc/contacts.create', { headers: { authorization, ...json }, body: large }],
    [415, 'POST', '/trpc/contacts.create', { headers: { authorization }, body: '{}' }],
    [200, 'POST', '/mcp', { headers: { authorization, ...MCP_HEADERS }, body: whoami(1) }],
    [401, 'POST', '/mcp', { headers: MCP_HEADERS, body: whoami(1) }],
    [405, 'GET', '/mcp', { headers: { authorization } }],
  ];
};

const send = ({ app }: TestApp, [, method, path, { headers = {}, body } = {}]: Call, origin?: string) =>
  app.request(path, {
    method,
    headers: { ...headers, ...(origin !== undefined && { origin }) },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });

test('A page of an allowed origin may read every answer and every refusal, and what a client needs of the headers', async () => {
  await using app = await corsApp();
  for (const call of calls(app)) {
    const answer = await send(app, call, ORIGIN);
    expect(answer.status, call.slice(0, 3).join(' ')).toBe(call[0]);
    expectAllowed(answer.headers, call.slice(0, 3).join(' '));
  }
});

test('No other page may read an answer, and an answer without an origin says that it differs by origin', async () => {
  await using app = await corsApp();
  for (const call of calls(app)) {
    for (const origin of [undefined, FOREIGN, 'null', `${ORIGIN}.evil.example`, `${ORIGIN}, ${FOREIGN}`]) {
      const { headers, status } = await send(app, call, origin);
      const what = `${call.slice(0, 3).join(' ')} ${origin}`;
      // MCP asks its servers to refuse foreign pages, so that a page cannot reach a server behind a firewall.
      expect(status, what).toBe(call[1] === 'POST' && call[2] === '/mcp' && origin !== undefined ? 403 : call[0]);
      expect(headers.get('access-control-allow-origin'), what).toBeNull();
      expect(varied(headers), what).toContain('Origin');
    }
  }
});

test('Without the setting no answer has a word about origins, and no page of another origin may call', async () => {
  await using app = await testApp();
  for (const call of calls(app)) {
    const { headers } = await send(app, call, ORIGIN);
    expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(varied(headers), call[2]).not.toContain('Origin');
  }
});

const preflight = ({ app }: TestApp, path: string, headers: Record<string, string>) =>
  app.request(path, { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST', ...headers } });

test('A preflight is answered for a day, without a key, with the methods and headers of every door', async () => {
  await using app = await corsApp();
  for (const path of ['/api/contacts', '/api/contacts/x', '/api/nothing', '/trpc/contacts.list', '/trpc/a,b', '/mcp']) {
    const asked = 'authorization,content-type,mcp-param-team,x-username';
    const { status, headers, body } = await preflight(app, path, {
      origin: ORIGIN,
      'access-control-request-headers': asked,
    });
    expect([status, body], path).toEqual([204, null]);
    expectAllowed(headers, path);
    expect(headers.get('access-control-max-age')).toBe('86400');
    expect(headers.get('access-control-allow-methods')?.split(', ')).toEqual([
      'GET',
      'HEAD',
      'POST',
      'PATCH',
      'DELETE',
    ]);
    const allowed = headers.get('access-control-allow-headers')?.split(', ');
    for (const name of [
      ...asked.split(','),
      'if-match',
      'if-none-match',
      'idempotency-key',
      'trpc-accept',
      'mcp-protocol-version',
      'x-request-id',
    ]) {
      expect(allowed, path).toContain(name);
    }
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test('A preflight of another origin, or where no page may call, is a 403 that names the setting', async () => {
  await using app = await corsApp();
  await using closed = await testApp();
  for (const [asked, path, origin] of [
    [app, '/api/contacts', FOREIGN],
    [app, '/trpc/contacts.list', 'null'],
    [app, '/mcp', `${ORIGIN}/`],
    [app, '/api/auth/sign-in/email', ORIGIN],
    [app, '/api/auth', ORIGIN],
    [app, '/', ORIGIN],
    [app, '/apiary', ORIGIN],
    [closed, '/api/contacts', ORIGIN],
  ] as const) {
    const answer = await preflight(asked, path, { origin });
    const { error, details } = (await answer.json()) as { error: string; details: { reason: string; hint: string } };
    expect([answer.status, error], path).toEqual([403, 'You do not have permission to access this resource']);
    expect(details.reason).toBe(`Pages of the origin ${origin} may not call this address`);
    expect(details.hint).toContain('INTROZY_ALLOWED_ORIGINS');
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  }
});

test('A preflight repeats no key, and OPTIONS that is no preflight stays a 405', async () => {
  await using app = await corsApp();
  const { one } = app;
  const allowed = await preflight(app, '/api/contacts', { origin: ORIGIN, 'access-control-request-headers': one.key });
  const refused = await preflight(app, '/api/contacts', { origin: `https://${one.key}.example` });
  for (const answer of [allowed, refused]) {
    expect(JSON.stringify([...answer.headers]) + (await answer.text())).not.toContain(one.key);
  }
  const options = await app.app.request('/api/contacts', { method: 'OPTIONS', headers: { origin: ORIGIN } });
  expect([options.status, options.headers.get('allow')]).toEqual([405, 'GET, POST, HEAD']);
  expectAllowed(options.headers, 'OPTIONS');
});

test('Accounts and pages have no CORS, whatever the origin', async () => {
  await using app = await corsApp();
  for (const path of [
    '/',
    '/docs',
    '/openapi.json',
    '/livez',
    '/api/auth/get-session',
    '/api/auth/nothing',
    '/nothing',
  ]) {
    const { headers } = await app.app.request(path, { headers: { origin: ORIGIN } });
    expect(
      [...headers.keys()].filter((name) => name.startsWith('access-control')),
      path,
    ).toEqual([]);
    expect(varied(headers), path).not.toContain('Origin');
  }
});

test('429 and 503 say to an allowed page when to come again', async () => {
  await using app = await corsApp({ rateLimit: 1 });
  const authorization = `Bearer ${app.one.key}`;
  for (const path of ['/api/keys/current', '/trpc/keys.current']) {
    const first = await send(app, [200, 'GET', path, { headers: { authorization } }], ORIGIN);
    await first.text();
    const over = await send(app, [429, 'GET', path, { headers: { authorization } }], ORIGIN);
    expect([over.status, Number(over.headers.get('retry-after')) > 0]).toEqual([429, true]);
    expectAllowed(over.headers, path);
  }
  app.deps.draining.abort();
  const ready = await send(app, [503, 'GET', '/readyz'], ORIGIN);
  expect([ready.status, ready.headers.get('access-control-allow-origin')]).toEqual([503, null]);
});

/** The app behind a real listener; `exchange` sends text and parses what comes. */
async function listenApp() {
  const app = await corsApp();
  const { allowedOrigins, log } = app.deps;
  const listener = await listen(app.app.fetch, { host: '127.0.0.1', port: 0, log, allowedOrigins });
  const address = `http://127.0.0.1:${listener.port}`;
  return {
    ...app,
    address,
    async exchange(text: string) {
      const { send, closed } = openSocket(address);
      send(text);
      return parseAnswer(await closed);
    },
    async [Symbol.asyncDispose]() {
      await listener.drain();
      await app[Symbol.asyncDispose]();
    },
  };
}

test('Refusals before routing have the headers too: doubled keys, large headers, other expectations, no HTTP', async () => {
  await using app = await listenApp();
  const get = (origin: string) => `GET /api/contacts HTTP/1.1\r\nHost: a\r\nConnection: close\r\nOrigin: ${origin}\r\n`;
  const bearer = `Authorization: Bearer ${app.one.key}\r\n`;
  for (const [status, more] of [
    [400, `${bearer}${bearer}\r\n`],
    [431, `X-Large: ${'x'.repeat(40_000)}\r\n\r\n`],
    [417, 'Expect: foo\r\n\r\n'],
    [400, 'Content-Length: x\r\n\r\n'],
  ] as const) {
    const answer = await app.exchange(get(ORIGIN) + more);
    expect(answer.status, more.slice(0, 20)).toBe(status);
    expectAllowed(answer.headers, more.slice(0, 20));
    const foreign = await app.exchange(get(FOREIGN) + more);
    expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([status, null]);
  }
});
