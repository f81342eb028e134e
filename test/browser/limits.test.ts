import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { addMember } from '../helpers/browser.ts';
import { findBarriers, openDashboard } from '../helpers/chromium.ts';
import { testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 240_000 };

/** The values of a key's facts, by name. */
const factOf = (page: Page, name: string) =>
  page.locator('dl > div').filter({ has: page.getByText(name, { exact: true }) });

test(
  'Limits are set as a key is made, shown on its page, edited later, and told by the history',
  PATIENCE,
  async () => {
    await using app = await testApp({ rateLimit: 500 });
    const owner = await addMember(app, app.one.id, 'owner');
    const { keys } = app.trpc(app.one.key);
    await using dashboard = await openDashboard(app);
    const page = await dashboard.visit();
    await dashboard.enter(page, { email: owner.email, at: '/settings/api-keys' });
    await page.getByRole('button', { name: 'Generate New Key' }).click();
    const making = page.getByRole('dialog', { name: 'Generate a new API key' });
    await making.getByRole('textbox', { name: 'Name' }).fill('Import');
    const addresses = (dialog = making) => dialog.getByRole('textbox', { name: 'Allowed addresses' });
    await making.getByText('Without an address the key may be used from everywhere').waitFor();
    // A new key has no places of use.
    expect(await making.getByRole('button', { name: 'Propose from places of use' }).count()).toBe(0);

    // The service's words stand at the fields, and say which address they are about.
    await addresses().fill('203.0.113.0/24\n\n300.1.2.3\n10.1.2.3/8, 2001:DB8::/32');
    await making.getByRole('spinbutton', { name: 'Calls a minute' }).fill('501');
    await making.getByRole('button', { name: 'Generate the key' }).click();
    const alert = making.getByRole('alert');
    await alert.first().waitFor();
    expect(await alert.allInnerTexts()).toEqual([
      '300.1.2.3: Must be an IPv4 or IPv6 address, or a block such as 203.0.113.0/24 or 2001:db8::/32. 10.1.2.3/8 is not the beginning of a block: write 10.0.0.0/8, or 10.1.2.3 for the one address',
    ]);
    expect(await addresses().getAttribute('aria-invalid')).toBe('true');
    expect(await findBarriers(page)).toEqual([]);
    await addresses().fill('203.0.113.0/24\n\n10.1.2.3, 2001:DB8::/32');
    await making.getByRole('button', { name: 'Generate the key' }).click();
    await alert.filter({ hasText: /^Must be at most 500, the rate of the service$/ }).waitFor();
    expect(await alert.count()).toBe(1);
    await making.getByRole('spinbutton', { name: 'Calls a minute' }).fill('60');
    await making.getByRole('button', { name: 'Generate the key' }).click();
    await page.getByTestId('key').waitFor();
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('button', { name: 'Yes, close it' }).click();
    const { id, ...made } = (await keys.list.query()).items.find(({ name }) => name === 'Import') ?? { id: '' };
    const allowedAddresses = ['203.0.113.0/24', '10.1.2.3/32', '2001:db8::/32'];
    expect(made).toMatchObject({ rateLimit: 60, allowedAddresses, addressMode: 'enforce' });

    await page.getByRole('link', { name: 'Import', exact: true }).click();
    const facts = factOf(page, 'Allowed addresses');
    await facts.getByText('2001:db8::/32', { exact: true }).waitFor();
    await facts.getByText('Calls from other addresses are refused.').waitFor();
    await factOf(page, 'Calls a minute').getByText('60', { exact: true }).waitFor();

    const edit = async () => {
      await page.getByRole('button', { name: 'Actions for Import' }).click();
      await page.getByRole('menuitem', { name: 'Edit' }).click();
    };
    const editing = page.getByRole('dialog', { name: 'Edit “Import”' });
    const sent: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('keys.update')) sent.push(request.postData() ?? '');
    });
    // A list that stays as it is, is not sent: what somebody else set meanwhile stays.
    await edit();
    expect(await addresses(editing).inputValue()).toBe(allowedAddresses.join('\n'));
    await keys.update.mutate({ id, allowedAddresses: ['198.51.100.7'] });
    await editing.getByRole('combobox', { name: 'Calls from other addresses' }).selectOption('report');
    await editing.getByRole('spinbutton', { name: 'Calls a minute' }).fill('');
    await editing.getByRole('button', { name: 'Save' }).click();
    await facts.getByText('Calls from other addresses are only noted in the audit log.').waitFor();
    expect(sent).toHaveLength(1);
    expect(sent[0]).not.toContain('allowedAddresses');
    expect(await keys.get.query({ id })).toMatchObject({
      rateLimit: null,
      allowedAddresses: ['198.51.100.7/32'],
      addressMode: 'report',
    });
    await factOf(page, 'Calls a minute').getByText('The rate of the service').waitFor();
    await page
      .getByText('calls a minute: the rate of the service; calls from other addresses: only noted', { exact: true })
      .waitFor();
    await page.getByText('allowed addresses: 198.51.100.7/32', { exact: true }).waitFor();
    await edit();
    await addresses(editing).fill(' \n');
    await editing.getByRole('button', { name: 'Save' }).click();
    await facts.getByText('Everywhere').waitFor();
    await page.getByText('allowed addresses: everywhere', { exact: true }).waitFor();
    await edit();
    await editing.getByRole('button', { name: 'Save' }).click();
    await editing.waitFor({ state: 'detached' });
    expect(sent).toHaveLength(2);
  },
);

test('The networks of a key’s places of use are proposed, beside what is in the list', PATIENCE, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  const { key, apiKey } = await app.issue(app.one.id, { name: 'Used' });
  const { keys } = app.trpc(app.one.key);
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await dashboard.enter(page, { email: owner.email, at: `/settings/api-keys/${apiKey.id}` });
  const dialog = page.getByRole('dialog', { name: 'Edit “Used”' });
  const addresses = dialog.getByRole('textbox', { name: 'Allowed addresses' });
  const propose = async () => {
    await page.getByRole('button', { name: 'Actions for Used' }).click();
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    await addresses.fill('198.51.100.7');
    await dialog.getByRole('button', { name: 'Propose from places of use' }).click();
    await dialog.getByRole('status').filter({ hasText: /\S/ }).waitFor();
  };
  await propose();
  expect(await dialog.getByRole('status').innerText()).toBe(
    'The key was never used, so that there is nothing to propose.',
  );
  expect(await addresses.inputValue()).toBe('198.51.100.7');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'detached' });

  const headers = { authorization: `Bearer ${key}` };
  expect((await fetch(`${dashboard.origin}/api/contacts`, { headers })).status).toBe(200);
  await app.deps.lastUse.flush();
  await propose();
  expect(await dialog.getByRole('status').innerText()).toBe(
    'The network of its places of use is in the list. Look through the list before you save.',
  );
  expect(await addresses.inputValue()).toBe('198.51.100.7\n127.0.0.0/24');
  // Nothing is saved so far, and a proposal that is repeated adds nothing.
  await dialog.getByRole('button', { name: 'Propose from places of use' }).click();
  await expect.poll(() => addresses.inputValue()).toBe('198.51.100.7\n127.0.0.0/24');
  expect((await keys.get.query({ id: apiKey.id })).allowedAddresses).toEqual([]);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  expect((await keys.get.query({ id: apiKey.id })).allowedAddresses).toEqual(['198.51.100.7/32', '127.0.0.0/24']);
});
