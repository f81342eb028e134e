import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TestApp, testApp } from '../helpers/testApp.ts';

let app: TestApp;
beforeEach(async () => {
  app = await testApp();
});
// After each test the next request is answered, and no prototype has gained a property.
afterEach(async () => {
  const next = await app.api(app.one.key, 'GET', '/api/contacts?limit=1');
  expect([next.status, ({} as { polluted?: unknown }).polluted]).toEqual([200, undefined]);
  expect(app.logs.filter((line) => line.includes('"level":50')).map((line) => line.slice(0, 500))).toEqual([]);
  await app[Symbol.asyncDispose]();
});

type Body = string | Uint8Array;

async function send(method: string, path: string, body?: Body, type = 'application/json') {
  const response = await app.app.request(path, {
    method,
    headers: { authorization: `Bearer ${app.one.key}`, ...(body !== undefined && { 'content-type': type }) },
    ...(body !== undefined && { body: body as string }),
  });
  const text = await response.text();
  expect(text).not.toMatch(/node_modules|\.ts:\d/);
  if (text !== '') JSON.parse(text);
  return { status: response.status, text };
}

/** Sends a body to REST, to tRPC and to tRPC in a batch, and gives the three statuses. */
async function sendBoth(json: string): Promise<number[]> {
  const rest = await send('POST', '/api/contacts', json);
  const trpc = await send('POST', '/trpc/contacts.create', `{"json":${json}}`);
  const batch = await send('POST', '/trpc/contacts.create?batch=1', `{"0":{"json":${json}}}`);
  return [rest.status, trpc.status, batch.status];
}

const query = (json: unknown, meta?: unknown) =>
  `/trpc/contacts.list?input=${encodeURIComponent(JSON.stringify({ json, ...(meta !== undefined && { meta }) }))}`;

test('NUL and lone surrogates are refused in every text, with its path', async () => {
  for (const text of ['a\\u0000b', '\\u0000', '\\ud800', 'a\\udfffb', '\\udc00\\ud800']) {
    for (const field of ['name', 'email', 'phone', 'company', 'title', 'location', 'linkedinUrl', 'notes']) {
      const value = field === 'linkedinUrl' ? `https://x.org/${text}` : field === 'email' ? `${text}@x.org` : text;
      expect(await sendBoth(`{"name":"Ada","${field}":"${value}"}`), `${field} ${text}`).toEqual([400, 400, 400]);
    }
    for (const json of [
      `{"tags":["${text}"]}`,
      `{"customFields":{"a":["${text}"]}}`,
      `{"customFields":{"${text}":1}}`,
    ]) {
      expect(await sendBoth(`{"name":"Ada",${json.slice(1)}`), json).toEqual([400, 400, 400]);
    }
    const { status } = await send('POST', '/api/keys', `{"name":"${text}"}`);
    expect(status).toBe(400);
    for (const name of ['search', 'tag', 'email']) {
      expect((await send('GET', query({ [name]: JSON.parse(`"${text}"`) }))).status).toBe(400);
    }
  }
  for (const name of ['search', 'tag', 'email', 'cursor', 'organizationId', 'updatedSince']) {
    expect((await send('GET', `/api/contacts?${name}=a%00b`)).status, name).toBe(400);
  }
});

test('Keys of objects’ prototypes are harmless', async () => {
  for (const key of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__']) {
    const polluting = `{"polluted":1,"prototype":{"polluted":1}}`;
    const statuses = [
      ...(await sendBoth(`{"name":"Ada","${key}":${polluting}}`)),
      ...(await sendBoth(`{"name":"Ada","customFields":{"${key}":${polluting}}}`)),
      ...(await sendBoth(`{"${key}":${polluting}}`)),
      (await send('POST', '/trpc/contacts.create', `{"${key}":${polluting}}`)).status,
      (await send('POST', `/trpc/contacts.create?batch=1`, `{"${key}":{"json":{"name":"Ada"}}}`)).status,
      (await send('POST', '/api/contacts/batch', `[{"name":"Ada","${key}":${polluting}}]`)).status,
      (await send('GET', `/api/contacts?${key}=1`)).status,
      (await send('GET', `/api/contacts?${key}=1&${key}=2`)).status,
      (await send('GET', `/trpc/contacts.list?${key}=1&input=%7B%22${key}%22:1%7D`)).status,
    ];
    for (const path of [key, `${key}.polluted`, `name.${key}`, `customFields.${key}.polluted`]) {
      const meta = `{"values":{"${path}":["Date"]},"referentialEqualities":{"${path}":["name"]}}`;
      const body = `{"json":{"name":"Ada","customFields":{}},"meta":${meta}}`;
      statuses.push((await send('POST', '/trpc/contacts.create', body)).status);
    }
    for (const status of statuses) expect([200, 201, 400], key).toContain(status);
  }
  const kept = '{"name":"Ada","customFields":{"constructor":{"prototype":1}}}';
  expect(await sendBoth(kept)).toEqual([201, 200, 200]);
  const { contacts } = app.trpc(app.one.key);
  const { items } = await contacts.list.query({ limit: 200 });
  for (const { customFields } of items) expect(Object.hasOwn(customFields, '__proto__')).toBe(false);
});

test('JSON that nests half a million deep is refused', async () => {
  const deep = `${'['.repeat(500_000)}${']'.repeat(500_000)}`;
  const deepObjects = `${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`;
  for (const json of [deep, deepObjects]) {
    expect(await sendBoth(json)).toEqual([400, 400, 400]);
    expect(await sendBoth(`{"name":"Ada","customFields":{"a":${json}}}`)).toEqual([400, 400, 400]);
    for (const body of [
      json,
      `{"json":{"name":"Ada"},"meta":${json}}`,
      `{"json":{"name":"Ada"},"meta":{"values":${json}}}`,
    ]) {
      expect((await send('POST', '/trpc/contacts.create', body)).status).toBe(400);
    }
    expect((await send('POST', '/api/contacts/batch', `{"contacts":[${json}]}`)).status).toBe(400);
  }
  const nested = (depth: number) => `{"name":"Ada","customFields":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`;
  expect(await sendBoth(nested(50))).toEqual([201, 200, 200]);
  expect(await sendBoth(nested(100))).toEqual([400, 400, 400]);
});

test('References of superjson, shared or circular, are not followed', async () => {
  const json = { name: 'Ada', customFields: { a: { b: {} } } };
  for (const referentialEqualities of [
    { 'customFields.a': ['customFields'] },
    { customFields: ['customFields.a', 'customFields.a.b'] },
    { name: ['customFields.a.b'] },
    [['customFields']],
    [['customFields'], { 'customFields.a': ['customFields.a.b'] }],
    'customFields',
    null,
    7,
  ]) {
    const body = JSON.stringify({ json, meta: { values: {}, referentialEqualities, v: 1 } });
    const { status, text } = await send('POST', '/trpc/contacts.create', body);
    expect(status).toBe(200);
    expect(JSON.parse(text).result.data.json.customFields).toEqual(json.customFields);
  }
});

test('Dates that are none, or of extreme years, are refused', async () => {
  const dates = ['garbage', '', '+275760-09-13T00:00:00.000Z', '-000001-01-01T00:00:00Z', '0000-06-01T00:00:00Z'];
  for (const date of [...dates, '2026-02-30T25:00:00Z', '10000-01-01T00:00:00Z', '+010000-01-01T00:00:00.000Z']) {
    const statuses = [
      (await send('GET', query({ updatedSince: date }, { values: { updatedSince: ['Date'] } }))).status,
      (await send('GET', query({ updatedSince: date }))).status,
      (await send('GET', `/api/contacts?updatedSince=${encodeURIComponent(date)}`)).status,
    ];
    expect(statuses, date).toEqual([400, 400, 400]);
  }
  for (const date of [8.64e15, -8.64e15, 1e300, null, {}, []]) {
    const { status } = await send('GET', query({ updatedSince: date }, { values: { updatedSince: ['Date'] } }));
    expect([200, 400], `${date}`).toContain(status);
  }
  expect((await send('GET', query({ search: 'x' }, { values: { search: ['Date'] } }))).status).toBe(400);
});

test('Values that superjson knows and JSON does not are refused wherever they stand', async () => {
  const values: [unknown, unknown][] = [
    [null, ['undefined']],
    ['123', ['bigint']],
    ['not a number', ['bigint']],
    ['NaN', ['number']],
    ['Infinity', ['number']],
    ['-0', ['number']],
    ['/a/g', ['regexp']],
    ['/(/', ['regexp']],
    ['no slashes', ['regexp']],
    [[1, 2], ['set']],
    [[['a', 1]], ['map']],
    ['not a list', ['map']],
    ['https://x.org', ['URL']],
    ['::', ['URL']],
    [{ name: 'Error', message: 'x' }, ['Error']],
    [[1, 2], [['typed-array', 'Uint8Array']]],
    [{ length: 1e9 }, [['typed-array', 'Float64Array']]],
    ['x', [['symbol', 'x']]],
    ['x', [['class', 'x']]],
    ['x', [['custom', 'x']]],
    ['x', 'Date'],
    ['x', [[['Date']]]],
    ['x', null],
    ['x', 7],
  ];
  for (const [value, annotation] of values) {
    for (const field of ['name', 'email', 'tags', 'customFields', 'customFields.a', 'organizationId', 'nickname']) {
      const json =
        field === 'customFields.a' ? { name: 'Ada', customFields: { a: value } } : { name: 'Ada', [field]: value };
      const body = JSON.stringify({ json, meta: { values: { [field]: annotation }, v: 1 } });
      const { status } = await send('POST', '/trpc/contacts.create', body);
      expect([200, 400], body).toContain(status);
    }
    for (const field of ['limit', 'search', 'cursor', 'updatedSince', 'includeDeleted', 'tag']) {
      const { status } = await send('GET', query({ [field]: value }, { values: { [field]: annotation } }));
      expect([200, 400], field).toContain(status);
    }
    for (const [path, json] of [
      ['keys.current', null],
      ['contacts.list', value],
    ] as const) {
      const input = encodeURIComponent(JSON.stringify({ json, meta: { values: annotation } }));
      expect([200, 400]).toContain((await send('GET', `/trpc/${path}?input=${input}`)).status);
    }
  }
});

test('Metacharacters of SQL, LIKE, JSON and arrays are text like any other', async () => {
  const words = [
    "'; drop table contacts; --",
    '%',
    '_',
    '\\',
    '\\\\',
    '{a,b}',
    '"',
    "$1 ' || '",
    '*',
    '\u202e',
    '#{x}',
  ];
  for (const word of [
    ...words,
    '%s%n',
    '\\u0000',
    '\r\nX-Injected: 1',
    '\u0085',
    'İ',
    'ß',
    '\ufeff',
    'a\u0301'.repeat(40),
  ]) {
    const body = JSON.stringify({ name: `x${word}`, notes: word, tags: [`x${word}`], customFields: { [word]: word } });
    const { text, status } = await send('POST', '/api/contacts', body);
    expect(status, word).toBe(201);
    expect(JSON.parse(text).data).toMatchObject({ notes: word, customFields: { [word]: word } });
    for (const name of ['search', 'tag', 'email']) {
      const path = `/api/contacts?${name}=${encodeURIComponent(`x${word}`)}`;
      const found = JSON.parse((await send('GET', path)).text);
      expect(found.data.length, `${name} ${word}`).toBe(name === 'email' ? 0 : found.data.length || 1);
    }
  }
});
