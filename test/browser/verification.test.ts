import { expect, test } from 'vitest';
import { openBrowser, PASSWORD } from '../helpers/browser.ts';
import { findBarriers, openDashboard } from '../helpers/chromium.ts';
import { mailbox } from '../helpers/mailbox.ts';
import { testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 240_000 };

async function openApp() {
  const mail = mailbox();
  const app = await testApp({ choices: { openSignUp: true, mail } });
  /** The path of the link in the latest mail to an address. */
  const linkTo = async (email: string) => {
    await app.deps.background.idle();
    const { pathname, search } = new URL(mail.mails.findLast(({ to }) => to === email)!.link);
    return pathname + search;
  };
  return { app, mail, linkTo };
}

test(
  'A person signs up, confirms the address by the mail, and begins with an organization that has nothing yet',
  PATIENCE,
  async () => {
    const { app, mail, linkTo } = await openApp();
    await using _ = app;
    await using dashboard = await openDashboard(app);
    const page = await dashboard.visit();
    const email = `ada-${crypto.randomUUID()}@example.com`;
    await page.goto('/sign-up');
    await page.getByLabel('Name').fill('Ada');
    await page.getByLabel('Email').fill(email);
    await page.locator('input[name=new-password]').fill('password1234');
    await page.getByRole('button', { name: 'Create the account' }).click();
    await page.getByRole('alert').getByText('easy to guess').waitFor();
    await page.locator('input[name=new-password]').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create the account' }).click();
    await page.getByRole('heading', { name: 'Look into your mail' }).waitFor();
    await page.getByRole('status').getByText(email).waitFor();
    await app.deps.background.idle();
    expect(await findBarriers(page)).toEqual([]);
    await page.getByRole('button', { name: 'Send the link again' }).click();
    await page.getByText('a new link is on its way').waitFor();
    const link = await linkTo(email);
    expect(mail.mails.map(({ to }) => to)).toEqual([email, email]);

    // Before that, the person cannot sign in, and can have the link sent again.
    await page.getByRole('link', { name: 'Sign in instead' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.getByLabel('Email').fill(email);
    await page.locator('input[name=password]').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Invalid email or password').waitFor();
    await page.getByRole('button', { name: 'The link is gone' }).click();
    await page.getByRole('button', { name: 'Send the link again' }).click();
    await page.getByText('a new link is on its way').waitFor();
    expect(await findBarriers(page)).toEqual([]);

    await page.goto(link);
    await page.getByRole('heading', { name: 'Confirm your address' }).waitFor();
    expect(page.url()).toBe(`${dashboard.origin}/verify-address`);
    await page.locator('input[name=password]').fill('not the password');
    await page.getByRole('button', { name: 'Confirm the address' }).click();
    await page.getByRole('alert').getByText('This is not the password of the account').waitFor();
    await page.locator('input[name=password]').fill(PASSWORD);
    await page.getByRole('button', { name: 'Confirm the address' }).click();
    await page.getByLabel('Name of a new organization').fill(`Engines ${crypto.randomUUID()}`);
    await page.getByRole('button', { name: 'Make the organization' }).click();
    await page.getByRole('heading', { name: 'No API keys' }).waitFor();
    await page.getByRole('link', { name: 'Contacts' }).click();
    await page.getByRole('heading', { name: 'No contacts yet' }).waitFor();

    await page.goto(link);
    await page.locator('input[name=password]').fill(PASSWORD);
    await page.getByRole('button', { name: 'Confirm the address' }).click();
    await page.getByRole('heading', { name: 'Your address is confirmed' }).waitFor();
    expect(await findBarriers(page)).toEqual([]);
  },
);

test(
  'A link that is not whole can be sent again; a password that the person does not know is set anew',
  PATIENCE,
  async () => {
    const { app, linkTo } = await openApp();
    await using _ = app;
    await using dashboard = await openDashboard(app);
    const page = await dashboard.visit();
    const email = `ada-${crypto.randomUUID()}@example.com`;
    const stranger = { name: 'A stranger', email, password: 'the password of a stranger' };
    expect((await openBrowser(app).account('/sign-up/email', stranger)).status).toBe(200);
    await page.goto(`${await linkTo(email)}x`);
    await page.locator('input[name=password]').fill(PASSWORD);
    await page.getByRole('button', { name: 'Confirm the address' }).click();
    await page.getByText('This link has expired, or is not complete').waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await page.getByLabel('Email').fill(email);
    await page.getByRole('button', { name: 'Send the link again' }).click();
    await page.getByText('a new link is on its way').waitFor();

    await page.goto(await linkTo(email));
    await page.getByRole('link', { name: 'I do not know the password' }).click();
    await page.getByRole('heading', { name: 'Set a new password' }).waitFor();
    await page.getByLabel('Email').fill(email);
    await page.getByRole('button', { name: 'Send the link' }).click();
    await page.getByText('a link to set a new password is on its way').waitFor();
    await page.goto(await linkTo(email));
    await page.locator('input[name=new-password]').fill(PASSWORD);
    await page.getByRole('button', { name: 'Set the password' }).click();
    await page.getByRole('heading', { name: 'The password is set' }).waitFor();
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByLabel('Email').fill(email);
    await page.locator('input[name=password]').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('You are in no organization').waitFor();
  },
);
