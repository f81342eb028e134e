import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContextOptions, chromium, type Page, type Request } from 'playwright-core';
import { expect } from 'vitest';
import { listen } from '../../server/start/listen.ts';
import { PASSWORD } from './browser.ts';
import { CHROMIUM } from './chromiumPath.ts';
import type { TestApp } from './testApp.ts';

/** Keep Chromium from asking any host but ours. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The browser of all files that run in this process. Playwright ends the browser with the process. */
let launched: Promise<Browser> | undefined;

/** Chromium, with an empty context for each `newContext`. */
export const launchChromium = () => (launched ??= chromium.launch({ executablePath: CHROMIUM, args: FLAGS }));

/** By page: the requests without an answer so far. */
const underWay = new WeakMap<Page, Set<Request>>();

/** Serves the dashboard of a test's app over a socket, and opens pages in Chromium, at `host`. */
export async function openDashboard(app: TestApp, { host = '127.0.0.1', port = 0 } = {}) {
  const browser = await launchChromium();
  const server = await listen(app.app.fetch, { host: '127.0.0.1', port, log: app.deps.log });
  const origin = `http://${host}:${server.port}`;
  const contexts: { close(): Promise<void> }[] = [];
  /** Faults in any page: exceptions, refusals by the content security policy, requests to other hosts. */
  const troubles: string[] = [];

  return {
    origin,
    troubles,
    /** Opens a page with an empty cookie jar and empty storage, as of a person on a first visit. */
    async visit(options: BrowserContextOptions = {}): Promise<Page> {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, baseURL: origin, ...options });
      contexts.push(context);
      await context.grantPermissions(['clipboard-read', 'clipboard-write']);
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      // The first page of a browser loads the whole dashboard, which takes longer where three browsers begin at once.
      page.setDefaultNavigationTimeout(60_000);
      const open = new Set<Request>();
      underWay.set(page, open);
      page.on('request', (request) => open.add(request));
      page.on('requestfinished', (request) => open.delete(request));
      page.on('requestfailed', (request) => open.delete(request));
      page.on('pageerror', ({ message }) => troubles.push(message));
      page.on('console', (message) => {
        // A refused request is not a fault of the page.
        const isRefusal = message.text().startsWith('Failed to load resource');
        if (message.type() === 'error' && !isRefusal) troubles.push(message.text());
      });
      page.on('request', (request) => {
        const url = request.url();
        if (!url.startsWith(origin) && !/^(data|blob):/.test(url)) troubles.push(`a request to ${url}`);
      });
      return page;
    },
    /** Signs in by the form's request instead of the form, which saves some seconds. For tests of other subjects. */
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

/** Signs in by the form, and waits until the page that was asked for is there. */
export async function signIn(page: Page, { email, at = '/' }: { email: string; at?: string }) {
  await page.goto(at);
  await page.getByLabel('Email').fill(email);
  await page.locator('input[name=password]').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('banner').waitFor();
  await page.locator('main h1').waitFor();
}

/** Milliseconds without a request under way and without a loading mark, after which a page counts as settled. */
const QUIET = 200;

/** Waits until a page has loaded everything. Playwright's `networkidle` would wait half a second each time. */
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

/** The violations that axe finds on the page, by WCAG 2.2 AA and by axe's own best practices. */
export async function findBarriers(page: Page): Promise<string[]> {
  // Colours are judged after all animations: a text that fades in has too little contrast meanwhile.
  await page.waitForFunction(() => document.getAnimations().every(({ playState }) => playState !== 'running'));
  // Legacy mode: otherwise axe opens a page of its own for frames, and the dashboard has no frames.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  );
}

/** True where the page can be scrolled sideways. */
export const isTooWide = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
