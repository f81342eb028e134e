import { expect, test } from 'vitest';
import { openDashboard } from '../helpers/chromium.ts';
import { testApp } from '../helpers/testApp.ts';

test('The reference shows every operation, and tries one with the reader’s key, from this host alone', async () => {
  await using app = await testApp();
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await page.goto('/docs');
  await page.getByText('List or search contacts').waitFor();
  const { paths } = (await app.api(undefined, 'GET', '/openapi.json')).body;
  const operations = Object.values(paths as Record<string, object>).flatMap((path) => Object.keys(path));
  expect(await page.locator('.opblock').count()).toBe(operations.length);

  await page.getByRole('button', { name: 'Authorize' }).click();
  await page.getByRole('textbox', { name: /value/i }).fill(app.one.key);
  await page.getByRole('button', { name: 'Apply credentials' }).click();
  await page.getByRole('button', { name: 'Close' }).click();
  await page.getByText('The key that calls').click();
  await page.getByRole('button', { name: 'Try it out' }).click();
  await page.getByRole('button', { name: 'Execute' }).click();
  await page.locator('.live-responses-table').getByText(app.one.keyId).waitFor();
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie);
  expect(kept).not.toContain(app.one.key.slice(16));
});
