import { expect, test } from 'vitest';
import { addMember, PASSWORD } from '../helpers/browser.ts';
import { findBarriers, isTooWide, openDashboard } from '../helpers/chromium.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

test('After 15 minutes the dashboard asks for the password, and then shows the key', { timeout: 240_000 }, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit({ viewport: { width: 360, height: 800 } });
  await dashboard.enter(page, { ...owner, at: '/settings/api-keys' });
  await runAsAdmin(app, `update sessions set created_at = now() - interval '1 hour' where user_id = '${owner.userId}'`);

  await page.getByRole('button', { name: 'Generate New Key' }).click();
  const form = page.getByRole('dialog', { name: 'Generate a new API key' });
  await form.getByRole('textbox', { name: 'Name' }).fill('Nightly import');
  await form.getByRole('button', { name: 'Generate the key' }).click();
  const proof = page.getByRole('dialog', { name: 'Is it still you?' });
  const password = proof.locator('input[name=password]');
  await password.waitFor();
  // The button of the form behind the dialog turns until the proof is there.
  await page.evaluate(() => {
    for (const animation of document.getAnimations()) {
      if (animation.effect?.getComputedTiming().iterations === Number.POSITIVE_INFINITY) animation.cancel();
    }
  });
  expect(await password.evaluate((field) => field === document.activeElement)).toBe(true);
  expect([await findBarriers(page), await isTooWide(page)]).toEqual([[], false]);

  // Without the proof the form stays as it was, and says why.
  await page.keyboard.press('Escape');
  await form.getByRole('alert').getByText('give the password again').waitFor();
  expect(await form.getByRole('textbox', { name: 'Name' }).inputValue()).toBe('Nightly import');

  await form.getByRole('button', { name: 'Generate the key' }).click();
  await password.fill('not the password');
  await proof.getByRole('button', { name: 'Go on' }).click();
  await proof.getByRole('alert').getByText('The password is wrong').waitFor();
  await password.fill(PASSWORD);
  await password.press('Enter');
  await page.getByRole('dialog', { name: 'Your key “Nightly import”' }).waitFor();
  await proof.waitFor({ state: 'detached' });
  // The call that was repeated made a single key.
  const made = await runAsAdmin(app, `select id from api_keys where organization_id = '${app.one.id}'`);
  expect(made).toHaveLength(2);
});
