import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../db/open.ts';
import { createApp } from '../../server/doors/app.ts';
import { createDeps } from '../../server/start/deps.ts';
import { addMember, signedIn } from '../helpers/browser.ts';
import { connectMcp, MCP_HEADERS, META, post, rpc, whoami } from '../helpers/mcp.ts';
import { CHALLENGE } from '../helpers/refusals.ts';
import { testApp } from '../helpers/testApp.ts';

const INITIALIZE = rpc(1, 'initialize', {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'test', version: '1' },
});
describe('Without a valid key', () => {
  const MESSAGES: Record<string, unknown> = {
    initialize: INITIALIZE,
    'server/discover': rpc(1, 'server/discover', { _meta: META }),
    'tools/list': rpc(1, 'tools/list'),
    'tools/call': whoami(1),
    'a notification': rpc(undefined, 'notifications/initialized'),
    'a batch': [whoami(1), whoami(2)],
    'no such method': rpc(1, 'nothing'),
    'no JSON-RPC': { hello: 'world' },
    'no JSON': '{',
    'no JSON type': '',
  };
  for (const [what, message] of Object.entries(MESSAGES)) {
    test(`${what} is refused as anything is`, async () => {
      await using app = await testApp();
      const revoked = await app.issue(app.one.id, { name: 'revoked' });
      await app.trpc(revoked.key).keys.revoke.mutate({ id: revoked.apiKey.id });
      const headers = what === 'no JSON type' ? { 'content-type': 'text/plain' } : {};
      for (const [key, reason] of [
        [undefined, 'Missing API key'],
        ['introzy_', 'Invalid API key'],
        [`introzy_${'0'.repeat(64)}`, 'Invalid API key'],
        [revoked.key, 'API key has been revoked'],
      ] as const) {
        const answer = await post(app, key, message, headers);
        expect([answer.status, answer.body]).toEqual([
          401,
          { success: false, error: 'API key authentication failed', details: { reason } },
        ]);
        const challenge = key === undefined ? CHALLENGE : `${CHALLENGE}, error="invalid_token"`;
        expect(answer.headers.get('www-authenticate')).toBe(challenge);
        expect(answer.headers.get('cache-control')).toBe('no-store');
        expect(answer.headers.get('ratelimit')).toBeNull();
      }
    });
  }

  test('a person’s session is none either: the door is for keys', async () => {
    await using app = await testApp();
    const { cookies } = await signedIn(app, await addMember(app, app.one.id, 'owner'));
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await post(app, undefined, whoami(1), { cookie, origin: 'http://localhost' });
    expect([answer.status, answer.body.details]).toEqual([401, { reason: 'Missing API key' }]);
  });
});

test('A key that is revoked while a client is connected is refused from the next call on', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id);
  await using mcp = await connectMcp({ app: app.app, key });
  await mcp.result('whoami');
  await app.trpc(app.one.key).keys.revoke.mutate({ id: apiKey.id });
  await expect(mcp.call('whoami')).rejects.toThrow(/API key has been revoked/);
  await expect(mcp.client.listTools()).rejects.toThrow(/API key has been revoked/);
});

describe('What fails', () => {
  test('says what was wrong, and what to do next', async () => {
    await using app = await testApp();
    await using mcp = await connectMcp({ app: app.app, key: app.one.key });
    const { contacts } = app.trpc(app.one.key);
    const mine = await contacts.create.mutate({ name: 'Mine', email: `mine${Date.now()}@example.com` });
    const theirs = await app.trpc(app.other.key).contacts.create.mutate({ name: 'Theirs' });
    const { failure } = mcp;

    expect(await failure('create_contact', { name: 'Again', email: mine.email })).toEqual({
      text: `Another contact has this email. existingId: ${mine.id}. Change that contact with update_contact, or use upsert_contacts.`,
      error: { status: 409, error: 'Another contact has this email', details: { existingId: mine.id } },
    });
    expect(await failure('update_contact', { id: mine.id, expectedVersion: 7, title: 'X' })).toEqual({
      text: 'The contact is not at the expected version. It has changed: currentVersion: 1. Read it with get_contacts, then call again with that expectedVersion.',
      error: expect.objectContaining({ status: 412, details: { currentVersion: 1 } }),
    });
    expect((await failure('get_contacts', { ids: [theirs.id] })).text).toMatch(/another organization’s. Use ids/);
    expect((await failure('delete_contacts', { ids: [crypto.randomUUID()] })).text).toMatch(/Look for it/);
    expect((await failure('create_contact', { name: 'A', emial: 'a@example.com' })).text).toMatch(/"emial".* Mend/);
    const several = await failure('delete_contacts', { ids: [theirs.id, 'none'] });
    expect(several.text.split('\n')).toEqual([
      expect.stringMatching(new RegExp(`^${theirs.id}: You do not have permission`)),
      expect.stringMatching(/^none: Invalid request: id: Not a UUID/),
    ]);
    expect(await contacts.get.query({ id: mine.id })).toMatchObject({ version: 1 });
  });

  test('is an error of the protocol where the tool does not exist, and holds no key', async () => {
    await using app = await testApp();
    const answer = await post(app, app.one.key, rpc(3, 'tools/call', { name: app.one.key, arguments: {} }));
    expect(answer.body).toMatchObject({
      id: 3,
      error: { code: -32602, message: expect.stringContaining('tools/list') },
    });
    expect(answer.text).not.toContain(app.one.key.slice(16));
    const malformed = await post(app, app.one.key, '{"jsonrpc"');
    expect([malformed.status, malformed.body.error.code]).toEqual([400, -32700]);
    expect(malformed.headers.get('x-request-id')).toBeTruthy();
  });

  test('for a defect of ours, or a database that is away, is 500 or 503, and says nothing of its cause', async () => {
    await using app = await testApp();
    const { keySecrets, deps } = app;
    const headers = { ...MCP_HEADERS, authorization: `Bearer ${app.one.key}` };
    const body = JSON.stringify(whoami(1));
    // The first use is noted at the door; the second use is noted within the tool, whose procedure checks the key
    // again.
    for (const failing of [1, 2]) {
      let uses = 0;
      const note = () => {
        if (++uses === failing) throw new Error('a secret');
      };
      const broken = createApp({ ...deps, lastUse: { ...deps.lastUse, note } });
      const defect = await broken.request('/mcp', { method: 'POST', headers, body });
      expect([defect.status, await defect.json()]).toEqual([500, { success: false, error: 'Internal server error' }]);
      expect(uses).toBe(failing);
    }

    const options = { url: 'postgres://nobody@127.0.0.1:1/none', poolSize: 2, deadline: 1_000, prepare: true };
    const away = await openDatabase({ kind: 'postgres', timeouts: { statement: 500, lock: 500 }, options });
    const log = pino({ level: 'silent' });
    const unreachable = createApp(createDeps({ db: away, log, keySecrets, rateLimit: 100 }));
    const answer = await unreachable.request('/mcp', { method: 'POST', headers, body });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.json()).toEqual({ success: false, error: 'Service temporarily unavailable' });
    await away.close();
  });
});

describe('A request', () => {
  test('to another host, or from a page of another origin, is refused', async () => {
    await using app = await testApp({ choices: { publicUrl: 'https://api.example.com' } });
    const send = async (url: string, origin?: string) => {
      const headers = { ...MCP_HEADERS, authorization: `Bearer ${app.one.key}`, ...(origin && { origin }) };
      const answer = await app.app.request(url, { method: 'POST', headers, body: JSON.stringify(whoami(1)) });
      return answer.status;
    };
    for (const host of ['api.example.com', '127.0.0.1:3000', 'localhost:3000', '[::1]:3000'])
      expect(await send(`http://${host}/mcp`), host).toBe(200);
    for (const host of ['evil.example', 'evil.api.example.com', 'api.example.com.evil', '10.0.0.1'])
      expect(await send(`http://${host}/mcp`), host).toBe(403);
    expect(await send('http://api.example.com/mcp', 'https://api.example.com')).toBe(200);
    for (const origin of ['https://evil.example', 'null', 'http://localhost:1', 'https://api.example.com.evil'])
      expect(await send('http://api.example.com/mcp', origin), origin).toBe(403);
  });

  test('is refused before its key is looked at, and with the contract’s words', async () => {
    await using app = await testApp();
    const answer = await post(app, undefined, whoami(1), { origin: 'https://evil.example' });
    expect([answer.status, answer.body]).toEqual([
      403,
      {
        success: false,
        error: 'You do not have permission to access this resource',
        details: { reason: 'Origin is not this service' },
      },
    ]);
  });

  test('that is no POST of JSON of at most 1 MiB is refused with the contract’s statuses', async () => {
    await using app = await testApp();
    const { key } = app.one;
    for (const method of ['GET', 'DELETE', 'PUT', 'OPTIONS']) {
      const answer = await app.api(key, method, '/mcp');
      expect([answer.status, answer.headers.get('allow')], method).toEqual([405, 'POST']);
    }
    expect((await post(app, key, whoami(1), { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post(app, key, 'x'.repeat(1_048_577))).status).toBe(413);
    const deep = `{"jsonrpc":"2.0","id":1,"method":"ping","params":${'['.repeat(100)}${']'.repeat(100)}}`;
    expect((await post(app, key, deep)).status).toBe(400);
    expect((await post(app, key, rpc(undefined, 'notifications/initialized'))).status).toBe(202);
  });
});

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
    const wait = answer.headers.get('retry-after');
    expect(wait).toMatch(/^[1-9]\d*$/);
    const reason = 'The API key has used up its rate of 5 calls a minute';
    const details = { reason, retryAfterSeconds: Number(wait) };
    expect([answer.status, answer.body]).toEqual([429, { success: false, error: 'Rate limit exceeded', details }]);
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
