import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { addMember } from '../helpers/browser.ts';
import { openDashboard, settled } from '../helpers/chromium.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 240_000 };

const names = (page: Page, table = 'Active keys') =>
  page.getByRole('table', { name: table }).getByRole('link').allInnerTexts();

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

test(
  'The table shows the keys in a state, which the address keeps, with description and environment',
  PATIENCE,
  async () => {
    await using app = await testApp();
    const owner = await addMember(app, app.one.id, 'owner');
    const { keys } = app.trpc(app.one.key);
    const description = 'Copies the contacts each night';
    await keys.issue.mutate({ name: 'Nightly', description, environment: 'production' });
    const expired = await keys.issue.mutate({ name: 'Too old' });
    await runAsAdmin(app, `update api_keys set expires_at = now() where id = '${expired.apiKey.id}'`);
    const revoked = await keys.issue.mutate({ name: 'Cut off' });
    await keys.revoke.mutate({ id: revoked.apiKey.id });
    await using dashboard = await openDashboard(app);
    const page = await dashboard.visit();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(decodeURIComponent(request.url())));
    await dashboard.enter(page, { email: owner.email, at: '/settings/api-keys' });
    const row = page.getByRole('row', { name: /Nightly/ });
    await row.getByText(description).waitFor();
    await row.getByText('production', { exact: true }).waitFor();
    expect(await names(page)).not.toContain('Too old');
    expect(asked.filter((url) => url.includes('"state":"revoked"'))).toEqual([]);
    const state = page.getByRole('combobox', { name: 'State of the keys' });
    await state.selectOption('Expired keys');
    await expect.poll(() => names(page, 'Expired keys')).toEqual(['Too old']);
    await state.selectOption('Revoked keys');
    await expect.poll(() => names(page, 'Revoked keys')).toEqual(['Cut off']);
    await page.getByRole('link', { name: 'Cut off' }).click();
    await page.getByRole('heading', { name: 'Cut off', level: 1 }).waitFor();
    await page.goBack();
    await expect.poll(() => names(page, 'Revoked keys')).toEqual(['Cut off']);
    await state.selectOption('All keys');
    await expect.poll(() => names(page, 'All keys')).toEqual(expect.arrayContaining(['Nightly', 'Too old', 'Cut off']));
    for (const words of ['each NIGHT', 'production']) {
      await page.getByRole('textbox', { name: 'Filter the keys' }).fill(words);
      await expect.poll(() => names(page, 'All keys')).toEqual(['Nightly']);
    }
  },
);

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
    await page.getByRole('combobox', { name: 'State of the keys' }).selectOption('Expired keys');
    await page.getByRole('button', { name: 'Actions for Expired' }).click();
    await page.getByRole('menuitem', { name: 'Rotate' }).click();
    await page.getByRole('button', { name: 'Rotate the key' }).click();
    const key = (await page.getByTestId('key').innerText()).trim();
    await page.getByText('There is no expired key.').waitFor();
    expect(await page.getByTestId('key').innerText()).toContain(key);
    expect((await app.api(key, 'GET', '/api/contacts')).status).toBe(200);
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('button', { name: 'Yes, close it' }).click();
    await page.getByRole('combobox', { name: 'State of the keys' }).selectOption('Active keys');
    await expect.poll(() => names(page)).toContain('Expired');
  },
);
