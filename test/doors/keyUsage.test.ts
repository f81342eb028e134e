import { RateLimiterMemory } from 'rate-limiter-flexible';
import { describe, expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { listKeyUsage } from '../../db/keyUsage.ts';
import type { CallCounts } from '../../shared/callOutcomes.ts';
import { addMember, signedIn } from '../helpers/browser.ts';
import { connectMcp, post, rpc, whoami } from '../helpers/mcp.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const NONE = '01890000-0000-7000-8000-000000000000';
const tool = (id: number, name: string, input: object = {}) => rpc(id, 'tools/call', { name, arguments: input });
const batch = (...names: string[]) => `/trpc/${names.join()}?batch=1`;

/** The calls of a key on all days, without the outcomes that no call had. */
async function callsOf(app: TestApp, id: string): Promise<Partial<CallCounts>> {
  await app.deps.lastUse.flush();
  const { keys } = await listKeyUsage(asOperator(app.db, app.one.id), { organizationId: app.one.id, id });
  return Object.fromEntries(Object.entries(keys[0]?.total ?? {}).filter(([, calls]) => calls > 0));
}

type Call = (app: TestApp, key: string) => Promise<{ status: number }>;
const api =
  (method: string, path: string, body?: unknown): Call =>
  (app, key) =>
    app.api(key, method, path, body);
const mcp =
  (message: unknown, headers: Record<string, string> = {}): Call =>
  (app, key) =>
    post(app, key, message, headers);

/** By call: the statuses of the answer, and the calls that are counted, of a key with `contacts:read` alone. */
const CALLS: Record<string, [Call, status: number, Partial<CallCounts>]> = {
  'REST, a read': [api('GET', '/api/contacts'), 200, { ok: 1 }],
  'REST, HEAD': [api('HEAD', '/api/contacts'), 200, { ok: 1 }],
  'REST, invalid input': [api('GET', '/api/contacts?limit=0'), 400, { clientError: 1 }],
  'REST, no scope': [api('POST', '/api/contacts', { name: 'Ada' }), 403, { clientError: 1 }],
  'REST, no such contact': [api('GET', `/api/contacts/${NONE}`), 404, { clientError: 1 }],
  'tRPC, a read': [api('GET', '/trpc/contacts.list'), 200, { ok: 1 }],
  'tRPC, no scope': [api('POST', '/trpc/contacts.create', { json: { name: 'Ada' } }), 403, { clientError: 1 }],
  'tRPC, no JSON': [api('GET', '/trpc/contacts.list?input={'), 400, { clientError: 1 }],
  'tRPC, a batch': [api('GET', batch('contacts.list', 'keys.list', 'keys.current')), 207, { ok: 2, clientError: 1 }],
  'tRPC, for people alone': [api('GET', '/trpc/members.list'), 403, { clientError: 1 }],
  'MCP, a tool': [mcp(whoami(1)), 200, { ok: 1 }],
  'MCP, the list of tools': [mcp(rpc(1, 'tools/list')), 200, { ok: 1 }],
  'MCP, a notification': [mcp(rpc(undefined, 'notifications/initialized')), 202, { ok: 1 }],
  'MCP, a tool’s invalid input': [mcp(tool(1, 'search_contacts', { limit: 'all' })), 200, { clientError: 1 }],
  'MCP, no scope': [mcp(tool(1, 'create_contact', { name: 'Ada' })), 200, { clientError: 1 }],
  'MCP, no id': [mcp(tool(1, 'get_contacts', { ids: ['none'] })), 200, { clientError: 1 }],
  'MCP, no such contacts': [mcp(tool(1, 'get_contacts', { ids: [NONE], emails: ['a@b.example'] })), 200, { ok: 1 }],
  'MCP, no such tool': [mcp(tool(1, 'drop_contacts')), 200, { clientError: 1 }],
  'MCP, no JSON': [mcp('{'), 400, { clientError: 1 }],
  'MCP, no JSON type': [mcp('', { 'content-type': 'text/plain' }), 415, { clientError: 1 }],
  'MCP, a batch': [
    mcp([whoami(1), tool(2, 'create_contact', { name: 'Ada' }), whoami(3)]),
    200,
    { ok: 2, clientError: 1 },
  ],
};

test.each(Object.entries(CALLS))('%s: each call is counted by its outcome', async (_, [call, status, counts]) => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id, { scopes: ['contacts:read'] });
  expect((await call(app, key)).status).toBe(status);
  expect(await callsOf(app, apiKey.id)).toEqual(counts);
});

test('A tool that calls several procedures is a single call', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const contacts = await Promise.all(
    ['Ada', 'Bo'].map((name) => app.trpc(app.one.key).contacts.create.mutate({ name })),
  );
  await post(app, key, tool(1, 'delete_contacts', { ids: contacts.map(({ id }) => id) }));
  expect(await callsOf(app, apiKey.id)).toEqual({ ok: 1 });
  await using client = await connectMcp({ app: app.app, key });
  const { ok = 0, clientError = 0 } = await callsOf(app, apiKey.id);
  await client.result('whoami');
  await client.failure('get_contacts', { ids: ['none'] });
  expect(await callsOf(app, apiKey.id)).toEqual({ ok: ok + 1, clientError: clientError + 1 });
});

describe('Over the rate', () => {
  const limited: [string, Call, calls: number][] = [
    ['REST', api('GET', '/api/contacts'), 1],
    ['tRPC', api('GET', '/trpc/contacts.list'), 1],
    ['a batch of tRPC', api('GET', batch('contacts.list', 'keys.current', 'contacts.list')), 3],
    ['MCP', mcp(whoami(1)), 1],
    ['a batch of MCP', mcp([whoami(1), whoami(2)]), 2],
  ];
  test.each(limited)('%s: each call is counted as limited', async (_, call, calls) => {
    for (const choices of [{ rateLimit: 1 }, { rateLimit: 1_000, organizationRateLimit: 1 }]) {
      await using app = await testApp({ choices });
      const { key, apiKey } = await app.issue(app.one.id);
      expect((await app.api(key, 'GET', '/api/contacts')).status).toBe(200);
      expect((await call(app, key)).status).toBe(429);
      expect(await callsOf(app, apiKey.id)).toEqual({ ok: 1, limited: calls });
    }
  });
});

test('Calls that the service fails are counted as failed, at every door', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const fail = () => Promise.reject(new Error('no connection to the store'));
  const failing = new RateLimiterMemory({ points: 1_000, duration: 60 });
  app.deps.rateLimiter = Object.assign(failing, { penalty: fail, reward: fail });
  for (const [index, call] of [
    api('GET', '/api/contacts'),
    api('GET', '/trpc/contacts.list'),
    mcp(whoami(1)),
  ].entries()) {
    expect((await call(app, key)).status).toBe(503);
    expect(await callsOf(app, apiKey.id)).toEqual({ failed: index + 1 });
  }
});

test('A call of a key that is refused is no call of the key, nor is a call of a person', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const { id } = apiKey;
  expect((await app.api(key, 'GET', '/api/contacts')).status).toBe(200);
  const { trpc } = await signedIn(app, await addMember(app, app.one.id, 'owner'));
  await trpc.keys.rotate.mutate({ id, graceHours: 0 });
  for (const call of [api('GET', '/api/contacts'), api('GET', '/trpc/keys.current'), mcp(whoami(1)), mcp('{')]) {
    expect((await call(app, key)).status).toBe(401);
  }
  expect(await callsOf(app, id)).toEqual({ ok: 1 });
});

test('The older and the newer secret of a key count for the key', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  const rotated = await app.trpc(app.one.key).keys.rotate.mutate({ id: apiKey.id });
  for (const each of [key, rotated.key, rotated.key]) await app.api(each, 'GET', '/api/contacts');
  expect(await callsOf(app, apiKey.id)).toEqual({ ok: 3 });
});

test('The usage of one key and of all keys is told by REST and tRPC, to those who may see the keys', async () => {
  await using app = await testApp();
  const member = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  const own = await member.trpc.keys.issue.mutate({ name: 'own' });
  const { key, apiKey } = await app.issue(app.one.id, { name: 'used' });
  await app.api(key, 'GET', '/api/contacts');
  await app.api(own.key, 'GET', '/api/contacts?limit=0');
  await app.deps.lastUse.flush();

  const one = await app.api(app.one.key, 'GET', `/api/keys/${apiKey.id}/usage`);
  expect(one.status).toBe(200);
  const { from, to, keys } = one.body.data;
  expect([from, to]).toEqual([expect.stringMatching(/^\d{4}-\d\d-\d\d$/), expect.stringMatching(/^\d{4}-\d\d-\d\d$/)]);
  const total = { ok: 1, clientError: 0, limited: 0, failed: 0 };
  expect(keys).toEqual([
    { id: apiKey.id, name: 'used', hint: apiKey.hint, state: 'active', total, days: [{ date: to, ...total }] },
  ]);
  const all = await app.trpc(app.one.key).keys.usage.query();
  const namesOf = ({ keys }: typeof all) => keys.map(({ name }) => name);
  expect(namesOf(all)).toEqual(expect.arrayContaining(['used', 'own']));
  expect(all.keys.find(({ id }) => id === apiKey.id)).toEqual(keys[0]);
  expect((await app.api(app.one.key, 'GET', '/api/keys/usage')).body.data.keys.length).toBe(all.keys.length);
  expect((await app.trpc(app.other.key).keys.usage.query()).keys).toHaveLength(1);

  expect((await app.api(app.other.key, 'GET', `/api/keys/${apiKey.id}/usage`)).status).toBe(403);
  expect((await app.api(app.one.key, 'GET', `/api/keys/${NONE}/usage`)).status).toBe(404);
  expect((await app.api(app.one.key, 'GET', '/api/keys/none/usage')).status).toBe(400);
  // A person without `keys:manage` sees the keys that the person issued.
  const { trpc: owner } = await signedIn(app, await addMember(app, app.one.id, 'owner'));
  const { members } = await owner.members.list.query();
  const id = members.find(({ person }) => person.id === own.apiKey.createdBy.id)?.id as string;
  await owner.members.changeRole.mutate({ id, role: 'member' });
  expect(namesOf(await member.trpc.keys.usage.query())).toEqual(['own']);
  await expect(member.trpc.keys.usage.query({ id: apiKey.id })).rejects.toThrow('permission');
});
