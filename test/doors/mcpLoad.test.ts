import { describe, expect, test } from 'vitest';
import { META, post, rpc, whoami } from '../helpers/mcp.ts';
import { testApp } from '../helpers/testApp.ts';

describe('The rate of a key', () => {
  test('counts each request of a batch, of whatever method, and a tool once', async () => {
    await using app = await testApp({ rateLimit: 20 });
    const { key } = app.one;
    const left = async (body: unknown) => (await post(app, key, body)).headers.get('ratelimit')?.match(/r=(\d+)/)?.[1];
    expect(await left(whoami(1))).toBe('19');
    expect(await left([whoami(1), whoami(2), rpc(3, 'ping')])).toBe('16');
    expect(await left([rpc(1, 'tools/list'), rpc(undefined, 'notifications/initialized')])).toBe('15');
    expect(await left(rpc(undefined, 'notifications/initialized'))).toBe('14');
    const ids = Array.from({ length: 30 }, () => crypto.randomUUID());
    expect(await left(rpc(1, 'tools/call', { name: 'get_contacts', arguments: { ids } }))).toBe('13');
    const answer = await post(app, key, whoami(1));
    expect(answer.body.result.structuredContent.callsLeft).toBe(12);
    expect((await app.api(key, 'GET', '/api/keys/current')).headers.get('ratelimit')).toContain('r=11;');
  });

  test('refuses what is over it as for every door, and a batch that is over it whole', async () => {
    await using app = await testApp({ rateLimit: 5 });
    const { key } = app.one;
    const create = (id: number) => rpc(id, 'tools/call', { name: 'create_contact', arguments: { name: `No ${id}` } });
    await post(app, key, whoami(1));
    const answer = await post(app, key, [1, 2, 3, 4, 5].map(create));
    expect([answer.status, answer.body]).toEqual([429, { success: false, error: 'Rate limit exceeded' }]);
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(answer.headers.get('ratelimit')).toContain('r=0;');
    const { items } = await app.trpc((await app.issue(app.one.id)).key).contacts.list.query({ search: 'No' });
    expect(items).toEqual([]);
  });
});

test('Two hundred clients of two organizations, all with the same request ids, each get their own answer', async () => {
  await using app = await testApp();
  const organizations = [app.one, app.other];
  const clients = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const { id, key } = organizations[index % 2] as (typeof organizations)[number];
      const name = `client ${index}`;
      const made = await app.trpc(key).contacts.create.mutate({ name });
      return { id, key, name, contactId: made.id };
    }),
  );
  const answers = await Promise.all(
    clients.map(async ({ key, contactId }, index) => {
      const get = { name: 'get_contacts', arguments: { ids: [contactId] } };
      const modern = index % 3 === 0;
      const params = modern ? { ...get, _meta: META } : get;
      const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'get_contacts' };
      const one = await post(app, key, rpc(7, 'tools/call', params), modern ? headers : {});
      const two = await post(app, key, [rpc(7, 'tools/call', get), rpc(8, 'tools/call', { name: 'whoami' })]);
      return { one: one.body, two: two.body };
    }),
  );
  clients.forEach(({ id, name }, index) => {
    const { one, two } = answers[index] as (typeof answers)[number];
    expect(one).toMatchObject({ id: 7, result: { structuredContent: { contacts: [{ name }] } } });
    expect(two).toMatchObject([
      { id: 7, result: { structuredContent: { contacts: [{ name }] } } },
      { id: 8, result: { structuredContent: { organization: { id } } } },
    ]);
  });
});
