import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pino } from 'pino';
import { chromium, type Page } from 'playwright-core';
import { migrate } from '../db/migrate.ts';
import { openDatabase } from '../db/open.ts';
import { generateKeySecret, parseKeySecrets } from '../server/auth/keySecret.ts';
import { createApp } from '../server/doors/app.ts';
import { createDeps } from '../server/start/deps.ts';
import { listen } from '../server/start/listen.ts';
import { sampleContacts, setUpOrganization } from '../server/start/setup.ts';
import { CHROMIUM } from './helpers/chromiumPath.ts';

/**
 * Takes pictures of each page of the dashboard for docs/, in light and in dark: `npm run screenshots`. The pages show a
 * service with an example organization.
 */
const DOCS = resolve(import.meta.dirname, '../docs');
const PASSWORD = 'correct horse battery staple';
const EMAIL = 'owner@example.com';

const log = pino({ level: 'silent' });
const keySecrets = parseKeySecrets(generateKeySecret());
const timeouts = { statement: 20_000, lock: 20_000 };
const db = await openDatabase({ kind: 'embedded', directory: undefined, timeouts });
await migrate(db);
const example = { name: 'Example', email: EMAIL, password: PASSWORD, contacts: sampleContacts };
const made = await setUpOrganization(db, keySecrets, example);
if (!made) throw new Error('The organization exists');
const publicUrl = 'http://localhost:3000';
const deps = createDeps({ db, log, keySecrets, publicUrl, rateLimit: 10_000, signInRate: 100 });
const app = createApp(deps);
const server = await listen(app.fetch, { host: '127.0.0.1', port: 0, log });
// Passkeys take a host name.
const origin = `http://localhost:${server.port}`;

/** Calls the API with the first key, as a program does. */
async function call(method: string, path: string, body?: object) {
  const headers = {
    authorization: `Bearer ${made?.issued.key}`,
    'content-type': 'application/json',
    'user-agent': 'curl/8.5.0',
  };
  const response = await fetch(`${origin}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  return ((await response.json()) as { data: { id: string }[] }).data;
}
for (const name of ['Nightly import', 'Claude, the agent', 'An old laptop']) await call('POST', '/api/keys', { name });
const [old] = await call('GET', '/api/keys');
await call('DELETE', `/api/keys/${old?.id}`);
await deps.lastUse.flush();

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
await mkdir(DOCS, { recursive: true });

/** Each page's picture (`contact`), path, and the steps on the page before the picture is taken. */
const pages: [string, string, ((page: Page) => Promise<unknown>)?][] = [
  ['api-keys', '/settings/api-keys'],
  ['api-key', `/settings/api-keys/${made.issued.apiKey.id}`],
  ['generate-key', '/settings/api-keys', (page) => page.getByRole('button', { name: 'Generate New Key' }).click()],
  ['contacts', '/contacts'],
  ['contact', '/contacts', (page) => page.getByRole('button', { name: 'Ada Lovelace' }).click()],
  ['members', '/settings/members'],
  ['audit-log', '/settings/audit-log'],
  ['organization', '/settings/organization'],
  ['account', '/settings/account'],
];
for (const [colorScheme, suffix] of [
  ['light', ''],
  ['dark', '-dark'],
] as const) {
  const page = await browser.newPage({ baseURL: origin, colorScheme, viewport: { width: 1280, height: 760 } });
  const shoot = async (name: string) => {
    await page.waitForLoadState('networkidle');
    await page.waitForTimeout(400);
    await page.screenshot({ path: resolve(DOCS, `${name}${suffix}.png`) });
  };
  await page.goto('/');
  await page.getByLabel('Email').waitFor();
  await shoot('sign-in');
  await page.getByLabel('Email').fill(EMAIL);
  await page.locator('input[name=password]').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('banner').waitFor();
  for (const [name, path, prepare] of pages) {
    await page.goto(path);
    await page.locator('main h1').waitFor();
    await prepare?.(page);
    await shoot(name);
  }
  await page.close();
}
await browser.close();
await server.drain();
await db.close();
