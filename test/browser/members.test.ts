import { expect, test } from 'vitest';
import type { Mail } from '../../server/mail/mailer.ts';
import { addMember, PASSWORD, signedIn } from '../helpers/browser.ts';
import { openDashboard, signIn } from '../helpers/chromium.ts';
import { runAsAdmin } from '../helpers/tables.ts';
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
    await theirs.getByRole('table', { name: 'Secrets that work' }).getByText('The operator').waitFor();

    await row.getByRole('button', { name: `Remove ${email}` }).click();
    const dialog = page.getByRole('dialog', { name: `Remove ${email}` });
    await dialog.getByRole('checkbox', { name: /Keep “Kept”/ }).check();
    expect(await dialog.getByRole('checkbox', { name: /Keep “Lost”/ }).isChecked()).toBe(false);
    await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText(`${email} is removed; keys: 1 ended, 1 kept`).waitFor();
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

test('A removal says of each key where it comes from and what becomes of it, as keys are kept', PATIENCE, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  const admin = await addMember(app, app.one.id, 'admin');
  const theirs = await signedIn(app, admin);
  const mine = await signedIn(app, owner);
  const parent = await theirs.trpc.keys.issue.mutate({ name: 'Parent', scopes: ['contacts:read', 'keys:manage'] });
  const child = await app.trpc(parent.key).keys.issue.mutate({ name: 'Child', scopes: ['contacts:read'] });
  const taken = await app.trpc(parent.key).keys.issue.mutate({ name: 'Taken', scopes: ['contacts:read'] });
  const takenOver = await mine.trpc.keys.rotate.mutate({ id: taken.apiKey.id, graceHours: 0 });
  const shared = await theirs.trpc.keys.issue.mutate({ name: 'Shared' });
  const others = await mine.trpc.keys.rotate.mutate({ id: shared.apiKey.id });
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await dashboard.enter(page, { email: owner.email, at: '/settings/members' });
  const remove = page.getByRole('button', { name: `Remove ${admin.email}` });
  await remove.click();
  const dialog = page.getByRole('dialog', { name: `Remove ${admin.email}` });
  const box = (name: string) => dialog.getByRole('checkbox', { name: new RegExp(`Keep “${name}”`) });
  const fate = async (name: string) => {
    const described = await box(name).getAttribute('aria-describedby');
    return described && (await page.locator(`[id="${described}"]`).innerText()).replaceAll(/\s+/g, ' ');
  };
  await dialog.getByText('You become the holder of the keys that you keep').waitFor();
  const counts = dialog.getByRole('status');
  expect(await counts.innerText()).toBe('3 keys end, 1 goes on.');
  // Each key comes after the key that issued it.
  const labels = dialog.getByRole('group').getByText(/^Keep “/);
  const listed = (await labels.allInnerTexts()).map((label) => /“(.*)”/.exec(label)?.[1]);
  expect(listed).toEqual(['Shared', 'Parent', 'Taken', 'Child']);
  const secretOf = ({ apiKey }: { apiKey: { hint: string } }) => `Secret introzy_${apiKey.hint}…`;
  expect(await fate('Parent')).toMatch(
    new RegExp(`^Last used .*\\. It ends\\. ${secretOf(parent)}: last used .*, expires in 90 days\\.$`),
  );
  expect(await fate('Child')).toBe(
    `Never used. Issued by “Parent”. It ends. ${secretOf(child)}: never used, expires in 90 days.`,
  );
  expect(await fate('Taken')).toBe('Never used. Issued by “Parent”. Held by others alone. It ends.');
  // Of a key with secrets of several people, the secrets of the person are named.
  expect(await fate('Shared')).toBe(
    `Never used. Others hold secrets of it too. It goes on with the secrets of others. ${secretOf(shared)}: never used, expires in 24 hours.`,
  );
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'detached' });
  await expect.poll(() => remove.evaluate((button) => button === document.activeElement)).toBe(true);
  await remove.click();
  await box('Parent').check();
  expect(await fate('Parent')).toMatch(/It goes on, and you hold it\. Secret/);
  expect(await fate('Child')).toMatch(/It ends\. Secret/);
  expect(await fate('Taken')).toMatch(/It goes on, with its present holder\.$/);
  expect(await counts.innerText()).toBe('1 key ends, 3 go on.');
  const all = dialog.getByRole('checkbox', { name: 'Keep all of them' });
  await all.check();
  expect(await counts.innerText()).toBe('0 keys end, 4 go on.');
  await all.uncheck();
  expect(await box('Parent').isChecked()).toBe(false);
  await box('Child').check();
  await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
  await page.getByText(`${admin.email} is removed; keys: 2 ended, 1 kept, 1 with others`).waitFor();
  const statuses = [];
  for (const { key } of [parent, child, takenOver, shared, others]) {
    statuses.push((await app.api(key, 'GET', '/api/contacts')).status);
  }
  expect(statuses).toEqual([401, 200, 401, 401, 200]);
});

test(
  'A key whose issuer no longer works ends, or goes on, with the key above that the person holds',
  PATIENCE,
  async () => {
    await using app = await testApp();
    const owner = await addMember(app, app.one.id, 'owner');
    const admin = await addMember(app, app.one.id, 'admin');
    const theirs = await signedIn(app, admin);
    const mine = await signedIn(app, owner);
    const managing = ['contacts:read', 'keys:manage'] as const;
    const top = await theirs.trpc.keys.issue.mutate({ name: 'Top', scopes: [...managing] });
    const middle = await app.trpc(top.key).keys.issue.mutate({ name: 'Middle', scopes: [...managing] });
    const low = await app.trpc(middle.key).keys.issue.mutate({ name: 'Low', scopes: [...managing] });
    const taken = await app.trpc(low.key).keys.issue.mutate({ name: 'Taken', scopes: ['contacts:read'] });
    // Others hold the lower keys, so that only the family ties them to the person; the middle key is expired.
    const lowRotated = await mine.trpc.keys.rotate.mutate({ id: low.apiKey.id, graceHours: 0 });
    const takenRotated = await mine.trpc.keys.rotate.mutate({ id: taken.apiKey.id, graceHours: 0 });
    for (const table of ['api_keys', 'api_key_secrets']) {
      const id = table === 'api_keys' ? 'id' : 'api_key_id';
      await runAsAdmin(app, `update ${table} set expires_at = now() where ${id} = '${middle.apiKey.id}'`);
    }
    await using dashboard = await openDashboard(app);
    const page = await dashboard.visit();
    await dashboard.enter(page, { email: owner.email, at: '/settings/members' });
    await page.getByRole('button', { name: `Remove ${admin.email}` }).click();
    const dialog = page.getByRole('dialog', { name: `Remove ${admin.email}` });
    const labels = dialog.getByRole('group').getByText(/^Keep “/);
    await labels.first().waitFor();
    expect((await labels.allInnerTexts()).map((label) => /“(.*)”/.exec(label)?.[1])).toEqual(['Top', 'Low', 'Taken']);
    const counts = dialog.getByRole('status');
    expect(await counts.innerText()).toBe('3 keys end, 0 go on.');
    await dialog.getByText('Never used. Issued by “Low”. Held by others alone. It ends.').waitFor();
    await dialog.getByRole('checkbox', { name: /Keep “Top”/ }).check();
    expect(await counts.innerText()).toBe('0 keys end, 3 go on.');
    await dialog.getByRole('checkbox', { name: /Keep “Top”/ }).uncheck();
    // A key that is kept leaves the family with its own descendants, also where others hold the key.
    await dialog.getByRole('checkbox', { name: /Keep “Low”/ }).check();
    expect(await counts.innerText()).toBe('1 key ends, 2 go on.');
    await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
    // The expired key is revoked as well.
    await page.getByText(`${admin.email} is removed; keys: 2 ended, 1 kept`).waitFor();
    const statuses = [];
    for (const { key } of [top, lowRotated, takenRotated]) {
      statuses.push((await app.api(key, 'GET', '/api/contacts')).status);
    }
    expect(statuses).toEqual([401, 200, 200]);
  },
);

test('A person who leaves sees which keys end, and can keep no key', PATIENCE, async () => {
  await using app = await testApp();
  const admin = await addMember(app, app.one.id, 'admin');
  const { key } = await (await signedIn(app, admin)).trpc.keys.issue.mutate({ name: 'Mine' });
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await dashboard.enter(page, { email: admin.email, at: '/settings/members' });
  await page.getByRole('button', { name: 'Leave the organization' }).click();
  const dialog = page.getByRole('dialog', { name: 'Leave the organization' });
  await dialog.getByText('You lose access at once, and are signed out of this organization.').waitFor();
  await dialog.getByText('You cannot keep keys as you leave').waitFor();
  expect(await dialog.getByRole('listitem').allInnerTexts()).toEqual([
    expect.stringMatching(
      /^“Mine” \(introzy_.{8}…\)\s+Never used\. It ends\.\s+Secret introzy_.{8}…: never used, expires in 90 days\.$/,
    ),
  ]);
  expect(await dialog.getByRole('checkbox').count()).toBe(0);
  await dialog.getByRole('button', { name: 'Leave', exact: true }).click();
  await page.waitForURL(/\/sign-in\?next=%2F$/);
  expect((await app.api(key, 'GET', '/api/contacts')).status).toBe(401);
});

test('A demotion is confirmed first where it takes scopes from a key, and only there', PATIENCE, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  const admin = await addMember(app, app.one.id, 'admin');
  const idle = await addMember(app, app.one.id, 'admin');
  const { trpc } = await signedIn(app, admin);
  await trpc.keys.issue.mutate({ name: 'Reader', scopes: ['contacts:read'] });
  const { key, apiKey } = await trpc.keys.issue.mutate({ name: 'Manager', scopes: ['contacts:read', 'keys:manage'] });
  await (await signedIn(app, owner)).trpc.keys.rotate.mutate({ id: apiKey.id });
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await dashboard.enter(page, { email: owner.email, at: '/settings/members' });
  const role = page.getByRole('combobox', { name: `Role of ${admin.email}` });
  // A promotion and a demotion that takes nothing from a key need no confirmation.
  await role.selectOption('owner');
  await page.getByText(`${admin.email} is owner now`).waitFor();
  await role.selectOption('admin');
  await page.getByText(`${admin.email} is admin now`).waitFor();
  await page.getByRole('combobox', { name: `Role of ${idle.email}` }).selectOption('member');
  await page.getByText(`${idle.email} is member now`).waitFor();

  await role.focus();
  await role.selectOption('member');
  const dialog = page.getByRole('dialog', { name: `Make ${admin.email} member` });
  const losses = dialog.getByRole('list', { name: 'Keys that lose scopes' }).getByRole('listitem');
  await losses.first().waitFor();
  expect(await losses.allInnerTexts()).toEqual([
    expect.stringMatching(
      /^“Manager” \(introzy_.{8}…\) loses keys:manage\s+Never used\. The secrets that others hold lose nothing\.$/,
    ),
  ]);
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'detached' });
  expect(await role.inputValue()).toBe('admin');
  await expect.poll(() => role.evaluate((field) => field === document.activeElement)).toBe(true);
  expect((await app.api(key, 'GET', '/api/keys')).status).toBe(200);
  await role.selectOption('member');
  await dialog.getByRole('button', { name: 'Change the role' }).click();
  await page.getByText(`${admin.email} is member now`).waitFor();
  await expect.poll(() => role.inputValue()).toBe('member');
  expect((await app.api(key, 'GET', '/api/keys')).status).toBe(403);

  // Of oneself the dialog speaks as of oneself.
  await (await signedIn(app, owner)).trpc.keys.issue.mutate({ name: 'Own', scopes: ['keys:manage'] });
  await page.getByRole('combobox', { name: `Role of ${owner.email}` }).selectOption('member');
  const own = page.getByRole('dialog', { name: 'Become member' });
  await own.getByText('the secrets that you hold lose scopes at once').waitFor();
  await own.getByRole('button', { name: 'Cancel' }).click();
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
  await app.deps.background.idle();
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
