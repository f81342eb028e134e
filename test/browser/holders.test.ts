import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { addMember, signedIn } from '../helpers/browser.ts';
import { openDashboard, settled } from '../helpers/chromium.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 240_000 };

/** Statuses of the contacts' list with each key. */
async function statuses(app: TestApp, ...keys: string[]): Promise<number[]> {
  const found: number[] = [];
  for (const key of keys) found.push((await app.api(key, 'GET', '/api/contacts')).status);
  return found;
}

const openAction = async (page: Page, name: string, action: string) => {
  await page.getByRole('button', { name: `Actions for ${name}`, exact: true }).click();
  await page.getByRole('menuitem', { name: action }).click();
};

test('The page of a key lists the secrets that work, and ends the grace once that is confirmed', PATIENCE, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  const { trpc } = await signedIn(app, owner);
  const old = await app.trpc(app.one.key).keys.issue.mutate({ name: 'Nightly' });
  await using dashboard = await openDashboard(app);
  const headers = { authorization: `Bearer ${old.key}`, 'user-agent': 'curl/8.5.0' };
  expect((await fetch(`${dashboard.origin}/api/contacts`, { headers })).status).toBe(200);
  const { id } = old.apiKey;
  const { key } = await trpc.keys.rotate.mutate({ id });
  const page = await dashboard.visit();
  await dashboard.enter(page, { email: owner.email, at: `/settings/api-keys/${id}` });
  const rows = page.getByRole('table', { name: 'Secrets that work' }).getByRole('row');
  await rows.nth(2).waitFor();
  const [head, newest, older] = await rows.allInnerTexts();
  expect(head?.split(/\s*\t\s*/)).toEqual(['Secret', 'Holder', 'Created', 'Expires', 'Last used']);
  for (const part of [key.slice(0, 16), owner.email, 'in 90 days', 'Never']) expect(newest).toContain(part);
  expect(newest).not.toContain('In grace');
  for (const part of [old.key.slice(0, 16), 'The operator', 'In grace', 'in 24 hours']) expect(older).toContain(part);
  expect(older).not.toContain('Never');
  await page
    .getByRole('table', { name: 'Places' })
    .getByText(`${old.key.slice(0, 16)}…`)
    .waitFor();

  const end = page.getByRole('button', { name: 'End the grace', exact: true });
  await end.click();
  const dialog = page.getByRole('dialog', { name: 'End the grace of “Nightly”' });
  const stopping = dialog.getByRole('list', { name: 'Secrets that stop working' }).getByRole('listitem');
  await dialog.getByText(/by curl from 127\.0\.0\.0\/24/).waitFor();
  expect(await stopping.allInnerTexts()).toEqual([
    expect.stringContaining(`${old.key.slice(0, 16)}…, held by the operator`),
  ]);
  await dialog.getByText('It was never used so far').waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'detached' });
  expect(await statuses(app, old.key, key)).toEqual([200, 200]);
  await end.click();
  await dialog.getByRole('button', { name: 'End the grace now' }).click();
  await page.getByText('The older secrets no longer work').waitFor();
  await expect.poll(() => rows.count()).toBe(2);
  expect(await end.count()).toBe(0);
  expect(await statuses(app, old.key, key)).toEqual([401, 200]);
  // A screen reader finds what closes the notification.
  await page.getByRole('alert').filter({ hasText: 'no longer work' }).getByRole('button', { name: 'Close' }).click();
});

test('Tokens are shown as tokens, are never in grace, and are named where the grace ends', PATIENCE, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  const { trpc } = await signedIn(app, owner);
  const old = await trpc.keys.issue.mutate({ name: 'Agent', scopes: ['contacts:read', 'contacts:write'] });
  const { id } = old.apiKey;
  const mint = async (key: string) =>
    (await app.trpc(key).keys.mintToken.mutate({ expiresInMinutes: 60, scopes: ['contacts:read'] })).token;
  const first = await mint(old.key);
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await dashboard.enter(page, { email: owner.email, at: `/settings/api-keys/${id}` });
  const rows = page.getByRole('table', { name: 'Secrets that work' }).getByRole('row');
  const rowOf = (secret: string) => rows.filter({ hasText: `${secret.slice(0, 16)}…` });
  await rowOf(first).getByText('Token', { exact: true }).waitFor();
  // A key with a single secret has no secret in grace, though a token is newer than the secret.
  expect(await page.getByText('In grace').count()).toBe(0);
  expect(await page.getByRole('button', { name: 'End the grace' }).count()).toBe(0);
  const told = (await rowOf(first).innerText()).split('\t').map((cell) => cell.trim());
  expect(told[0]).toMatch(/Token\s+contacts:read$/);
  expect(told[3]).toMatch(/^in (1 hour|[56]\d minutes)$/);
  expect(await rowOf(old.key).innerText()).not.toMatch(/Token|contacts:/);

  const { key } = await trpc.keys.rotate.mutate({ id });
  const second = await mint(key);
  await page.reload();
  await rowOf(second).waitFor();
  const marked = rows.filter({ hasText: 'In grace' });
  expect(await marked.allInnerTexts()).toEqual([expect.stringContaining(old.key.slice(0, 16))]);
  await page.getByRole('button', { name: 'End the grace', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'End the grace of “Agent”' });
  const stopping = dialog.getByRole('list', { name: 'Secrets that stop working' }).getByRole('listitem');
  expect(await stopping.allInnerTexts()).toEqual([expect.stringContaining(old.key.slice(0, 16))]);
  await dialog.getByText('The tokens that these secrets minted end with them.').waitFor();
  await dialog.getByText(`The newest secret, ${key.slice(0, 16)}…, goes on.`).waitFor();
  await dialog.getByRole('button', { name: 'End the grace now' }).click();
  await expect.poll(() => rows.count()).toBe(3);
  expect(await statuses(app, old.key, first, key, second)).toEqual([401, 401, 200, 200]);
});

test('A revocation names the keys that go with the key, and can keep them', PATIENCE, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  const { trpc } = await signedIn(app, owner);
  const issueFamily = async (name: string) => {
    const parent = await trpc.keys.issue.mutate({ name, scopes: ['contacts:read', 'keys:manage'] });
    const child = await app
      .trpc(parent.key)
      .keys.issue.mutate({ name: `${name}’s child`, scopes: ['contacts:read', 'keys:manage'] });
    const gone = await app.trpc(parent.key).keys.issue.mutate({ name: 'Gone', scopes: ['contacts:read'] });
    await trpc.keys.revoke.mutate({ id: gone.apiKey.id });
    const grandchild = await app.trpc(child.key).keys.issue.mutate({ name: 'Grandchild', scopes: ['contacts:read'] });
    return [parent, child, grandchild] as const;
  };
  const families = { Lost: await issueFamily('Lost'), Kept: await issueFamily('Kept') };
  await trpc.keys.issue.mutate({ name: 'Childless' });
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await dashboard.enter(page, { email: owner.email, at: '/settings/api-keys' });
  const found: number[][] = [];
  for (const [name, isKept, said] of [
    ['Lost', false, ', and 2 keys with it'],
    ['Kept', true, '. You hold 2 keys of its family now'],
  ] as const) {
    await openAction(page, name, 'Revoke');
    const dialog = page.getByRole('dialog', { name: `Revoke “${name}”` });
    await dialog.getByText('are revoked with it:').waitFor();
    const [, child, grandchild] = families[name];
    expect(await dialog.getByRole('listitem').allInnerTexts()).toEqual([
      expect.stringMatching(new RegExp(`^“${name}’s child” \\(introzy_${child.apiKey.hint}…\\)\\s+Last used`)),
      expect.stringMatching(
        new RegExp(
          `^“Grandchild” \\(introzy_${grandchild.apiKey.hint}…\\), issued by “${name}’s child”\\s+Never used$`,
        ),
      ),
    ]);
    await dialog.getByRole('checkbox', { name: 'Keep the keys that it issued' }).setChecked(isKept);
    await dialog.getByRole('textbox').fill(name);
    await dialog.getByRole('button', { name: 'Revoke the key' }).click();
    await page.getByText(`“${name}” is revoked${said}`).waitFor();
    await page.getByRole('link', { name, exact: true }).waitFor({ state: 'detached' });
    found.push(await statuses(app, ...families[name].map(({ key }) => key)));
  }
  expect(found).toEqual([
    [401, 401, 401],
    [401, 200, 200],
  ]);
  await openAction(page, 'Childless', 'Revoke');
  const dialog = page.getByRole('dialog', { name: 'Revoke “Childless”' });
  await dialog.getByText('It issued no other key').waitFor();
  expect(await dialog.getByRole('checkbox').count()).toBe(0);
});

test('A dialog that is closed forgets the typed name and the choice', PATIENCE, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  const { trpc } = await signedIn(app, owner);
  const parent = await trpc.keys.issue.mutate({ name: 'Parent', scopes: ['contacts:read', 'keys:manage'] });
  await app.trpc(parent.key).keys.issue.mutate({ name: 'Child', scopes: ['contacts:read'] });
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await dashboard.enter(page, { email: owner.email, at: `/settings/api-keys/${parent.apiKey.id}` });
  const dialog = page.getByRole('dialog', { name: 'Revoke “Parent”' });
  const keep = dialog.getByRole('checkbox');
  for (const close of ['Cancel', 'Close', 'Escape']) {
    await openAction(page, 'Parent', 'Revoke');
    await keep.waitFor();
    expect(await keep.isChecked()).toBe(false);
    expect(await dialog.getByRole('textbox').inputValue()).toBe('');
    expect(await dialog.getByRole('button', { name: 'Revoke the key' }).isDisabled()).toBe(true);
    await keep.check();
    await dialog.getByText('go on: you become their holder').waitFor();
    await dialog.getByRole('textbox').fill('Parent');
    if (close === 'Escape') await page.keyboard.press('Escape');
    else await dialog.getByRole('button', { name: close, exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
  }
});

test('A person without keys:manage revokes a key of their own, and keeps no other key', PATIENCE, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  const admin = await addMember(app, app.one.id, 'admin');
  const mine = await (await signedIn(app, admin)).trpc.keys.issue.mutate({ name: 'Mine', scopes: ['contacts:read'] });
  await (await signedIn(app, owner)).trpc.keys.rotate.mutate({ id: mine.apiKey.id });
  const { members } = (await signedIn(app, owner)).trpc;
  const { id } = (await members.list.query()).members.find(({ person }) => person.id === admin.userId)!;
  await members.changeRole.mutate({ id, role: 'member' });
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await dashboard.enter(page, { email: admin.email, at: `/settings/api-keys/${mine.apiKey.id}` });
  await page.getByText('In grace').waitFor();
  expect(await page.getByRole('button', { name: 'End the grace' }).count()).toBe(0);
  await page.getByRole('button', { name: 'Actions for Mine' }).click();
  expect(await page.getByRole('menuitem').allInnerTexts()).toEqual(['Revoke']);
  await page.getByRole('menuitem', { name: 'Revoke' }).click();
  const dialog = page.getByRole('dialog', { name: 'Revoke “Mine”' });
  await dialog.getByText('are revoked with it').waitFor();
  expect(await dialog.getByRole('checkbox').count()).toBe(0);
  await dialog.getByRole('textbox').fill('Mine');
  await dialog.getByRole('button', { name: 'Revoke the key' }).click();
  await page.getByText('“Mine” is revoked').waitFor();
  await page.getByText('No secret of this key works').waitFor();
});

test(
  'Name, description, environment and self-rotation are set as a key is made, and edited later',
  PATIENCE,
  async () => {
    await using app = await testApp();
    const owner = await addMember(app, app.one.id, 'owner');
    const { keys } = app.trpc(app.one.key);
    await using dashboard = await openDashboard(app);
    const page = await dashboard.visit();
    await dashboard.enter(page, { email: owner.email, at: '/settings/api-keys' });
    await page.getByRole('button', { name: 'Generate New Key' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('Import');
    await page.getByRole('textbox', { name: 'Description' }).fill('Ask Ada');
    await page.getByRole('combobox', { name: 'Environment' }).selectOption('staging');
    await page.getByRole('checkbox', { name: 'May rotate itself' }).check();
    await page.getByRole('button', { name: 'Generate the key' }).click();
    const secret = (await page.getByTestId('key').innerText()).trim();
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('button', { name: 'Yes, close it' }).click();
    await page.getByTestId('key').waitFor({ state: 'detached' });
    const { id, ...made } = (await keys.list.query()).items.find(({ name }) => name === 'Import')!;
    expect(made).toMatchObject({ description: 'Ask Ada', environment: 'staging', selfRotate: true });

    await page.getByRole('link', { name: 'Import', exact: true }).click();
    await page.getByText('Ask Ada').waitFor();
    await openAction(page, 'Import', 'Edit');
    const dialog = page.getByRole('dialog', { name: 'Edit “Import”' });
    // What somebody else changed meanwhile, and this person did not, stays.
    await keys.update.mutate({ id, environment: 'production' });
    await dialog.getByRole('textbox', { name: 'Description' }).fill('');
    await dialog.getByRole('checkbox', { name: 'May rotate itself' }).uncheck();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('“Import” is changed').waitFor();
    expect(await keys.get.query({ id })).toMatchObject({
      name: 'Import',
      description: null,
      environment: 'production',
      selfRotate: false,
    });
    await page.getByText('rotates itself: no; description: none').waitFor();

    // A text with a key is refused, and the dialog says where the key stands.
    await openAction(page, 'Import', 'Edit');
    await dialog.getByRole('textbox', { name: 'Description' }).fill(`Was ${secret}`);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByRole('alert').filter({ hasText: 'API key' }).waitFor();
    const description = dialog.getByRole('textbox', { name: 'Description' });
    expect(await description.getAttribute('aria-invalid')).toBe('true');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'detached' });
    await openAction(page, 'Import', 'Edit');
    await dialog.waitFor();
    expect(await dialog.getByRole('alert').count()).toBe(0);
    expect(await dialog.getByRole('textbox', { name: 'Description' }).inputValue()).toBe('');
  },
);

test(
  'A rotation may begin the grace at the first use of the new secret, with as many days as before',
  PATIENCE,
  async () => {
    await using app = await testApp();
    const owner = await addMember(app, app.one.id, 'owner');
    const { keys } = app.trpc(app.one.key);
    const old = await keys.issue.mutate({ name: 'Nightly', expiresInDays: 200 });
    const { id } = old.apiKey;
    await using dashboard = await openDashboard(app);
    const page = await dashboard.visit();
    await dashboard.enter(page, { email: owner.email, at: `/settings/api-keys/${id}` });
    await openAction(page, 'Nightly', 'Rotate');
    const dialog = page.getByRole('dialog', { name: 'Rotate “Nightly”' });
    await dialog.getByText('You become the holder of the new secret').waitFor();
    await dialog.getByRole('combobox', { name: 'The old secret stops working' }).selectOption('At once');
    await dialog.getByRole('radio', { name: 'The first use of the new secret' }).check();
    await dialog.getByRole('button', { name: 'Rotate the key' }).click();
    const key = (await page.getByTestId('key').innerText()).trim();
    expect(await statuses(app, old.key, key)).toEqual([200, 200]);
    // The first use is recorded beside the answer.
    await expect.poll(() => statuses(app, old.key)).toEqual([401]);
    const { expiresAt, secrets } = await keys.get.query({ id });
    expect(Math.round((expiresAt.getTime() - Date.now()) / 86_400_000)).toBe(200);
    expect(secrets.map(({ holder }) => holder?.name)).toEqual([owner.email]);
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('button', { name: 'Yes, close it' }).click();
    await page.getByTestId('key').waitFor({ state: 'detached' });

    // A span that is chosen counts instead, and a closed dialog forgets what was chosen.
    await openAction(page, 'Nightly', 'Rotate');
    const expiration = dialog.getByRole('combobox', { name: 'Expiration' });
    await expiration.selectOption('30 days');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'detached' });
    await openAction(page, 'Nightly', 'Rotate');
    expect(await expiration.locator('option:checked').innerText()).toBe('As many days as before');
    expect(await dialog.getByRole('radio', { name: 'Now' }).isChecked()).toBe(true);
    await expiration.selectOption('60 days');
    await dialog.getByRole('button', { name: 'Rotate the key' }).click();
    await page.getByTestId('key').waitFor();
    await settled(page);
    const rotated = await keys.get.query({ id });
    expect(Math.round((rotated.expiresAt.getTime() - Date.now()) / 86_400_000)).toBe(60);
    expect(rotated.secrets).toHaveLength(2);
  },
);
