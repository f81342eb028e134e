import { expect, test } from 'vitest';
import { addContacts, LONG } from '../helpers/longContacts.ts';
import { post, rpc } from '../helpers/mcp.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const MEBIBYTE = 1_048_576;
const sizeOf = (text: string) => Buffer.byteLength(text);

/** Calls a procedure several times in a batch. */
async function batch(app: TestApp, path: string, inputs: object[]) {
  const input = encodeURIComponent(JSON.stringify({ ...inputs.map((json) => ({ json })) }));
  const paths = inputs.map(() => path).join();
  return await app.api(app.one.key, 'GET', `/trpc/${paths}?batch=1&input=${input}`);
}

test('A page is cut at 4 MiB over tRPC, and a batch of pages at 16 MiB', async () => {
  await using app = await testApp({ isAlone: true });
  const ids = await addContacts(
    app,
    Array.from({ length: 30 }, () => LONG),
  );
  const { items, nextCursor } = await app.trpc(app.one.key).contacts.list.query({ limit: 200 });
  expect(items.map(({ id }) => id)).toEqual(ids.slice(0, items.length));
  const rest = await app.trpc(app.one.key).contacts.list.query({ limit: 200, cursor: nextCursor as string });
  expect(rest.items[0]?.id).toBe(ids[items.length]);
  for (const [calls, most, least] of [
    [1, 4, 3],
    [4, 16, 12],
    [8, 16, 12],
    [20, 16, 6],
  ] as const) {
    const { status, body, text } = await batch(app, 'contacts.list', Array(calls).fill({ limit: 200 }));
    expect(status).toBe(200);
    expect(sizeOf(text), `${calls} calls`).toBeLessThanOrEqual(most * MEBIBYTE);
    expect(sizeOf(text), `${calls} calls`).toBeGreaterThan(least * MEBIBYTE);
    for (const { result } of body) {
      const page = result.data.json;
      expect(page.items.length).toBeGreaterThan(0);
      expect(page.nextCursor).toEqual(expect.any(String));
      expect(page.items.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, page.items.length));
    }
  }
});

test('An MCP tool’s result is bounded, and tells which contacts have no room in it', async () => {
  await using app = await testApp({ isAlone: true });
  const ids = await addContacts(
    app,
    Array.from({ length: 30 }, () => LONG),
  );
  const call = async (name: string, input: object, times = 1) => {
    const message = (n: number) => rpc(n, 'tools/call', { name, arguments: input });
    const sent = times === 1 ? message(1) : Array.from({ length: times }, (_, n) => message(n + 1));
    const answer = await post(app, app.one.key, sent);
    return { ...answer, size: sizeOf(answer.text) };
  };
  const { body, size } = await call('get_contacts', { ids });
  expect(size).toBeLessThanOrEqual(5 * MEBIBYTE);
  const { contacts, missing, unread } = body.result.structuredContent;
  expect(contacts.length).toBeGreaterThan(2);
  expect([...contacts.map(({ id }: { id: string }) => id), ...unread.ids]).toEqual(ids);
  expect(missing).toEqual({ ids: [], emails: [] });
  const again = await call('get_contacts', unread);
  expect(again.body.result.structuredContent.contacts[0].id).toBe(unread.ids[0]);

  const found = await call('search_contacts', { limit: 50 });
  expect(found.size).toBeLessThanOrEqual(5 * MEBIBYTE);
  const { contacts: rows, nextCursor } = found.body.result.structuredContent;
  const next = await call('search_contacts', { limit: 50, cursor: nextCursor });
  expect(next.body.result.structuredContent.contacts[0].id).toBe(ids[rows.length]);

  const many = await call('get_contacts', { ids }, 20);
  expect(many.status).toBe(200);
  expect(many.size).toBeLessThanOrEqual(24 * MEBIBYTE);
  for (const { result } of many.body) expect(result.structuredContent.contacts.length).toBeGreaterThan(0);
  const tooMany = await call('whoami', {}, 21);
  expect([tooMany.status, tooMany.body.details.issues[0].message]).toEqual([400, 'A batch has at most 20 requests']);
});

test('Pages of the longest keys and of the longest entries of the audit log stay within 4 MiB', async () => {
  await using app = await testApp({ isAlone: true });
  const settings = (n: number) => ({
    name: '😀'.repeat(99),
    description: '😀'.repeat(500),
    allowedAddresses: Array.from(
      { length: 50 },
      (_, i) => `2001:db8:1111:2222:3333:4444:5555:${(n * 100 + i + 4096).toString(16)}`,
    ),
    addressMode: 'report',
  });
  for (let n = 0; n < 200; n++) {
    const issued = await app.api(app.one.key, 'POST', '/api/keys', { ...settings(1), scopes: ['keys:manage'] });
    expect(issued.status, issued.text).toBe(201);
    expect((await app.api(app.one.key, 'PATCH', `/api/keys/${issued.body.data.apiKey.id}`, settings(2))).status).toBe(
      200,
    );
  }
  for (const path of ['/api/keys', '/api/audit', '/api/audit?action=apiKey.changed']) {
    const { body, text } = await app.api(app.one.key, 'GET', `${path}${path.includes('?') ? '&' : '?'}limit=200`);
    expect(body.data).toHaveLength(200);
    expect(sizeOf(text)).toBeGreaterThan(MEBIBYTE / 4);
    expect(sizeOf(text)).toBeLessThanOrEqual(4 * MEBIBYTE);
  }
});

test('The answer to a request of 1 MiB with a fault in each item is no longer than a page', async () => {
  await using app = await testApp();
  const faulty = { name: 'Faulty', tags: Array.from({ length: 400_000 }, () => 1) };
  const one = await app.api(app.one.key, 'POST', '/api/contacts', faulty);
  expect(one.status).toBe(400);
  const rows = await app.api(app.one.key, 'POST', '/api/contacts/batch', [faulty]);
  for (const { text } of [one, rows]) expect(sizeOf(text)).toBeLessThan(4 * MEBIBYTE);
});
