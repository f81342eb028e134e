import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { addMember, signedIn } from '../helpers/browser.ts';
import { findBarriers, isTooWide, openDashboard, settled, signIn } from '../helpers/chromium.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 240_000 };

/** Makes an organization with content for every page. */
async function furnish(app: TestApp) {
  const owner = await addMember(app, app.one.id, 'owner');
  const member = await addMember(app, app.one.id, 'member');
  const { keys, contacts } = app.trpc(app.one.key);
  const old = await keys.issue.mutate({ name: 'An old key' });
  await keys.revoke.mutate({ id: old.apiKey.id });
  const { key, apiKey } = await keys.issue.mutate({
    name: 'Nightly import',
    scopes: ['contacts:read', 'contacts:write'],
    description:
      'Copies the contacts of the shop each night. Ask Ada, or look at https://example.com/the/runbook/of/it',
    environment: 'production',
    allowedAddresses: ['203.0.113.0/24', '2001:db8:1234:5678:9abc:def0:1234:0/120'],
    addressMode: 'report',
    rateLimit: 60,
  });
  const admin = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  const parent = await admin.trpc.keys.issue.mutate({ name: 'Held', scopes: ['contacts:read', 'keys:manage'] });
  await app.trpc(parent.key).keys.issue.mutate({ name: 'Held in turn', scopes: ['contacts:read'] });
  await app.trpc(key).keys.mintToken.mutate({ expiresInMinutes: 60 });
  await admin.trpc.keys.rotate.mutate({ id: apiKey.id });
  await app.api(app.one.key, 'GET', '/api/contacts', undefined, { 'user-agent': 'curl/8.5.0' });
  for (const name of ['Ada Lovelace', 'Grace Hopper', 'Katherine Johnson']) {
    const email = `${name.split(' ')[0]?.toLowerCase()}@example.com`;
    await contacts.create.mutate({ name, email, company: 'Analytical Engines', title: 'Programmer', tags: ['friend'] });
  }
  return { owner, member, keyId: apiKey.id, parentId: parent.apiKey.id };
}

const chooseAction = (name: string) => (page: Page) => page.getByRole('menuitem', { name }).click();
const openAction = (name: string) => async (page: Page) => {
  await page.getByRole('button', { name: 'Actions for' }).click();
  await chooseAction(name)(page);
};

/** Every page for a signed-in person, with the actions that open the page's dialogs and menus. */
const pages = ({
  keyId,
  parentId,
}: Record<'keyId' | 'parentId', string>): [string, ((page: Page) => Promise<unknown>)[]][] => [
  [
    '/settings/api-keys',
    [
      (page) => page.getByRole('combobox', { name: 'State of the keys' }).selectOption('All keys'),
      (page) => page.getByRole('button', { name: 'Generate New Key' }).click(),
    ],
  ],
  [`/settings/api-keys/${keyId}`, [(page) => page.getByRole('button', { name: 'End the grace' }).click()]],
  [
    `/settings/api-keys/${keyId}`,
    [
      openAction('Edit'),
      async (page) => {
        await page.getByRole('button', { name: 'Propose from places of use' }).click();
        await page.getByText(/nothing to propose|Look through the list/).waitFor();
        await page.getByRole('textbox', { name: 'Allowed addresses' }).fill('nowhere');
        await page.getByRole('button', { name: 'Save' }).click();
        await page.getByRole('alert').filter({ hasText: 'nowhere' }).waitFor();
      },
    ],
  ],
  [`/settings/api-keys/${keyId}`, [openAction('Rotate')]],
  [
    `/settings/api-keys/${parentId}`,
    [(page) => page.getByRole('button', { name: 'Actions for' }).click(), chooseAction('Revoke')],
  ],
  ['/contacts', [(page) => page.getByRole('button', { name: 'Ada Lovelace' }).click()]],
  ['/contacts', [(page) => page.getByRole('button', { name: 'Import CSV' }).click()]],
  ['/settings/members', [(page) => page.getByRole('button', { name: 'Invite' }).click()]],
  [
    '/settings/members',
    [
      (page) => page.getByRole('button', { name: /^Remove admin-/ }).click(),
      (page) => page.getByRole('checkbox', { name: /Keep “Held”/ }).check(),
    ],
  ],
  ['/settings/members', [(page) => page.getByRole('button', { name: 'Leave the organization' }).click()]],
  [
    '/settings/members',
    [
      async (page) => {
        await page.getByRole('combobox', { name: /^Role of admin-/ }).selectOption('member');
        await page.getByRole('dialog', { name: /^Make admin-/ }).waitFor();
      },
      (page) => page.getByRole('button', { name: 'Change the role' }).click(),
    ],
  ],
  ['/settings/audit-log', [(page) => page.getByRole('combobox', { name: 'Show' }).selectOption('Key issued')]],
  ['/settings/organization', [(page) => page.getByRole('button', { name: 'Delete the organization…' }).click()]],
  ['/settings/account', [(page) => page.getByRole('button', { name: 'Your menu' }).click()]],
];

test.concurrent.each([
  ['light', 1280],
  ['dark', 360],
] as const)(
  'No page has barriers, or is wider than the window: %s, %i pixels',
  { timeout: 900_000 },
  async (colorScheme, width) => {
    await using app = await testApp();
    const { owner, keyId, parentId } = await furnish(app);
    await using dashboard = await openDashboard(app);
    const page = await dashboard.visit({ colorScheme, viewport: { width, height: 800 } });
    const found: [string, string][] = [];
    const look = async (what: string) => {
      await settled(page);
      for (const barrier of await findBarriers(page)) found.push([what, barrier]);
      if (await isTooWide(page)) found.push([what, 'wider than the window']);
    };
    for (const path of [
      '/sign-in',
      '/sign-up',
      '/forgot-password',
      '/reset-password',
      '/reset-password?token=x',
      '/verify-address',
      '/verify-address?token=x',
      '/invitations/x',
    ]) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await look(path);
    }
    await dashboard.enter(page, owner);
    const seen = new Set<string>();
    for (const [path, openings] of pages({ keyId, parentId })) {
      await page.goto(path);
      await page.locator('main h1').waitFor();
      if (!seen.has(path)) await look(path);
      seen.add(path);
      for (const [index, open] of openings.entries()) {
        await open(page);
        await look(`${path}, opening ${index}`);
      }
    }
    expect(found).toEqual([]);
  },
);

test.concurrent('A person finds the pages that they may open, and no other', PATIENCE, async () => {
  await using app = await testApp();
  const { owner, member } = await furnish(app);
  await using dashboard = await openDashboard(app);
  const links = async (page: Page) =>
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').allInnerTexts();
  const first = await dashboard.visit();
  await signIn(first, owner);
  expect(await links(first)).toEqual(['Contacts', 'API Keys', 'Members', 'Audit log', 'Organization', 'Account']);
  expect(new URL(first.url()).pathname).toBe('/settings/api-keys');
  const second = await dashboard.visit();
  await signIn(second, member);
  expect(await links(second)).toEqual(['Contacts', 'API Keys', 'Account']);
  expect(new URL(second.url()).pathname).toBe('/contacts');
  await second.goto('/settings/api-keys');
  await second.getByRole('heading', { name: 'No API keys' }).waitFor();
  expect(await second.getByRole('button', { name: 'Generate New Key' }).count()).toBe(0);
  await second.goto('/settings/members');
  await second.getByText('Only an owner or an admin of the organization may do this').waitFor();
});

test.concurrent('What cannot be loaded says so, and can be tried again', PATIENCE, async () => {
  await using app = await testApp();
  const { owner, keyId } = await furnish(app);
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await dashboard.enter(page, owner);
  for (const [path, procedure, there] of [
    ['/settings/api-keys', 'keys.list', 'Nightly import'],
    [`/settings/api-keys/${keyId}`, 'keys.get', 'contacts:write'],
    ['/contacts', 'contacts.list', 'Ada Lovelace'],
    ['/settings/members', 'members.list', owner.email],
    ['/settings/audit-log', 'audit.list', 'Key issued: Nightly import'],
  ] as const) {
    const isMeant = (url: URL) => url.pathname.includes(procedure);
    const body = {
      error: { json: { message: 'Internal server error', code: -32603, data: { httpStatus: 500, requestId: 'r' } } },
    };
    await page.route(isMeant, (route) => {
      const count = new URL(route.request().url()).pathname.split(',').length;
      return route.fulfill({ status: 500, json: Array.from({ length: count }, () => body) });
    });
    await page.goto(path);
    const alert = page.getByRole('alert').first();
    await alert.getByText('Something went wrong on our side').waitFor();
    expect(await findBarriers(page), path).toEqual([]);
    await page.unroute(isMeant);
    await alert.getByRole('button', { name: 'Try again' }).click();
    await page.getByText(there).first().waitFor();
  }
});

test.concurrent('While a page loads its place is kept: nothing jumps', PATIENCE, async () => {
  await using app = await testApp();
  const { owner, keyId } = await furnish(app);
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await page.addInitScript(() => {
    const seen = { shift: 0 };
    Object.assign(window, { seen });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
        if (!entry.hadRecentInput) seen.shift += entry.value;
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await dashboard.enter(page, owner);
  for (const path of [
    '/settings/api-keys',
    `/settings/api-keys/${keyId}`,
    '/contacts',
    '/settings/members',
    '/settings/audit-log',
  ]) {
    await page.goto(path);
    await page.locator('main h1').waitFor();
    await settled(page);
    const shift = await page.evaluate(() => (window as unknown as { seen: { shift: number } }).seen.shift);
    // 0.1 is the limit of a good layout shift (CLS) by Core Web Vitals.
    expect(shift, path).toBeLessThan(0.1);
  }
});
