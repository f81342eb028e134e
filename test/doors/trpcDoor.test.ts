import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { transformer } from '../../shared/transformer.ts';
import { testApp } from '../helpers/testApp.ts';

interface Shape {
  message: string;
  data: { code: string; details?: { issues: { path: string[]; message: string }[] } };
}
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

test('A compressed body is a 415, over either door', async () => {
  await using app = await testApp();
  for (const encoding of ['gzip', 'br', 'x-gzip', 'identity, gzip']) {
    for (const [path, text] of [
      ['/api/contacts', '{"name":"Ada"}'],
      ['/trpc/contacts.create', '{"json":{"name":"Ada"}}'],
    ] as const) {
      for (const body of [text, gzipSync(text)]) {
        const response = await app.app.request(path, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${app.one.key}`,
            'content-type': 'application/json',
            'content-encoding': encoding,
          },
          body,
        });
        expect(response.status, `${path} ${encoding}`).toBe(415);
        expect(await response.text()).toContain('Send JSON in UTF-8');
      }
    }
  }
  expect((await app.trpc(app.one.key).contacts.list.query()).items).toEqual([]);
});
