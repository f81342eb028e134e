import { expect, test } from 'vitest';
import { addMember, PASSWORD, signedIn } from '../helpers/browser.ts';
import { findBarriers, isTooWide, openDashboard } from '../helpers/chromium.ts';
import { readPicture, switchOn } from '../helpers/secondFactor.ts';
import { testApp } from '../helpers/testApp.ts';

test('An owner requires a second factor, and a member sets one up before anything else', {
  timeout: 240_000,
}, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  const member = await addMember(app, app.one.id);
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await dashboard.enter(page, { ...owner, at: '/settings/members' });
  const choice = page.getByRole('switch', { name: 'Require a second factor of every member' });
  await choice.click();
  await page.getByRole('alert').getByText('Set up a second factor of your own first').waitFor();
  await switchOn(await signedIn(app, owner));
  await choice.click();
  await page.waitForFunction(() => document.querySelector<HTMLInputElement>('input[role=switch]')?.checked);
  expect(await findBarriers(page)).toEqual([]);

  const theirs = await dashboard.visit({ viewport: { width: 360, height: 800 } });
  await dashboard.enter(theirs, { ...member, at: '/contacts' });
  await theirs.getByRole('heading', { name: 'A second factor, first' }).waitFor();
  expect([await findBarriers(theirs), await isTooWide(theirs)]).toEqual([[], false]);
  await theirs.locator('input[name=password]').fill(PASSWORD);
  await theirs.getByRole('button', { name: 'Set up an app' }).click();
  const code = readPicture(`otpauth://totp/Introzy?secret=${await theirs.getByTestId('seed').innerText()}`);
  await theirs.getByRole('textbox', { name: 'Code of your app' }).fill(await code());
  await theirs.getByRole('button', { name: 'Switch the second factor on' }).click();
  await theirs.getByRole('button', { name: 'I have kept them' }).click();
  await theirs.getByRole('heading', { name: 'Contacts', exact: true }).waitFor();
});
