import { expect, test } from 'vitest';
import { addMember, openBrowser, signedIn } from '../helpers/browser.ts';
import { newKey } from '../helpers/strayKeys.ts';
import { testApp } from '../helpers/testApp.ts';

const BELONGS = 'Send the header Authorization: Bearer introzy_…';
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** The wrong places of a key: the query, the headers, the words of the hint, and the fixed reason. */
const places = (key: string): [string, Record<string, string>, string, string?][] => [
  [`?api_key=${key}`, {}, 'in the address'],
  [`?access_token=Bearer%20${key}&limit=1`, {}, 'in the address'],
  [`?key=${key.replace('_', '%5f')}`, {}, 'in the address'],
  ['', { cookie: `theme=dark; token=${key}` }, 'in a cookie'],
  ['', { cookie: `introzy_session=${key}` }, 'in a cookie'],
  ['', { 'x-api-key': key }, 'in the header x-api-key'],
  ['', { 'api-key': `Bearer ${key}` }, 'in the header api-key'],
  ['', { 'proxy-authorization': `Basic ${base64(`user:${key}`)}` }, 'in the header proxy-authorization'],
  ['', { authorization: key }, 'in Authorization without the scheme Bearer', 'Invalid API key'],
  ['', { authorization: `Token ${key}` }, 'in Authorization without the scheme Bearer'],
  ['', { authorization: `token="${key}"` }, 'in Authorization without the scheme Bearer', 'Invalid API key'],
  ['', { authorization: `Basic ${base64(`${key}:`)}` }, 'in Authorization without the scheme Bearer'],
  ['', { authorization: `bAsIc ${base64(`api:${key}`)}` }, 'in Authorization without the scheme Bearer'],
  ['', { authorization: 'Bearer', 'x-auth-token': key }, 'in the header x-auth-token'],
  ['', { authorization: 'Bearer introzy_no', 'x-api-key': key }, 'in the header x-api-key', 'Invalid API key'],
];

test('A 401 for a key that was sent elsewhere says where the key belongs, at every door, and never the key', async () => {
  await using app = await testApp();
  for (const key of [app.one.key, newKey()]) {
    for (const [query, headers, place, reason = 'Missing API key'] of places(key)) {
      const details = { reason, hint: expect.stringMatching(`^The API key was sent ${place}.* ${BELONGS}$`) };
      const message = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };
      const answers = [
        await app.api(undefined, 'GET', `/api/contacts${query}`, undefined, headers),
        await app.api(undefined, 'GET', `/trpc/organization.current${query}`, undefined, headers),
        await app.api(undefined, 'POST', `/mcp${query}`, message, headers),
      ];
      for (const { status, body } of answers) {
        const given = body.error?.json?.data.details ?? body.details;
        expect([status, given], JSON.stringify([query, headers])).toEqual([401, details]);
      }
      expect(answers.map(({ text }) => text).join('')).not.toContain(key.slice(16));
    }
  }
});

test('A 401 has the hint wherever other services read a key, whatever was sent there, and repeats nothing', async () => {
  await using app = await testApp();
  for (const [query, headers, place] of [
    ['?api_key=secret123', {}, 'in the address (?api_key=)'],
    ['?limit=1&ApiKey=secret123', {}, 'in the address (?apikey=)'],
    ['?key=secret123', {}, 'in the address (?key=)'],
    ['?access_token=secret123', {}, 'in the address (?access_token=)'],
    ['?token=secret123', {}, 'in the address (?token=)'],
    ['', { 'x-api-key': 'secret123' }, 'in the header x-api-key'],
    ['', { apikey: 'secret123' }, 'in the header apikey'],
    ['', { 'x-auth-token': 'secret123' }, 'in the header x-auth-token'],
    ['', { authorization: `Basic ${base64('secret123:')}` }, 'in Authorization without the scheme Bearer'],
    ['', { authorization: 'Token secret123' }, 'in Authorization without the scheme Bearer'],
    ['', { authorization: 'ApiKey secret123' }, 'in Authorization without the scheme Bearer'],
    ['', { authorization: 'secret123' }, 'in Authorization without the scheme Bearer'],
  ] as [string, Record<string, string>, string][]) {
    const message = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };
    for (const answer of [
      await app.api(undefined, 'GET', `/api/contacts${query}`, undefined, headers),
      await app.api(undefined, 'GET', `/trpc/organization.current${query}`, undefined, headers),
      await app.api(undefined, 'POST', `/mcp${query}`, message, headers),
    ]) {
      const given = answer.body.error?.json?.data.details ?? answer.body.details;
      expect([answer.status, given.hint], place).toEqual([401, `No API key is read ${place}. ${BELONGS}`]);
      expect(answer.text).not.toContain('secret123');
      expect(answer.text).not.toContain(base64('secret123'));
    }
  }
  expect(app.logs.join('')).not.toContain('secret123');
});

test('A request without a key elsewhere has no hint, whatever it brings', async () => {
  await using app = await testApp();
  const { key } = app.one;
  for (const headers of [
    {},
    { cookie: 'introzy_session=none; introzy_dont_remember=1' },
    { authorization: '' },
    { 'x-forwarded-for': '203.0.113.1', 'user-agent': 'token' },
    { authorization: `Bearer ${key}0` },
    { authorization: `Bearer ${key.toUpperCase()}` },
    { authorization: `Bearer ${newKey()}`, 'x-api-key': 'introzy_%' },
  ] as Record<string, string>[]) {
    const { status, body } = await app.api(undefined, 'GET', '/api/contacts?search=%', undefined, headers);
    expect([status, Object.keys(body.details)], JSON.stringify(headers)).toEqual([401, ['reason']]);
  }
  // The body is not read for a key.
  const { body } = await app.api(undefined, 'POST', '/api/contacts', { api_key: key });
  expect(body.details).toEqual({ reason: 'Missing API key' });
});

test('A session that is over, with a key elsewhere, has the hint; a session that holds is served', async () => {
  await using app = await testApp();
  const browser = await signedIn(app, await addMember(app, app.one.id));
  const headers = { 'x-api-key': app.one.key };
  expect((await browser.call('GET', '/api/contacts', undefined, headers)).status).toBe(200);
  const kept = new Map(browser.cookies);
  await browser.account('/sign-out');
  const visitor = openBrowser(app);
  for (const [name, value] of kept) visitor.cookies.set(name, value);
  const { status, body } = await visitor.call('GET', '/api/contacts', undefined, headers);
  expect([status, body.details.reason]).toEqual([401, 'Missing API key']);
  expect(body.details.hint).toContain('in the header x-api-key');
});
