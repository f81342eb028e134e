import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { addMember, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { readTables } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

const OWN = 'http://localhost';
const JSON_TYPE = 'application/json';

/** Values of `Origin`. `undefined`: the browser sends no `Origin`. */
const ORIGINS = [
  OWN,
  undefined,
  'null',
  'http://evil.example',
  'https://localhost',
  'http://localhost:81',
  'http://localhost.evil.example',
];
const SITES = [undefined, 'same-origin', 'same-site', 'cross-site', 'none'];
const CONTENT_TYPES = [
  JSON_TYPE,
  'application/json; charset=utf-8',
  // Types that an HTML form can send, and types that only resemble JSON.
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'text/plain',
  'text/plain; application/json',
  undefined,
];

function expectedStatuses(origin?: string, site?: string, type?: string) {
  const isForeign = origin !== OWN || (site !== undefined && site !== 'same-origin');
  const isJson = type?.startsWith(JSON_TYPE);
  if (isForeign) return isJson ? [403] : [403, 415];
  return isJson ? [200] : [415];
}

test('With a cookie, what changes something is JSON from a page of this origin: content types × Origin × Sec-Fetch-Site', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id, 'admin');
  const browser = await signedIn(app, person);
  const { id } = await browser.trpc.contacts.create.mutate({ name: 'A contact' });
  const { apiKey } = await app.issue(app.one.id);
  const changes = [
    ['POST', '/trpc/contacts.update', { json: { id, notes: 'changed' } }],
    ['PATCH', `/api/contacts/${id}`, { notes: 'changed' }],
    ['DELETE', `/api/keys/${apiKey.id}`, {}],
    ['POST', '/api/auth/update-user', { name: 'changed' }],
  ] as const;
  const cookie = [...browser.cookies].map((each) => each.join('=')).join('; ');
  const combinations = ORIGINS.flatMap((origin) =>
    SITES.flatMap((site) =>
      CONTENT_TYPES.map((type) => ({ origin, site, type, expected: expectedStatuses(origin, site, type) })),
    ),
  );
  const send = async ({ origin, site, type, expected }: (typeof combinations)[number]) => {
    for (const [method, path, body] of changes) {
      const headers = {
        cookie,
        ...(origin && { origin }),
        ...(site && { 'sec-fetch-site': site }),
        ...(type && { 'content-type': type }),
      };
      // Bytes: for a text, `fetch` would add a content type.
      const bytes = new TextEncoder().encode(JSON.stringify(body));
      const { status } = await app.app.request(`${OWN}${path}`, { method, headers, body: bytes });
      expect(expected, `${method} ${path} from ${origin}, ${site}, as ${type}`).toContain(status);
    }
  };
  const { true: allowed = [], false: refused = [] } = Object.groupBy(combinations, ({ expected }) =>
    expected.includes(200) ? 'true' : 'false',
  );
  const before = await readTables(app);
  for (const each of refused) await send(each);
  expect(await readTables(app)).toEqual(before);
  for (const each of allowed) await send(each);
  expect([refused.length, allowed.length]).toEqual([241, 4]);
  expect(await readTables(app)).not.toEqual(before);
});

test('Reading takes no origin, and a key needs none to change something', async () => {
  await using app = await testApp();
  const browser = await signedIn(app, await addMember(app, app.one.id));
  const foreign = { origin: 'http://evil.example', 'sec-fetch-site': 'cross-site' };
  const read = await browser.call('GET', '/api/contacts', undefined, foreign);
  expect(read.status).toBe(200);
  // The foreign page cannot read the answer.
  expect(read.headers.get('access-control-allow-origin')).toBeNull();
  expect((await app.api(app.one.key, 'POST', '/api/contacts', { name: 'By a key' }, foreign)).status).toBe(201);
  const changing = await browser.call(
    'GET',
    `/trpc/contacts.create?input=${encodeURIComponent('{"json":{"name":"x"}}')}`,
  );
  expect(changing.status).toBe(405);
});

test('A page elsewhere signs nobody in: to be somebody else unawares does harm, too', async () => {
  await using app = await testApp();
  const { email } = await addMember(app, app.one.id);
  const body = { email, password: PASSWORD };
  for (const headers of [
    { origin: 'http://evil.example' },
    { 'sec-fetch-site': 'cross-site' },
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/x-www-form-urlencoded' },
  ]) {
    const answer = await openBrowser(app).call(
      'POST',
      '/api/auth/sign-in/email',
      body,
      headers as Record<string, string>,
    );
    expect([403, 415]).toContain(answer.status);
    expect(answer.headers.getSetCookie()).toEqual([]);
  }
});

test('The cookie is for this host alone, out of scripts’ reach, and Secure with the prefix that browsers enforce over https', async () => {
  for (const [publicUrl, origin, name, attributes] of [
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000', 'introzy_session', /^(?!.*Secure)/],
    ['https://introzy.example', 'https://introzy.example', '__Host-introzy_session', /; Secure/],
  ] as const) {
    await using app = await testApp({ choices: { publicUrl } });
    const { email } = await addMember(app, app.one.id);
    const answer = await openBrowser(app, origin).signIn(email);
    expect(answer.status, answer.text).toBe(200);
    const cookies = answer.headers.getSetCookie();
    // The second cookie only makes the browser known to the back-off of sign-ins.
    const device = name.replace('session', 'device_');
    expect(cookies.map((cookie) => cookie.split('=')[0])).toEqual([
      name,
      expect.stringMatching(`^${device}[0-9a-f]{8}$`),
    ]);
    for (const cookie of cookies) {
      expect(cookie).toMatch(/; Path=\/; /);
      expect(cookie).toMatch(/; HttpOnly/);
      expect(cookie).toMatch(/; SameSite=Lax/);
      expect(cookie).toMatch(attributes);
      expect(cookie).not.toMatch(/Domain/i);
    }
  }
});

test('Behind a proxy that ends TLS, pages of the public address are the service’s own', async () => {
  await using app = await testApp({ choices: { publicUrl: 'https://introzy.example' } });
  const { email } = await addMember(app, app.one.id);
  const signIn = (origin: string) =>
    app.app.request('http://10.0.0.7:3000/api/auth/sign-in/email', {
      method: 'POST',
      headers: { origin, 'content-type': JSON_TYPE },
      body: JSON.stringify({ email, password: PASSWORD }),
    });
  expect((await signIn('https://introzy.example')).status).toBe(200);
  expect((await signIn('http://introzy.example')).status).toBe(403);
});

test('A key is not taken from a cookie, nor a session from anywhere else', async () => {
  await using app = await testApp();
  const browser = await signedIn(app, await addMember(app, app.one.id));
  const [[name, value] = ['', '']] = [...browser.cookies];
  const token = decodeURIComponent(value);
  for (const headers of [
    { cookie: `${name}=${app.one.key}` },
    { cookie: `x${name}=${value}` },
    { authorization: `Bearer ${token}` },
    { authorization: token },
    { 'x-session': token },
  ]) {
    const { status } = await app.api(undefined, 'GET', `/api/contacts?organizationId=${randomUUID()}`, undefined, {
      ...headers,
    } as Record<string, string>);
    expect(status, JSON.stringify(headers)).toBe(401);
  }
});
