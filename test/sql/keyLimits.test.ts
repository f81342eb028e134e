import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { callApi, startPeer, until } from '../helpers/instance.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const NOT_FROM_HERE = 'The API key may not be used from this address: see the allowed addresses of the key';

/** Starts the service behind a proxy, so that a test can name the caller's address. */
const behindProxy = (rateLimit?: number) =>
  testApp({ choices: { trustProxy: true }, ...(rateLimit !== undefined && { rateLimit }) });

/** Calls with a key from an address; without an address the caller's address is not known. */
const callFrom = async (app: TestApp, key: string, address?: string) => {
  const headers = address === undefined ? undefined : { 'x-forwarded-for': address };
  const { status, body } = await app.api(key, 'GET', '/api/keys/current', undefined, headers);
  return status === 403 ? body.details.reason : status;
};

test('A key with allowed addresses works from these addresses alone, however they are written', async () => {
  await using app = await behindProxy();
  const { keys } = app.trpc(app.one.key);
  const allowedAddresses = ['203.0.113.0/24', '2001:DB8::/32', '198.51.100.7', '::ffff:192.0.2.0/120'];
  const { key, apiKey } = await keys.issue.mutate({ name: 'office', allowedAddresses });
  expect(apiKey.allowedAddresses).toEqual(['203.0.113.0/24', '2001:db8::/32', '198.51.100.7/32', '192.0.2.0/24']);
  for (const [address, answer] of [
    ['203.0.113.255', 200],
    ['203.0.114.0', NOT_FROM_HERE],
    ['::ffff:203.0.113.9', 200],
    ['[2001:db8:ffff::1]:443', 200],
    ['2001:db9::', NOT_FROM_HERE],
    ['198.51.100.7:51234', 200],
    ['198.51.100.8', NOT_FROM_HERE],
    ['192.0.2.1', 200],
    ['203.0.113.9, 10.0.0.1', NOT_FROM_HERE],
    ['unknown', NOT_FROM_HERE],
    [undefined, NOT_FROM_HERE],
  ] as const) {
    expect([address, await callFrom(app, key, address)]).toEqual([address, answer]);
  }
});

test('A foreign address is refused at every door, before the scope is judged, and leaves no place behind', async () => {
  await using app = await behindProxy();
  const { keys } = app.trpc(app.one.key);
  const { key, apiKey } = await keys.issue.mutate({ name: 'office', allowedAddresses: ['203.0.113.0/24'] });
  const headers = { 'x-forwarded-for': '198.51.100.1' };
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
  const accept = { accept: 'application/json, text/event-stream' };
  for (const [method, path, body] of [
    ['GET', '/api/contacts'],
    ['POST', '/api/contacts', { name: '' }],
    ['DELETE', `/api/keys/${apiKey.id}`],
    ['GET', '/api/audit'],
    ['GET', '/trpc/contacts.list'],
    ['POST', '/mcp', call],
  ] as const) {
    const answer = await app.api(key, method, path, body, { ...headers, ...accept });
    expect([path, answer.status, answer.text.includes(NOT_FROM_HERE)]).toEqual([path, 403, true]);
    expect(answer.headers.get('www-authenticate')).toBeNull();
  }
  await app.deps.lastUse.flush();
  expect(await keys.places.query({ id: apiKey.id })).toEqual({ places: [], proposedAddresses: [] });
});

test('Calls from a foreign address do not use up the rate of the key', async () => {
  await using app = await behindProxy(3);
  const manager = await app.issue(app.one.id, { scopes: ['keys:manage'] });
  const { key } = await app
    .trpc(manager.key)
    .keys.issue.mutate({ name: 'stolen', scopes: ['keys:manage'], allowedAddresses: ['203.0.113.0/24'] });
  for (let call = 0; call < 10; call++) await callFrom(app, key, '198.51.100.1');
  expect(await callFrom(app, key, '203.0.113.1')).toBe(200);
});

test('A change of the addresses acts from the next request on, on every instance', async () => {
  await using app = await behindProxy();
  await using peer = await startPeer(app);
  const { keys } = app.trpc(app.one.key);
  const { key, apiKey } = await keys.issue.mutate({ name: 'moving' });
  /** The answers of this instance, and of another instance, which does not know the caller's address. */
  const answers = async () => [
    await callFrom(app, key, '203.0.113.1'),
    (await callApi(peer.app, key, ['GET', '/api/keys/current'])).status,
  ];
  expect(await answers()).toEqual([200, 200]);
  await keys.update.mutate({ id: apiKey.id, allowedAddresses: ['198.51.100.0/24'] });
  expect(await answers()).toEqual([NOT_FROM_HERE, 403]);
  await keys.update.mutate({ id: apiKey.id, allowedAddresses: ['0.0.0.0/0'] });
  expect(await answers()).toEqual([200, 403]);
  await keys.update.mutate({ id: apiKey.id, allowedAddresses: ['::/0'] });
  expect(await answers()).toEqual([NOT_FROM_HERE, 403]);
  for (const none of [null, []]) {
    await keys.update.mutate({ id: apiKey.id, allowedAddresses: ['198.51.100.0/24'] });
    expect((await keys.update.mutate({ id: apiKey.id, allowedAddresses: none })).allowedAddresses).toEqual([]);
    expect(await answers()).toEqual([200, 200]);
  }
});

test('In report mode a foreign address is let in, and is noted in the audit log once an hour a place', async () => {
  await using app = await behindProxy();
  const { keys, audit } = app.trpc(app.one.key);
  const limits = { allowedAddresses: ['203.0.113.0/24'], addressMode: 'report' as const };
  const { key, apiKey } = await keys.issue.mutate({ name: 'trial', ...limits });
  const noted = async () => {
    const { items } = await audit.list.query({ subjectId: apiKey.id, action: 'apiKey.usedOutside' });
    return items.map(({ actor, details }) => [actor.id, details.address]).sort();
  };
  for (let call = 0; call < 5; call++) expect(await callFrom(app, key, '198.51.100.1')).toBe(200);
  expect(await callFrom(app, key, '198.51.100.200')).toBe(200);
  expect(await callFrom(app, key, '203.0.113.5')).toBe(200);
  expect(await callFrom(app, key)).toBe(200);
  const first = [
    [apiKey.id, '198.51.100.0/24'],
    [apiKey.id, 'unknown'],
  ];
  await until(async () => (await noted()).length >= 2, 'two notes');
  expect(await noted()).toEqual(first);

  // Another instance, which does not know of the note, asks the database.
  app.deps.reported.clear();
  expect(await callFrom(app, key, '198.51.100.1')).toBe(200);
  await pause(200);
  expect(await noted()).toEqual(first);

  app.deps.reported.clear();
  await runAsAdmin(app, `update api_key_places set reported_at = null where api_key_id = '${apiKey.id}'`);
  expect(await callFrom(app, key, '198.51.100.1')).toBe(200);
  await until(async () => (await noted()).length >= 3, 'a third note');
  expect(await noted()).toEqual([first[0], ...first]);

  await keys.update.mutate({ id: apiKey.id, addressMode: 'enforce' });
  expect(await callFrom(app, key, '198.51.100.1')).toBe(NOT_FROM_HERE);
});

test('The places of a key propose the list of its addresses', async () => {
  await using app = await behindProxy();
  const { keys } = app.trpc(app.one.key);
  const { key, apiKey } = await keys.issue.mutate({ name: 'used' });
  for (const address of ['203.0.113.9', '203.0.113.77', '2001:db8:1:2::3', undefined])
    await callFrom(app, key, address);
  await app.deps.lastUse.flush();
  const { proposedAddresses } = await keys.places.query({ id: apiKey.id });
  expect(proposedAddresses.toSorted()).toEqual(['2001:db8:1::/48', '203.0.113.0/24']);
  const { allowedAddresses } = await keys.update.mutate({ id: apiKey.id, allowedAddresses: proposedAddresses });
  expect(allowedAddresses).toEqual(proposedAddresses);
  expect(await callFrom(app, key, '2001:db8:1:ffff::')).toBe(200);
});

test('Limits that are not valid are refused, with the field', async () => {
  await using app = await testApp({ rateLimit: 300 });
  const { apiKey } = await app.trpc(app.one.key).keys.issue.mutate({ name: 'a key' });
  const blocks = Array.from({ length: 51 }, (_, index) => `10.0.${index}.0/24`);
  for (const [limits, path] of [
    [{ allowedAddresses: ['203.0.113.1/24'] }, ['allowedAddresses', 0]],
    [{ allowedAddresses: ['203.0.113.0/24', 'office'] }, ['allowedAddresses', 1]],
    [{ allowedAddresses: blocks }, ['allowedAddresses']],
    [{ allowedAddresses: '203.0.113.0/24' }, ['allowedAddresses']],
    [{ addressMode: 'off' }, ['addressMode']],
    [{ rateLimit: 0 }, ['rateLimit']],
    [{ rateLimit: 1.5 }, ['rateLimit']],
    [{ rateLimit: 301 }, ['rateLimit']],
  ] as const) {
    for (const [method, address, body] of [
      ['POST', '/api/keys', { name: 'limited', ...limits }],
      ['PATCH', `/api/keys/${apiKey.id}`, limits],
    ] as const) {
      const answer = await app.api(app.one.key, method, address, body);
      expect([answer.status, answer.body.details.issues[0].path]).toEqual([400, path]);
    }
  }
  const fifty = await app.api(app.one.key, 'PATCH', `/api/keys/${apiKey.id}`, {
    allowedAddresses: blocks.slice(1),
    rateLimit: 300,
  });
  expect([fifty.status, fifty.body.data.allowedAddresses.length]).toEqual([200, 50]);
});

test('A key has the rate that it was given, and a changed rate within a minute', async () => {
  await using app = await testApp({ rateLimit: 300 });
  const { keys } = app.trpc(app.one.key);
  const { key, apiKey } = await keys.issue.mutate({ name: 'slow', rateLimit: 2 });
  const call = () => app.api(key, 'GET', '/api/keys/current');
  const statuses = async (calls: number) => {
    const all = [];
    for (let count = 0; count < calls; count++) all.push((await call()).status);
    return all;
  };
  expect(await statuses(3)).toEqual([200, 200, 429]);
  const { headers, body } = await call();
  expect(headers.get('ratelimit-policy')).toContain('q=2;');
  expect(body.details.reason).toBe('The API key has used up its rate of 2 calls a minute');

  await keys.update.mutate({ id: apiKey.id, rateLimit: 6 });
  // The memory of the key is a minute old.
  app.deps.keys.clear();
  // The refused calls count as well: four calls are counted, and two more are let through.
  expect(await statuses(3)).toEqual([200, 200, 429]);
  await keys.update.mutate({ id: apiKey.id, rateLimit: null });
  app.deps.keys.clear();
  expect(await statuses(5)).toEqual([200, 200, 200, 200, 200]);
  expect(app.deps.keys.ttl).toBe(60_000);
});
