import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { addMember } from '../helpers/browser.ts';
import { openDashboard, settled } from '../helpers/chromium.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 240_000 };

const names = (page: Page) => page.getByRole('table', { name: 'Active keys' }).getByRole('link').allInnerTexts();

test('The table marks what wants attention, is sorted by its headings, and filtered', PATIENCE, async () => {
  await using app = await testApp({ isAlone: true });
  const owner = await addMember(app, app.one.id, 'owner');
  const set = (id: string, columns: string) => runAsAdmin(app, `update api_keys set ${columns} where id = '${id}'`);
  const ids: Record<string, string> = {};
  for (const name of ['Beta', 'alpha', 'Gamma']) ids[name] = (await app.issue(app.one.id, { name })).apiKey.id;
  await set(ids.Beta as string, `last_used_at = now() - interval '31 days', created_at = now() - interval '60 days'`);
  await set(ids.alpha as string, `expires_at = now() + interval '6 days', last_used_at = now() - interval '3 hours'`);
  await set(ids.Gamma as string, `created_at = now() - interval '1 day'`);
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await dashboard.enter(page, owner);
  await settled(page);
  const row = (name: string) => page.getByRole('row', { name: new RegExp(name) });
  expect(await row('Beta').innerText()).toMatch(/31 days ago[\s\S]*Unused for 30 days/);
  expect(await row('alpha').innerText()).toMatch(/3 hours ago[\s\S]*in 6 days[\s\S]*Soon/);
  expect(await row('Gamma').innerText()).toMatch(/yesterday[\s\S]*Never/);
  expect(await row('alpha').innerText()).not.toMatch(/Unused|Never/);
  // A hover shows the exact time.
  await row('alpha').getByText('3 hours ago').hover();
  await page.getByRole('tooltip', { name: /\d{4}, \d+:\d\d:\d\d/ }).waitFor();

  const heading = (name: string) => page.getByRole('columnheader', { name });
  const sortBy = (name: string) => heading(name).getByRole('button').click();
  await sortBy('Name');
  expect(await names(page)).toEqual(['alpha', 'Beta', 'First key', 'Gamma']);
  expect(await heading('Name').getAttribute('aria-sort')).toBe('ascending');
  await sortBy('Name');
  expect(await names(page)).toEqual(['Gamma', 'First key', 'Beta', 'alpha']);
  await sortBy('Last used');
  expect((await names(page)).slice(0, 2)).toEqual(['alpha', 'Beta']);
  await sortBy('Expires');
  await sortBy('Expires');
  expect((await names(page))[0]).toBe('alpha');
  await page.getByRole('textbox', { name: 'Filter the keys' }).fill('GAM');
  expect(await names(page)).toEqual(['Gamma']);
  await page.getByRole('textbox', { name: 'Filter the keys' }).fill('nothing');
  await page.getByText('No active key is like this.').waitFor();
});

test('A key expires on the date that is chosen, within a month and a year', PATIENCE, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await dashboard.enter(page, owner);
  await page.getByRole('button', { name: 'Generate New Key' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('On a date');
  await page.getByRole('combobox', { name: 'Expiration' }).selectOption('On a date…');
  const date = page.getByLabel('Expires on');
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  await date.fill(inDays(29));
  await page.getByRole('button', { name: 'Generate the key' }).click();
  // The browser explains the fault, and the page sends nothing.
  expect(await date.evaluate((input) => (input as HTMLInputElement).validity.rangeUnderflow)).toBe(true);
  await date.fill(inDays(123));
  await page.getByRole('button', { name: 'Generate the key' }).click();
  await page.getByTestId('key').waitFor();
  const { items } = await app.trpc(app.one.key).keys.list.query();
  const made = items.find(({ name }) => name === 'On a date');
  expect(Math.round(((made?.expiresAt.getTime() ?? 0) - Date.now()) / 86_400_000)).toBe(123);
});

test(
  'An expired key that is rotated leaves its place among the expired ones, and its new secret stays on the screen',
  PATIENCE,
  async () => {
    await using app = await testApp();
    const owner = await addMember(app, app.one.id, 'owner');
    const { apiKey } = await app.issue(app.one.id, { name: 'Expired' });
    await runAsAdmin(app, `update api_keys set expires_at = now() - interval '1 day' where id = '${apiKey.id}'`);
    await using dashboard = await openDashboard(app);
    const page = await dashboard.visit();
    await dashboard.enter(page, owner);
    await page.getByRole('button', { name: 'Show 1 revoked or expired' }).click();
    await page.getByRole('button', { name: 'Actions for Expired' }).click();
    await page.getByRole('menuitem', { name: 'Rotate' }).click();
    await page.getByRole('button', { name: 'Rotate the key' }).click();
    const key = (await page.getByTestId('key').innerText()).trim();
    await expect
      .poll(() => page.getByRole('button', { name: /revoked or expired/, includeHidden: true }).count())
      .toBe(0);
    expect(await page.getByTestId('key').innerText()).toContain(key);
    expect((await app.api(key, 'GET', '/api/contacts')).status).toBe(200);
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('button', { name: 'Yes, close it' }).click();
    await expect.poll(() => names(page)).toContain('Expired');
  },
);
