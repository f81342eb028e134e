import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { restoreOrganization } from '../../db/organizations.ts';
import { addMember } from '../helpers/browser.ts';
import { findBarriers, isTooWide, openDashboard, settled, signIn } from '../helpers/chromium.ts';
import { testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 240_000 };

test(
  'An owner deletes the organization after typing its name, learns how to get it back, and an admin may not',
  PATIENCE,
  async () => {
    await using app = await testApp();
    const { one, db } = app;
    const owner = await addMember(app, one.id, 'owner');
    const admin = await addMember(app, one.id, 'admin');
    await using dashboard = await openDashboard(app);
    const theirs = await dashboard.visit();
    await signIn(theirs, { email: admin.email, at: '/settings/organization' });
    await theirs.getByText('Only an owner of the organization may do this').waitFor();
    expect(await theirs.getByRole('button', { name: 'Delete the organization…' }).count()).toBe(0);

    const page = await dashboard.visit({ viewport: { width: 360, height: 800 } });
    await signIn(page, { email: owner.email, at: '/settings/organization' });
    await page.getByRole('button', { name: 'Delete the organization…' }).click();
    const dialog = page.getByRole('dialog', { name: `Delete “${one.name}”` });
    const button = dialog.getByRole('button', { name: 'Delete the organization' });
    const field = dialog.getByLabel('Type the name of the organization');
    expect(await button.isDisabled()).toBe(true);
    await field.fill(one.name.toUpperCase());
    expect(await button.isDisabled()).toBe(true);
    await field.fill(one.name);
    await page.route('**/trpc/organization.delete*', (route) => route.abort(), { times: 1 });
    await button.click();
    await dialog.getByRole('alert').waitFor();
    expect((await app.api(one.key, 'GET', '/api/contacts')).status).toBe(200);

    let goOn = () => {};
    const held = new Promise<void>((done) => (goOn = done));
    await page.route('**/trpc/organization.delete*', async (route) => held.then(() => route.continue()), { times: 1 });
    await button.click();
    await dialog.getByText('The organization is being deleted…').waitFor();
    goOn();
    await page.getByRole('heading', { name: `“${one.name}” is deleted` }).waitFor();
    await page.getByText(`introzy organizations restore ${one.id}`).waitFor();
    await settled(page);
    expect(await findBarriers(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
    const { status, body } = await app.api(one.key, 'GET', '/api/contacts');
    expect([status, body.details.reason]).toEqual([401, 'API key has been revoked']);
    await page.getByRole('link', { name: 'Go on' }).click();
    await page.getByRole('heading', { name: 'Choose an organization' }).waitFor();

    await theirs.reload();
    await theirs.getByRole('heading', { name: 'Choose an organization' }).waitFor();
    await restoreOrganization(asOperator(db, one.id), one.id);
    await theirs.goto('/settings/members');
    await theirs.getByRole('table', { name: 'Members' }).waitFor();
  },
);
