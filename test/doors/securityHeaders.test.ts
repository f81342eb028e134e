import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { listen } from '../../server/start/listen.ts';
import { MCP_HEADERS, whoami } from '../helpers/mcp.ts';
import { openSocket, parseAnswer } from '../helpers/service.ts';
import { testApp } from '../helpers/testApp.ts';

const HTTPS = 'https://introzy.test';
const HSTS = 'max-age=31536000; includeSubDomains';
const [asset] = readdirSync(resolve(import.meta.dirname, '../../client/dashboard/dist/assets'));

type Call = [
  method: string,
  path: string,
  status: number,
  parts?: { headers?: Record<string, string>; body?: unknown },
];
const json = { 'content-type': 'application/json' };
/** An answer of every door, and of every kind. */
const calls = (key: string): Call[] => {
  const authorization = `Bearer ${key}`;
  return [
    ['GET', '/', 200],
    ['GET', '/contacts', 200],
    ['POST', '/', 405],
    ['GET', `/assets/${asset}`, 200],
    ['GET', `/assets/${asset}`, 206, { headers: { range: 'bytes=0-9' } }],
    ['GET', `/assets/${asset}`, 416, { headers: { range: 'bytes=999999999-' } }],
    ['GET', '/assets/nothing.js', 404],
    ['GET', '/docs', 200],
    ['GET', '/docs/swagger-ui.css', 200],
    ['GET', '/openapi.json', 200],
    ['GET', '/livez', 200],
    ['GET', '/readyz', 200],
    ['GET', '/nothing', 404],
    ['GET', '/api/contacts', 401],
    ['GET', '/api/contacts', 200, { headers: { authorization } }],
    ['HEAD', '/api/contacts', 200, { headers: { authorization } }],
    ['POST', '/api/contacts', 201, { headers: { authorization, ...json }, body: { name: 'Ada' } }],
    ['POST', '/api/contacts', 400, { headers: { authorization, ...json }, body: {} }],
    ['POST', '/api/contacts', 415, { headers: { authorization }, body: {} }],
    ['PUT', '/api/contacts', 405, { headers: { authorization } }],
    ['GET', '/trpc/contacts.list', 200, { headers: { authorization } }],
    ['GET', '/trpc/contacts.list,nothing?batch=1', 207, { headers: { authorization } }],
    ['GET', '/trpc/contacts.list', 401],
    ['HEAD', '/trpc/contacts.list', 405],
    ['POST', '/mcp', 200, { headers: { authorization, ...MCP_HEADERS }, body: whoami(1) }],
    ['POST', '/mcp', 401, { headers: MCP_HEADERS, body: whoami(1) }],
    ['GET', '/mcp', 405],
    ['GET', '/api/auth/get-session', 200],
    ['GET', '/api/auth/nothing', 404],
    ['POST', '/api/auth/sign-in/email', 403, { headers: json, body: { email: 'a@b.example', password: 'x' } }],
  ];
};

test.each<[string, { publicUrl?: string; trustProxy?: boolean }, string | undefined, string | null]>([
  ['over http', {}, undefined, null],
  ['over http, whatever a caller claims', {}, 'https', null],
  ['over https, by PUBLIC_URL', { publicUrl: HTTPS }, undefined, HSTS],
  ['over https, by a trusted proxy', { trustProxy: true }, 'http, HTTPS', HSTS],
  ['over http, by a trusted proxy', { trustProxy: true }, 'https, http', null],
])('Every answer has the headers for browsers: %s', async (_, choices, proto, hsts) => {
  await using app = await testApp({ choices });
  for (const [method, path, status, { headers = {}, body } = {}] of calls(app.one.key)) {
    const answer = await app.app.request(`${choices.publicUrl ?? 'http://127.0.0.1:3000'}${path}`, {
      method,
      headers: { ...headers, ...(proto !== undefined && { 'x-forwarded-proto': proto }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    await answer.text();
    const seen = `${method} ${path} ${answer.status}`;
    expect(seen).toBe(`${method} ${path} ${status}`);
    const kept = path.startsWith('/assets/') && answer.ok ? 'public, max-age=31536000, immutable' : undefined;
    if (!path.startsWith('/docs/')) expect(answer.headers.get('cache-control'), seen).toBe(kept ?? 'no-store');
    expect(answer.headers.get('x-request-id'), seen).toMatch(/^[\w-]{36}$/);
    expect(answer.headers.get('strict-transport-security'), seen).toBe(hsts);
    expect(answer.headers.get('cross-origin-resource-policy'), seen).toBe('same-origin');
    expect(answer.headers.get('x-content-type-options'), seen).toBe('nosniff');
    const policy = answer.headers.get('permissions-policy') ?? '';
    for (const feature of ['camera', 'microphone', 'geolocation', 'payment', 'usb']) {
      expect(policy.split(', '), seen).toContain(`${feature}=()`);
    }
    // The dashboard copies keys, and signs in with passkeys.
    expect(policy).not.toMatch(/clipboard|publickey/);
  }
});

test.each([
  ['http://introzy.test', null],
  [HTTPS, HSTS],
])('Answers to requests that no door gets have them too, at %s', async (publicUrl, hsts) => {
  await using app = await testApp();
  const listener = await listen(app.app.fetch, { host: '127.0.0.1', port: 0, log: app.deps.log, publicUrl });
  const get = 'GET /livez HTTP/1.1\r\nConnection: close\r\n';
  for (const [text, status] of [
    ['no HTTP\r\n\r\n', 400],
    [`${get}\r\n`, 400],
    [`${get}Host: a\r\nExpect: foo\r\n\r\n`, 417],
    [`${get}Host: a\r\nX-Large: ${'x'.repeat(70_000)}\r\n\r\n`, 431],
  ] as const) {
    const { send, closed } = openSocket(`http://127.0.0.1:${listener.port}`);
    send(text);
    const answer = parseAnswer(await closed);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('strict-transport-security')).toBe(hsts);
    expect(answer.headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(answer.headers.get('permissions-policy')).toContain('camera=()');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  }
  await listener.drain();
});
