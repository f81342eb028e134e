import { expect, test } from 'vitest';
import { coarsePlace } from '../../server/auth/place.ts';
import { createContext } from '../../server/procedures/context.ts';
import { addMember, signedIn } from '../helpers/browser.ts';
import { testApp } from '../helpers/testApp.ts';

test.each([
  ['203.0.113.77', '203.0.113.0/24'],
  ['::ffff:203.0.113.77', '203.0.113.0/24'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
  ['2001:0DB8::1', '2001:db8:0::/48'],
  ['::1', '0:0:0::/48'],
  ['fe80::1%eth0', 'fe80:0:0::/48'],
  ['', 'unknown'],
  [undefined, 'unknown'],
  ['not an address', 'unknown'],
  ['1.2.3.4, 5.6.7.8', 'unknown'],
])('Of the address %s no more is kept than %s', (address, kept) => {
  expect(coarsePlace({ address, userAgent: undefined }).address).toBe(kept);
});

test.each([
  ['curl/8.5.0', 'curl'],
  ['node', 'node'],
  ['python-requests/2.31', 'python-requests'],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
  ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0', 'Edge on Windows'],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605.1 Version/18 Safari/605.1', 'Safari on macOS'],
  ['Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36', 'Chrome on Android'],
  ['Mozilla/5.0', 'A browser'],
  [`${'x'.repeat(33)}/1`, 'unknown'],
  ['<script>', 'unknown'],
  ['', 'unknown'],
])('Of the user agent %s no more is kept than %s', (userAgent, kept) => {
  expect(coarsePlace({ address: undefined, userAgent }).userAgent).toBe(kept);
});

test('The address is the connection’s, or the one that a proxy of ours puts last', async () => {
  await using app = await testApp();
  const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.9' };
  const request = new Request('http://localhost/', { headers });
  expect(createContext(app.deps, request, { remoteAddress: '10.0.0.1' }).source.address).toBe('10.0.0.1');
  const trusting = { ...app.deps, trustProxy: true };
  expect(createContext(trusting, request, { remoteAddress: '10.0.0.1' }).source.address).toBe('203.0.113.9');
  expect(createContext(trusting, new Request('http://localhost/'), { remoteAddress: '10.0.0.1' }).source.address).toBe(
    '10.0.0.1',
  );
});

test('A key’s page says where it was used from: each place once, the latest first', async () => {
  await using app = await testApp({ choices: { trustProxy: true } });
  const { key, apiKey } = await app.issue(app.one.id, { name: 'used' });
  const use = async (address: string, userAgent: string) => {
    const headers = { 'x-forwarded-for': address, 'user-agent': userAgent };
    expect((await app.api(key, 'GET', '/api/contacts', undefined, headers)).status).toBe(200);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    await app.deps.lastUse.flush();
  };
  await use('203.0.113.7', 'curl/8.5.0');
  await use('203.0.113.99', 'curl/8.6.0');
  await use('198.51.100.1', 'node');

  const { trpc } = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  const { places } = await trpc.keys.places.query({ id: apiKey.id });
  expect(places.map(({ address, userAgent }) => [address, userAgent])).toEqual([
    ['198.51.100.0/24', 'node'],
    ['203.0.113.0/24', 'curl'],
  ]);
  for (const { firstUsedAt, lastUsedAt } of places) expect(firstUsedAt <= lastUsedAt).toBe(true);
  const { items } = await trpc.audit.list.query({ subjectId: apiKey.id, action: 'apiKey.usedFrom' });
  const itself = { type: 'key', id: apiKey.id, name: 'used' };
  expect(items.map(({ actor, details }) => [actor, details])).toEqual([
    [itself, { address: '198.51.100.0/24', userAgent: 'node' }],
    [itself, { address: '203.0.113.0/24', userAgent: 'curl' }],
  ]);
  const rest = await app.api(app.one.key, 'GET', `/api/keys/${apiKey.id}/places`);
  expect(rest.body.data.places).toHaveLength(2);
});
