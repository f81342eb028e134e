import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { addMember } from '../helpers/browser.ts';
import { openDashboard, settled, signIn } from '../helpers/chromium.ts';
import { testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 240_000 };

test(
  'The first load is at most 250 kB of compressed JavaScript, and pages come as they are opened',
  PATIENCE,
  async () => {
    await using app = await testApp();
    const owner = await addMember(app, app.one.id, 'owner');
    await using dashboard = await openDashboard(app);
    const page = await dashboard.visit();
    const scripts = new Map<string, Promise<number>>();
    // The browser gives no body for a file from its cache, so that the test asks the service for the size.
    const readSize = async (url: string) => gzipSync(await (await fetch(url)).bytes()).length;
    page.on('response', (response) => {
      const { pathname } = new URL(response.url());
      if (pathname.endsWith('.js') && !scripts.has(pathname)) scripts.set(pathname, readSize(response.url()));
    });
    const total = async () => (await Promise.all(scripts.values())).reduce((sum, size) => sum + size, 0);
    const has = (name: string) => [...scripts.keys()].some((path) => path.includes(`/${name}-`));
    await page.goto('/');
    await settled(page);
    expect(await total()).toBeLessThanOrEqual(250_000);
    expect(['ApiKeys', 'Contacts', 'Members', 'AuditLog'].filter(has)).toEqual([]);
    await signIn(page, owner);
    await settled(page);
    expect(await total()).toBeLessThanOrEqual(250_000);
    expect(['ApiKeys', 'Contacts', 'Members', 'AuditLog'].filter(has)).toEqual(['ApiKeys']);
    await page.getByRole('link', { name: 'Contacts' }).click();
    await page.getByRole('heading', { name: 'Contacts', exact: true }).waitFor();
    expect(has('Contacts')).toBe(true);
    const answer = await fetch(`${dashboard.origin}${[...scripts.keys()].find((path) => path.includes('/index-'))}`, {
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(answer.headers.get('content-encoding')).toBe('gzip');
    expect(answer.headers.get('cache-control')).toContain('immutable');
  },
);

test('The page’s policy allows no inline script and no other host, and its nonce is fresh in each answer', async () => {
  await using app = await testApp();
  const load = async (path: string) => {
    const answer = await app.app.request(path);
    const policy = answer.headers.get('content-security-policy') ?? '';
    const html = await answer.text();
    const [, nonce = ''] = /'nonce-([\w-]+)'/.exec(policy) ?? [];
    return { answer, policy, html, nonce };
  };
  const nonces = new Set<string>();
  for (const path of ['/', '/sign-in', '/contacts', '/settings/api-keys', '/settings/api-keys/x', '/invitations/x']) {
    const { answer, policy, html, nonce } = await load(path);
    expect(answer.status, path).toBe(200);
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; /);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(nonce.length).toBeGreaterThanOrEqual(20);
    expect(html).toContain(`nonce="${nonce}"`);
    expect(html).not.toContain('__CSP_NONCE__');
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=|style=|https?:\/\//);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-request-id')).toBeTruthy();
    nonces.add(nonce);
  }
  expect(nonces.size).toBe(6);
  for (const path of [
    '/nothing',
    '/settings',
    '/settings/api-keys/x/y',
    '/assets/nothing.js',
    '/assets/../index.html',
  ]) {
    expect((await app.app.request(path)).status, path).toBe(404);
  }
});
