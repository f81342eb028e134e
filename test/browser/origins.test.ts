import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { listen } from '../../server/start/listen.ts';
import { launchChromium } from '../helpers/chromium.ts';
import { serveApp } from '../helpers/serveApp.ts';
import { testApp } from '../helpers/testApp.ts';

/** The client's package: `npm run build` makes it. */
const CLIENT = readFileSync(resolve(import.meta.dirname, '../../client/dist/index.js'));

const PAGE = `<!doctype html><title>Another page</title>
<script type="module">import * as client from '/client.js'; window.client = client;</script>`;

/** Serves another project's page and a backend that mints tokens, starts the service that allows the page's origin, and opens the page. */
async function openForeignPage() {
  let mint = async () => '';
  const pages = await serveApp(async ({ url }) => {
    const { pathname } = new URL(url);
    if (pathname === '/token') return new Response(await mint());
    if (pathname === '/client.js') return new Response(CLIENT, { headers: { 'content-type': 'text/javascript' } });
    return new Response(PAGE, { headers: { 'content-type': 'text/html' } });
  });
  const allowedOrigins = new Set([pages.address]);
  const app = await testApp({ choices: { allowedOrigins } });
  const listener = await listen(app.app.fetch, { host: '127.0.0.1', port: 0, log: app.deps.log, allowedOrigins });
  const minted: string[] = [];
  mint = async () => {
    const { token } = await app.trpc(app.one.key).keys.mintToken.mutate({ expiresInMinutes: 5 });
    minted.push(token);
    return token;
  };
  const context = await (await launchChromium()).newContext();
  const page = await context.newPage();
  return {
    app,
    page,
    /** The tokens that the page's own backend has handed out. */
    minted,
    pages: pages.address,
    service: `http://127.0.0.1:${listener.port}`,
    async [Symbol.asyncDispose]() {
      await context.close();
      await listener.drain();
      await pages[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
    },
  };
}

/** Runs in the page: the outcomes of requests, as a script of the page sees them. */
async function callFromPage({ service, key }: { service: string; key: string }) {
  const id = '01890000-0000-7000-8000-000000000000';
  const authorization = `Bearer ${key}`;
  const json = { authorization, 'content-type': 'application/json' };
  const mcp = { ...json, accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-06-18' };
  const whoami = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami', arguments: {} } };
  const seen: Record<string, unknown> = {};
  const call = async (path: string, init: RequestInit = {}) => {
    try {
      const { status, headers } = await fetch(service + path, init);
      const readable = ['x-request-id', 'ratelimit', 'location', 'etag', 'www-authenticate'];
      seen[`${init.method ?? 'GET'} ${path.slice(0, 30)}`] = [status, readable.filter((name) => headers.has(name))];
    } catch (error) {
      seen[`${init.method ?? 'GET'} ${path.slice(0, 30)}`] = (error as Error).name;
    }
  };
  await call('/api/contacts', { headers: { authorization } });
  await call('/api/contacts', { method: 'POST', headers: json, body: '{"name":"Ada"}' });
  await call(`/api/contacts/${id}`, { method: 'PATCH', headers: { ...json, 'if-match': '"1"' }, body: '{}' });
  await call(`/api/contacts/${id}`, { method: 'DELETE', headers: { authorization } });
  await call('/api/keys/current');
  await call('/trpc/keys.current', { headers: { authorization, 'trpc-accept': 'application/jsonl' } });
  await call('/trpc/keys.current?batch=1');
  await call('/mcp', { method: 'POST', headers: mcp, body: JSON.stringify(whoami) });
  await call('/livez');
  await call('/api/auth/get-session');
  await call('/trpc/session.current', { credentials: 'include' });
  return seen;
}

test('A page of an allowed origin calls every door with a key, and reads refusals and headers; with cookies nothing is read', async () => {
  await using open = await openForeignPage();
  const { page, service, app } = open;
  await page.goto(open.pages);
  const common = ['x-request-id', 'ratelimit'];
  expect(await page.evaluate(callFromPage, { service, key: app.one.key })).toEqual({
    'GET /api/contacts': [200, common],
    'POST /api/contacts': [201, [...common, 'location', 'etag']],
    'PATCH /api/contacts/01890000-0000-70': [404, common],
    'DELETE /api/contacts/01890000-0000-70': [404, common],
    'GET /api/keys/current': [401, ['x-request-id', 'www-authenticate']],
    'GET /trpc/keys.current': [200, common],
    'GET /trpc/keys.current?batch=1': [401, ['x-request-id', 'www-authenticate']],
    'POST /mcp': [200, common],
    'GET /livez': 'TypeError',
    'GET /api/auth/get-session': 'TypeError',
    'GET /trpc/session.current': 'TypeError',
  });
});

test('A page of another origin reads nothing, and changes nothing', async () => {
  await using open = await openForeignPage();
  const { page, service, app } = open;
  // The same pages under another name are another origin.
  await page.goto(open.pages.replace('127.0.0.1', 'localhost'));
  const outcomes = await page.evaluate(callFromPage, { service, key: app.one.key });
  expect(new Set(Object.values(outcomes))).toEqual(new Set(['TypeError']));
  expect((await app.api(app.one.key, 'GET', '/api/contacts')).body.data).toEqual([]);
});

/** Runs in the page: works with the client, whose key is a function that asks the page's own backend. */
async function workWithClient(service: string) {
  const { client } = window as unknown as { client: typeof import('../../client/index.ts') };
  const introzy = client.createIntrozyClient({ url: service, key: async () => (await fetch('/token')).text() });
  const ada = await introzy.contacts.create.mutate({ name: 'Ada', email: 'ada@example.com' });
  const before = await introzy.keys.current.query();
  await introzy.keys.revoke.mutate({ id: 'current' });
  // The token has ended: the client asks for another.
  const [page, after] = await Promise.all([introzy.contacts.list.query(), introzy.keys.current.query()]);
  const stale = { id: ada.id, title: 'Countess', expectedVersion: 7 };
  const conflict = await introzy.contacts.update.mutate(stale).catch(({ status, details }) => ({ status, details }));
  return {
    names: page.items.map(({ name }) => name),
    tokens: [before.token?.hint, after.token?.hint],
    isDate: page.items[0]?.createdAt instanceof Date,
    conflict,
  };
}

test('A page works with the client, by tokens that its own backend mints', async () => {
  await using open = await openForeignPage();
  const { page, service, minted } = open;
  await page.goto(open.pages);
  await page.waitForFunction(() => 'client' in window);
  expect(await page.evaluate(workWithClient, service)).toEqual({
    names: ['Ada'],
    tokens: minted.map((token) => token.slice(8, 16)),
    isDate: true,
    conflict: { status: 412, details: { currentVersion: 1 } },
  });
  expect(minted).toHaveLength(2);
});
