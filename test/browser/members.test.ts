import { expect, test } from 'vitest';
import type { Mail } from '../../server/mail/mailer.ts';
import { addMember, PASSWORD } from '../helpers/browser.ts';
import { openDashboard, signIn } from '../helpers/chromium.ts';
import { testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 240_000 };

test(
  'A person is invited, joins, is made an admin, issues keys, and is removed: one key is kept',
  PATIENCE,
  async () => {
    const mails: Mail[] = [];
    await using app = await testApp({ choices: { mail: { send: async (mail) => void mails.push(mail) } } });
    const owner = await addMember(app, app.one.id, 'owner');
    await using dashboard = await openDashboard(app);
    const page = await dashboard.visit();
    await signIn(page, { email: owner.email, at: '/settings/members' });
    const email = `invited-${crypto.randomUUID()}@example.com`;
    await page.getByRole('button', { name: 'Invite' }).click();
    await page.getByRole('dialog').getByLabel('Email').fill(email);
    await page.getByRole('button', { name: 'Send the invitation' }).click();
    await page.getByRole('row', { name: new RegExp(email) }).waitFor();
    expect(mails).toMatchObject([{ to: email }]);

    // The link alone lets an invited person make an account.
    const theirs = await dashboard.visit();
    await theirs.goto(new URL(mails[0]!.link).pathname);
    await theirs.getByLabel('Name').fill('Grace Hopper');
    await theirs.getByLabel('Email').fill(email);
    await theirs.locator('input[name=new-password]').fill(PASSWORD);
    await theirs.getByRole('button', { name: 'Create the account' }).click();
    await theirs.getByRole('heading', { name: 'Contacts', exact: true }).waitFor();

    await page.reload();
    const row = page.getByRole('table', { name: 'Members' }).getByRole('row', { name: /Grace Hopper/ });
    await row.getByRole('combobox', { name: `Role of ${email}` }).selectOption('admin');
    await page.getByText(`${email} is admin now`).waitFor();
    await theirs.goto('/settings/api-keys');
    const keys: string[] = [];
    for (const name of ['Kept', 'Lost']) {
      await theirs.getByRole('button', { name: 'Generate New Key' }).click();
      await theirs.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill(name);
      await theirs.getByRole('button', { name: 'Generate the key' }).click();
      keys.push((await theirs.getByTestId('key').innerText()).trim());
      await theirs.getByRole('button', { name: 'Done' }).click();
      await theirs.getByRole('button', { name: 'Yes, close it' }).click();
      await theirs.getByTestId('key').waitFor({ state: 'detached' });
    }

    const managing = await app.trpc(app.one.key).keys.issue.mutate({ name: 'Manager', scopes: ['keys:manage'] });
    await theirs.goto(`/settings/api-keys/${managing.apiKey.id}`);
    await theirs.getByRole('table', { name: 'Secrets' }).getByText('The operator').waitFor();
    await row.getByRole('combobox', { name: `Role of ${email}` }).selectOption('member');
    const demotion = page.getByRole('dialog', { name: `Make ${email} member` });
    await demotion.getByText('No key that this person holds loses a scope.').waitFor();
    await demotion.getByRole('button', { name: 'Cancel' }).click();

    await row.getByRole('button', { name: `Remove ${email}` }).click();
    const dialog = page.getByRole('dialog', { name: `Remove ${email}` });
    await dialog.getByRole('checkbox', { name: /Keep “Kept”/ }).check();
    expect(await dialog.getByRole('checkbox', { name: /Keep “Lost”/ }).isChecked()).toBe(false);
    await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText('1 of their keys are revoked, 1 kept').waitFor();
    const statuses = [];
    for (const key of keys) statuses.push((await app.api(key, 'GET', '/api/contacts')).status);
    expect(statuses).toEqual([200, 401]);

    // The removed member's next request is refused, on any page.
    await theirs.getByRole('link', { name: 'Contacts' }).click();
    await theirs.waitForURL(/\/sign-in\?next=/);
    await theirs.getByLabel('Email').fill(email);
    await theirs.locator('input[name=password]').fill(PASSWORD);
    await theirs.getByRole('button', { name: 'Sign in' }).click();
    await theirs.getByText('You are in no organization').waitFor();

    await page.goto('/settings/audit-log');
    for (const said of [
      'Member removed',
      'Key kept: Kept',
      'Key revoked: Lost',
      'Role changed',
      'Member joined',
      'Member invited',
    ]) {
      await page.getByRole('table', { name: 'What happened' }).getByText(said).first().waitFor();
    }
  },
);

test('With open sign-up a person begins with an organization that has nothing yet', PATIENCE, async () => {
  await using app = await testApp({ choices: { openSignUp: true } });
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await page.goto('/sign-up');
  await page.getByLabel('Name').fill('Ada');
  await page.getByLabel('Email').fill(`ada-${crypto.randomUUID()}@example.com`);
  await page.locator('input[name=new-password]').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create the account' }).click();
  await page.getByLabel('Name of a new organization').fill(`Engines ${crypto.randomUUID()}`);
  await page.getByRole('button', { name: 'Make the organization' }).click();
  await page.getByRole('heading', { name: 'No API keys' }).waitFor();
  await page.getByRole('link', { name: 'Contacts' }).click();
  await page.getByRole('heading', { name: 'No contacts yet' }).waitFor();
});

test('A session that is ended elsewhere is ended here; signing in leads back to where one was', PATIENCE, async () => {
  await using app = await testApp();
  const member = await addMember(app, app.one.id);
  await using dashboard = await openDashboard(app);
  const [first, second] = [await dashboard.visit(), await dashboard.visit()];
  await signIn(first, { email: member.email, at: '/settings/account' });
  await signIn(second, member);
  await first.reload();
  await first.getByText('This one').waitFor();
  expect(await first.getByText('This one').count()).toBe(1);
  await first.getByRole('button', { name: 'Sign out everywhere' }).click();
  await first.waitForURL(/\/sign-in/);
  await second.getByRole('link', { name: 'API Keys' }).click();
  await second.waitForURL(/\/sign-in\?next=%2Fsettings%2Fapi-keys/);
  await signIn(second, { email: member.email, at: second.url() });
  expect(new URL(second.url()).pathname).toBe('/settings/api-keys');
  // After sign-in the page does not go on to another site's address.
  await second.context().clearCookies();
  for (const next of ['//evil.example/', 'https://evil.example/', '/\\evil.example', 'javascript:alert(1)']) {
    await signIn(second, { email: member.email, at: `/sign-in?${new URLSearchParams({ next })}` });
    expect(new URL(second.url()).origin).toBe(dashboard.origin);
    await second.context().clearCookies();
  }
});

test('A forgotten password is set anew, and its token leaves the address at once', PATIENCE, async () => {
  const mails: Mail[] = [];
  await using app = await testApp({ choices: { mail: { send: async (mail) => void mails.push(mail) } } });
  const member = await addMember(app, app.one.id);
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await page.goto('/sign-in');
  await page.getByRole('link', { name: 'Forgot your password?' }).click();
  // The former page stays visible until the next page is ready.
  await page.getByRole('heading', { name: 'Set a new password' }).waitFor();
  await page.getByLabel('Email').fill(member.email);
  await page.getByRole('button', { name: 'Send the link' }).click();
  await page.getByText('a link to set a new password is on its way').waitFor();
  const { pathname, search } = new URL(mails[0]!.link);
  await page.goto(pathname + search);
  await page.locator('input[name=new-password]').waitFor();
  expect(page.url()).toBe(`${dashboard.origin}/reset-password`);
  await page.locator('input[name=new-password]').fill('an entirely new one');
  await page.getByRole('button', { name: 'Set the password' }).click();
  await page.getByRole('heading', { name: 'The password is set' }).waitFor();
  await page.goto('/sign-in');
  await page.getByLabel('Email').fill(member.email);
  await page.locator('input[name=password]').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Invalid email or password').waitFor();
  await page.locator('input[name=password]').fill('an entirely new one');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Contacts', exact: true }).waitFor();
});
