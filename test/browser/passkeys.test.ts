import type { CDPSession, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { addMember, PASSWORD, signedIn } from '../helpers/browser.ts';
import { findBarriers, isTooWide, openDashboard } from '../helpers/chromium.ts';
import { freePort } from '../helpers/postgres.ts';
import { switchOn } from '../helpers/secondFactor.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 240_000 };

/** The service at a host name, with the dashboard under the very address. */
async function openAtHost() {
  const port = await freePort();
  const app = await testApp({ choices: { publicUrl: `http://localhost:${port}` } });
  return { app, dashboard: await openDashboard(app, { host: 'localhost', port }) };
}

/** Gives a page's browser a device with passkeys. Gives functions that change how the device checks its person. */
async function giveDevice(page: Page, { isVerified = true } = {}) {
  const devtools: CDPSession = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: isVerified,
      automaticPresenceSimulation: true,
    },
  });
  return {
    setVerified: (verified: boolean) =>
      devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: verified }),
    async passkeys() {
      return (await devtools.send('WebAuthn.getCredentials', { authenticatorId })).credentials;
    },
  };
}

const sectionOf = (page: Page) =>
  page.locator('section').filter({ has: page.getByRole('heading', { name: 'Passkeys' }) });

test('A person adds a passkey, signs in with it, renames it and removes it', PATIENCE, async () => {
  const { app, dashboard } = await openAtHost();
  await using _app = app;
  await using _dashboard = dashboard;
  const person = await addMember(app, app.one.id, 'owner');
  const page = await dashboard.visit({ viewport: { width: 360, height: 800 } });
  const device = await giveDevice(page);
  await dashboard.enter(page, { ...person, at: '/settings/account' });
  const section = sectionOf(page);
  await section.getByRole('button', { name: 'Add a passkey' }).click();
  await section.getByRole('textbox', { name: 'Name of the passkey' }).fill('Phone');
  expect([await findBarriers(page), await isTooWide(page)]).toEqual([[], false]);

  // A device that does not know its person makes no passkey.
  await device.setVerified(false);
  await section.getByRole('button', { name: 'Make the passkey' }).click();
  await section.getByRole('alert').waitFor();
  expect(await device.passkeys()).toEqual([]);
  await device.setVerified(true);
  // The session is old, so that the password is asked for first.
  await runAsAdmin(
    app,
    `update sessions set created_at = now() - interval '1 hour' where user_id = '${person.userId}'`,
  );
  await section.getByRole('button', { name: 'Make the passkey' }).click();
  const proof = page.getByRole('dialog', { name: 'Is it still you?' });
  await proof.locator('input[name=password]').fill(PASSWORD);
  await proof.getByRole('button', { name: 'Go on' }).click();
  await section.getByText('not used yet').waitFor();
  expect(await device.passkeys()).toHaveLength(1);
  expect([await findBarriers(page), await isTooWide(page)]).toEqual([[], false]);

  // The same device makes no second passkey for the same person.
  await section.getByRole('button', { name: 'Add a passkey' }).click();
  await section.getByRole('textbox', { name: 'Name of the passkey' }).fill('Phone again');
  await section.getByRole('button', { name: 'Make the passkey' }).click();
  await section.getByRole('alert').getByText('This device has a passkey of yours already').waitFor();
  await section.getByRole('button', { name: 'Cancel' }).click();

  // The sign-in. A device that does not know its person opens nothing.
  await page.context().clearCookies();
  await page.goto('/sign-in?next=/settings/account');
  const button = page.getByRole('button', { name: 'Sign in with a passkey' });
  await button.waitFor();
  expect([await findBarriers(page), await isTooWide(page)]).toEqual([[], false]);
  await device.setVerified(false);
  await button.click();
  await page.getByRole('alert').getByText('No passkey was given').waitFor();
  await device.setVerified(true);
  await button.click();
  await page.getByRole('heading', { name: 'Account', exact: true }).waitFor();
  await section.getByText('last used').waitFor();

  // The passkey is the proof that an old session takes.
  await runAsAdmin(
    app,
    `update sessions set created_at = now() - interval '1 hour' where user_id = '${person.userId}'`,
  );
  await page.goto('/settings/api-keys');
  await page.getByRole('button', { name: 'Generate New Key' }).click();
  const form = page.getByRole('dialog', { name: 'Generate a new API key' });
  await form.getByRole('textbox', { name: 'Name' }).fill('Nightly import');
  await form.getByRole('button', { name: 'Generate the key' }).click();
  await proof.getByRole('button', { name: 'Use a passkey instead' }).click();
  await page.getByRole('dialog', { name: 'Your key “Nightly import”' }).waitFor();
  await page.goto('/settings/account');

  await section.getByRole('button', { name: 'Rename Phone' }).click();
  await section.getByRole('textbox', { name: 'Name of the passkey' }).fill('My phone');
  await section.getByRole('button', { name: 'Save' }).click();
  await section.getByRole('button', { name: 'Remove My phone' }).click();
  await section.getByText('Remove “My phone”?').waitFor();
  expect([await findBarriers(page), await isTooWide(page)]).toEqual([[], false]);
  await section.getByRole('button', { name: 'Remove the passkey' }).click();
  await section.getByRole('list').waitFor({ state: 'detached' });

  await page.context().clearCookies();
  await page.goto('/sign-in');
  await button.click();
  await page.getByRole('alert').waitFor();
  expect(new URL(page.url()).pathname).toBe('/sign-in');
});

test('Where a second factor is required, a member makes a passkey and signs in with it', PATIENCE, async () => {
  const { app, dashboard } = await openAtHost();
  await using _app = app;
  await using _dashboard = dashboard;
  const owner = await signedIn(app, await addMember(app, app.one.id, 'owner'));
  const member = await addMember(app, app.one.id);
  await switchOn(owner);
  await owner.trpc.members.requireFactor.mutate({ isRequired: true });
  const page = await dashboard.visit({ viewport: { width: 360, height: 800 } });
  await giveDevice(page);
  await dashboard.enter(page, { ...member, at: '/contacts' });
  await page.getByRole('heading', { name: 'A second factor, first' }).waitFor();
  const section = sectionOf(page);
  await section.getByRole('button', { name: 'Add a passkey' }).click();
  await section.getByRole('textbox', { name: 'Name of the passkey' }).fill('Laptop');
  expect([await findBarriers(page), await isTooWide(page)]).toEqual([[], false]);
  await section.getByRole('button', { name: 'Make the passkey' }).click();
  const button = page.getByRole('button', { name: 'Sign in with a passkey' });
  await button.waitFor();
  expect([await findBarriers(page), await isTooWide(page)]).toEqual([[], false]);
  await button.click();
  await page.getByRole('heading', { name: 'Contacts', exact: true }).waitFor();
});

test('At an IP address, and at another name than PUBLIC_URL has, nothing tells of passkeys', PATIENCE, async () => {
  const port = await freePort();
  for (const publicUrl of ['http://127.0.0.1:3000', `http://introzy.localhost:${port}`]) {
    await using app = await testApp({ choices: { publicUrl } });
    const person = await addMember(app, app.one.id);
    await using dashboard = await openDashboard(app, {
      host: publicUrl.includes('127') ? '127.0.0.1' : 'localhost',
      port,
    });
    const page = await dashboard.visit();
    await page.goto('/sign-in');
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    expect(await page.getByRole('button', { name: 'Sign in with a passkey' }).count()).toBe(0);
    await dashboard.enter(page, { ...person, at: '/settings/account' });
    await page.getByRole('heading', { name: 'Second factor' }).waitFor();
    expect(await page.getByRole('heading', { name: 'Passkeys' }).count()).toBe(0);
  }
});
