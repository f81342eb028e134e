import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../helpers/testApp.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp();
});
afterAll(() => app[Symbol.asyncDispose]());

let made = 0;
const newKey = () => `key ${++made} ${Math.random()}`;
const keyed = (idempotencyKey: string) => ({ 'idempotency-key': idempotencyKey });
const count = async (search: string, key = app.one.key) => (await app.trpc(key).contacts.count.query({ search })).count;

test('A repeated create makes one contact, and has the same status, body, Location and ETag', async () => {
  const name = `Once ${newKey()}`;
  const headers = keyed(newKey());
  const first = await app.api(app.one.key, 'POST', '/api/contacts', { name, tags: ['a'] }, headers);
  expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null]);
  // The order of fields is no difference.
  const again = await app.api(app.one.key, 'POST', '/api/contacts', { tags: ['a'], name }, headers);
  expect([again.status, again.text]).toEqual([first.status, first.text]);
  for (const header of ['location', 'etag', 'content-type', 'cache-control']) {
    expect(again.headers.get(header)).toBe(first.headers.get(header));
  }
  expect(again.headers.get('location')).toBe(`/api/contacts/${first.body.data.id}`);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(await count(name)).toBe(1);
});
