import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContextOptions, chromium, type Page, type Request } from 'playwright-core';
import { expect } from 'vitest';
import { listen } from '../../server/start/listen.ts';
import { PASSWORD } from './browser.ts';
import { CHROMIUM } from './chromiumPath.ts';
import type { TestApp } from './testApp.ts';

/** It asks nothing of any host but ours. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let launched: Promise<Browser> | undefined;

/** The requests of each page that are not answered yet. */
const underWay = new WeakMap<Page, Set<Request>>();

/** The dashboard of a test's app, served over a socket, in browsers of people's own. */
export async function openDashboard(app: TestApp) {
  const browser = await (launched ??= chromium.launch({ executablePath: CHROMIUM, args: FLAGS }));
  const server = await listen(app.app.fetch, { host: '127.0.0.1', port: 0, log: app.deps.log });
  const origin = `http://127.0.0.1:${server.port}`;
  const contexts: { close(): Promise<void> }[] = [];
  /** What went wrong in any page: exceptions, what the policy refused, requests to others. */
  const troubles: string[] = [];

  return {
    origin,
    troubles,
    /** A page of a person who has not been here before. */
    async visit(options: BrowserContextOptions = {}): Promise<Page> {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, baseURL: origin, ...options });
      contexts.push(context);
      await context.grantPermissions(['clipboard-read', 'clipboard-write']);
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      const open = new Set<Request>();
      underWay.set(page, open);
      page.on('request', (request) => open.add(request));
      page.on('requestfinished', (request) => open.delete(request));
      page.on('requestfailed', (request) => open.delete(request));
      page.on('pageerror', ({ message }) => troubles.push(message));
      page.on('console', (message) => {
        // That a request was refused is no trouble of the page's.
        const isRefusal = message.text().startsWith('Failed to load resource');
        if (message.type() === 'error' && !isRefusal) troubles.push(message.text());
      });
      page.on('request', (request) => {
        const url = request.url();
        if (!url.startsWith(origin) && !/^(data|blob):/.test(url)) troubles.push(`a request to ${url}`);
      });
      return page;
    },
    /** Signs in by the request that the form makes, where the form is not the subject: that saves some seconds. */
    async enter(page: Page, { email, at = '/' }: { email: string; at?: string }) {
      const data = { email, password: PASSWORD };
      const answer = await page.request.post('/api/auth/sign-in/email', { headers: { origin }, data });
      expect(answer.status()).toBe(200);
      await page.goto(at);
      await page.locator('main h1').waitFor();
    },
    async [Symbol.asyncDispose]() {
      for (const context of contexts) await context.close();
      await server.drain();
      expect(troubles).toEqual([]);
    },
  };
}

/** Closes what all of a file's dashboards share. */
export const closeBrowser = async () => (await launched)?.close();

/** Signs in by the form, as anybody would, and is on the page that was asked for. */
export async function signIn(page: Page, { email, at = '/' }: { email: string; at?: string }) {
  await page.goto(at);
  await page.getByLabel('Email').fill(email);
  await page.locator('input[name=password]').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('banner').waitFor();
  await page.locator('main h1').waitFor();
}

/** Milliseconds in which a page asks for nothing and shows nothing as loading, before it counts as settled. */
const QUIET = 200;

/** Waits until nothing is being loaded any more: Playwright's `networkidle` waits half a second each time. */
export async function settled(page: Page) {
  await page.waitForLoadState('load');
  // Before the first heading the page's code has not run yet: the page asks for nothing, and is blank.
  await page.locator('h1').first().waitFor();
  const isBusy = async () =>
    (underWay.get(page)?.size ?? 0) > 0 ||
    (await page.locator('[role=status][aria-label=Loading], .mantine-Loader-root').count()) > 0;
  const end = performance.now() + 20_000;
  for (let quietSince = performance.now(); performance.now() - quietSince < QUIET; ) {
    if (performance.now() > end) throw new Error(`${page.url()} is still loading`);
    if (await isBusy()) quietSince = performance.now();
    await page.waitForTimeout(20);
  }
}

/** What axe finds wrong with what is on the screen, by WCAG 2.2 AA and its own best practices. */
export async function findBarriers(page: Page): Promise<string[]> {
  // Colours are judged as they are, not as they fade in.
  await page.waitForFunction(() => document.getAnimations().every(({ playState }) => playState !== 'running'));
  // Without the page of its own that axe opens for frames: the dashboard has none.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  );
}

/** True where the page can be scrolled sideways. */
export const isTooWide = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
