import { expect, test } from 'vitest';
import { addMember, PASSWORD } from '../helpers/browser.ts';
import { findBarriers, isTooWide, openDashboard } from '../helpers/chromium.ts';
import { freshCode, readPicture } from '../helpers/secondFactor.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

test('A person sets up an app, signs in by its code and by a recovery code, and switches it off', {
  timeout: 240_000,
}, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit({ viewport: { width: 360, height: 800 } });
  await dashboard.enter(page, { ...owner, at: '/settings/account' });
  const section = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Second factor' }) });
  await section.locator('input[name=password]').fill(PASSWORD);
  await section.getByRole('button', { name: 'Set up an app' }).click();
  await section.getByRole('img', { name: 'QR code for your authenticator app' }).waitFor();
  expect([await findBarriers(page), await isTooWide(page)]).toEqual([[], false]);
  const seed = await section.getByTestId('seed').innerText();
  const phone = { code: readPicture(`otpauth://totp/Introzy?secret=${seed}`), recoveryCodes: [] as string[] };
  const code = section.getByRole('textbox', { name: 'Code of your app' });
  await code.fill('000000');
  await section.getByRole('button', { name: 'Switch the second factor on' }).click();
  await section.getByRole('alert').getByText('Invalid code').waitFor();
  await code.fill(await phone.code());
  await code.press('Enter');
  const shown = section.getByTestId('recovery-codes');
  await shown.waitFor();
  await page.mouse.move(0, 0);
  expect([await findBarriers(page), await isTooWide(page)]).toEqual([[], false]);
  phone.recoveryCodes = (await shown.innerText()).split('\n');
  expect(phone.recoveryCodes).toHaveLength(10);
  await section.getByRole('button', { name: 'I have kept them' }).click();
  await section.getByText('On: each sign-in takes a code of your app.').waitFor();
  expect(await findBarriers(page)).toEqual([]);

  // The sign-in's second step, by the app.
  const give = async () => {
    await page.context().clearCookies();
    await page.goto(`${dashboard.origin}/sign-in?next=/settings/account`);
    await page.locator('input[name=email]').fill(owner.email);
    await page.locator('input[name=password]').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Is it you?' }).waitFor();
  };
  await give();
  expect([await findBarriers(page), await isTooWide(page)]).toEqual([[], false]);
  await page.getByRole('textbox', { name: 'Code of your app' }).fill(await freshCode(app, phone));
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('heading', { name: 'Account', exact: true }).waitFor();

  // A code of the app is the proof that an old session takes.
  await runAsAdmin(app, `update sessions set created_at = now() - interval '1 hour' where user_id = '${owner.userId}'`);
  await page.goto(`${dashboard.origin}/settings/api-keys`);
  await page.getByRole('button', { name: 'Generate New Key' }).click();
  const form = page.getByRole('dialog', { name: 'Generate a new API key' });
  await form.getByRole('textbox', { name: 'Name' }).fill('Nightly import');
  await form.getByRole('button', { name: 'Generate the key' }).click();
  const proof = page.getByRole('dialog', { name: 'Is it still you?' });
  await proof.getByRole('button', { name: 'Give a code of your app instead' }).click();
  await proof.getByRole('textbox', { name: 'Code of your app' }).fill(await freshCode(app, phone));
  await proof.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('dialog', { name: 'Your key “Nightly import”' }).waitFor();

  // By a recovery code, where the app is gone.
  await give();
  await page.getByRole('button', { name: 'The app is gone: use a recovery code' }).click();
  expect(await findBarriers(page)).toEqual([]);
  await page.getByRole('textbox', { name: 'Recovery code' }).fill(phone.recoveryCodes[3] ?? '');
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('heading', { name: 'Account', exact: true }).waitFor();

  await section.getByRole('button', { name: 'Make new recovery codes' }).click();
  await section.locator('input[name=password]').fill(PASSWORD);
  await section.getByRole('button', { name: 'Make the codes' }).click();
  expect((await shown.innerText()).split('\n')).not.toContain(phone.recoveryCodes[4]);
  await section.getByRole('button', { name: 'I have kept them' }).click();
  await section.getByRole('button', { name: 'Switch it off' }).click();
  await section.locator('input[name=password]').fill(PASSWORD);
  expect(await findBarriers(page)).toEqual([]);
  await section.getByRole('button', { name: 'Switch the second factor off' }).click();
  await section.getByRole('button', { name: 'Set up an app' }).waitFor();
});
