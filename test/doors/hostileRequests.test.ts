import { expect, test } from 'vitest';
import { routes } from '../../server/doors/rest/routes.ts';
import { BODY_LIMIT } from '../../server/http/body.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const NOBODY = '01890000-0000-7000-8000-000000000000';

async function send(app: TestApp, method: string, path: string, body?: string | Uint8Array) {
  const response = await app.app.request(path, {
    method,
    headers: {
      authorization: `Bearer ${app.one.key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: body as string }),
  });
  const text = await response.text();
  if (text !== '') JSON.parse(text);
  return response.status;
}

test('A body that is empty, cut off, no object or no UTF-8 is refused', async () => {
  await using app = await testApp();
  const bytes = (...parts: (string | number[])[]) => Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const bodies = [
    '',
    ' ',
    '{',
    '{"name":"Ada"',
    '{"name":"Ada"}}',
    "{'name':'Ada'}",
    '{"name":"Ada",}',
    'NaN',
    '0',
    '-1e999',
    'true',
    '"Ada"',
    '[]',
    '[{"name":"Ada"}]',
    bytes('{"name":"', [0xff, 0xfe], '"}'),
    bytes('{"name":"', [0xc0, 0x80], '"}'),
    bytes('{"name":"', [0xed, 0xa0, 0x80], '"}'),
    bytes('{"name":"', [0xf4, 0x90, 0x80, 0x80], '"}'),
    new Uint8Array(Buffer.from('\ufeff{"name":"Ada"}', 'utf16le')),
  ];
  for (const body of bodies) {
    const message = Buffer.from(body).toString('latin1');
    expect(await send(app, 'POST', '/api/contacts', body), message).toBe(400);
    for (const path of ['contacts.create', 'contacts.create?batch=1', 'contacts.create,keys.issue?batch=1']) {
      expect(await send(app, 'POST', `/trpc/${path}`, body), `${path} ${message}`).toBe(400);
    }
  }
  for (const body of ['null', '{}']) expect(await send(app, 'POST', '/api/contacts', body)).toBe(400);
  // A byte order mark in front of UTF-8 does not count as text.
  expect(await send(app, 'POST', '/api/contacts', bytes([0xef, 0xbb, 0xbf], '{"name":"Ada"}'))).toBe(201);
  expect((await app.trpc(app.one.key).contacts.list.query()).items).toHaveLength(1);
});

test('The inputs of tRPC’s query string may be anything', async () => {
  await using app = await testApp();
  const odd = [
    '',
    '{',
    'null',
    '7',
    '"x"',
    '[]',
    '{}',
    '[null]',
    '{"0":null}',
    '{"0":7}',
    '{"json":null}',
    '\0',
    '\ufffd',
  ];
  odd.push(
    '{"0":{"json":7}}',
    '{"0":{"json":{},"meta":7}}',
    '{"json":{},"meta":null}',
    '{"json":{},"meta":{"values":7}}',
  );
  odd.push(
    '{"99999999999":{"json":{}}}',
    '{"-1":{}}',
    '{"0":{"meta":{"values":["Date"]}}}',
    '{"json":{"limit":1e400}}',
  );
  for (const value of odd) {
    const input = encodeURIComponent(value);
    for (const more of ['', '&batch=1', '&batch=2', '&batch=1&batch=1', `&input=${input}`, '&connectionParams=x']) {
      for (const path of [
        'contacts.list',
        'contacts.list,keys.current',
        'contacts.get',
        ',',
        'contacts.list,',
        '%00',
        '%zz',
      ]) {
        const status = await send(app, 'GET', `/trpc/${path}?input=${input}${more}`);
        expect([200, 207, 400, 404], `${path} ${value} ${more}`).toContain(status);
      }
    }
  }
  for (const params of ['7', 'null', '{"a":1}', '{"a":"b"}', '{', '[]']) {
    const status = await send(app, 'GET', `/trpc/keys.current?connectionParams=${encodeURIComponent(params)}`);
    expect([200, 400], params).toContain(status);
  }
});

test('An id in a path may be anything, and is then no id', async () => {
  await using app = await testApp();
  const { id } = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada' });
  const odd = [
    '%00',
    '%2e%2e',
    '..%2f..%2fkeys',
    '%F0%9F%99%82',
    '🙂',
    '%zz',
    '%',
    '%ff',
    '%C0%AE',
    "'--",
    '%25',
    ' ',
    '+',
  ];
  odd.push('null', 'undefined', '0', '-1', '1e9', 'batch', 'current', '__proto__', 'constructor', `${id}%00`, `${id}'`);
  odd.push(
    `{${id}}`,
    id.replaceAll('-', ''),
    `urn:uuid:${id}`,
    `${id}${id}`,
    'a'.repeat(50_000),
    '*',
    '%7Bid%7D',
    `;${id}`,
  );
  for (const value of odd) {
    for (const { method, path } of routes.filter((route) => route.path.includes('{id}'))) {
      const status = await send(
        app,
        method,
        path.replace('{id}', value),
        method === 'PATCH' ? '{"name":"x"}' : undefined,
      );
      expect([400, 404, 405], `${method} ${path} ${value.slice(0, 50)}`).toContain(
        method === 'GET' && path === '/api/keys/{id}' && value === 'current' ? 404 : status,
      );
    }
  }
  expect(await send(app, 'GET', `/api/contacts/${id.toUpperCase()}`)).toBe(200);
  // A UUID of an unknown version, the nil UUID and the max UUID.
  for (const uuid of [
    NOBODY,
    '11111111-1111-1111-1111-111111111111',
    NOBODY.replace(/\w/g, '0'),
    NOBODY.replace(/\w/g, 'F'),
  ]) {
    expect(await send(app, 'GET', `/api/contacts/${uuid}`), uuid).toBe(404);
    expect(await send(app, 'DELETE', `/api/keys/${uuid}`), uuid).toBe(404);
  }
});

test('Query values may be long, many, or twice there', async () => {
  await using app = await testApp();
  for (const name of ['search', 'tag', 'email', 'cursor', 'limit', 'updatedSince', 'organizationId', 'x']) {
    for (const value of ['a'.repeat(300_000), '%20'.repeat(50_000), '%F0%9F%99%82'.repeat(10_000), `1&${name}=1`]) {
      expect(await send(app, 'GET', `/api/contacts?${name}=${value}`), name).toBe(400);
    }
  }
  const many = Array.from({ length: 20_000 }, (_, index) => `p${index}=${index}`).join('&');
  expect(await send(app, 'GET', `/api/contacts?${many}`)).toBe(400);
  expect(await send(app, 'GET', `/api/contacts?search=${'a%20b%20'.repeat(80)}`)).toBe(400);
  const words = Array.from({ length: 66 }, (_, index) => String.fromCodePoint(97 + (index % 26), 0x100 + index)).join(
    '%20',
  );
  expect(await send(app, 'GET', `/api/contacts?search=${words}`)).toBe(200);
  expect(await send(app, 'GET', '/api/contacts?search=%zz&tag=%')).toBe(200);
});

test('Wide bodies are answered in good time', async () => {
  await using app = await testApp();
  const fill = (item: string) =>
    `[${Array(Math.floor((BODY_LIMIT - 200) / (item.length + 1)))
      .fill(item)
      .join()}]`;
  const startedAt = performance.now();
  for (const json of [fill('0'), fill('{}'), fill('[[]]'), fill('"a"'), fill('"__proto__"')]) {
    expect(await send(app, 'POST', '/api/contacts', `{"name":"Ada","customFields":{"a":${json}}}`)).toBe(400);
    expect(await send(app, 'POST', '/trpc/contacts.create', `{"json":{"name":${json}}}`)).toBe(400);
    expect(await send(app, 'POST', '/api/contacts', `{"name":"Ada","tags":${json}}`)).toBe(400);
    expect(await send(app, 'POST', '/api/contacts/batch', json)).toBe(400);
  }
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});
