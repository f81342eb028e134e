import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Page, Response } from 'playwright-core';
import { expect, test } from 'vitest';
import { addMember } from '../helpers/browser.ts';
import { openDashboard, settled, signIn } from '../helpers/chromium.ts';
import { testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 240_000 };

const run = async (line: string) => JSON.parse((await promisify(execFile)('/bin/sh', ['-c', line])).stdout);
const readClipboard = (page: Page) => page.evaluate(() => navigator.clipboard.readText());

/** Everything that a page stores: storage, cookies, history, databases and caches. */
const readStores = (page: Page) =>
  page.evaluate(async () => {
    const databases = await indexedDB.databases();
    const caches_ = await caches.keys();
    return JSON.stringify([
      { ...localStorage },
      { ...sessionStorage },
      document.cookie,
      history.state,
      location.href,
      databases,
      caches_,
    ]);
  });

test('The life of a key, from sign-in to the refused curl: shown once, and kept nowhere', PATIENCE, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await signIn(page, owner);
  /** The answers to the page's requests, each with its address. */
  const answers: Promise<[string, string]>[] = [];
  page.on('response', (response: Response) => {
    if (response.request().resourceType() === 'fetch') {
      answers.push(
        response.text().then(
          (text) => [response.url(), text],
          () => [response.url(), ''],
        ),
      );
    }
  });

  await page.getByRole('button', { name: 'Generate New Key' }).click();
  const form = page.getByRole('dialog', { name: 'Generate a new API key' });
  await form.getByRole('textbox', { name: 'Name' }).fill('Nightly import');
  await form.getByRole('combobox', { name: 'Expiration' }).selectOption('30 days');
  await form.getByRole('checkbox', { name: 'Change contacts' }).uncheck();
  await form.getByRole('button', { name: 'Generate the key' }).click();
  const fresh = page.getByRole('dialog', { name: 'Your key “Nightly import”' });
  const key = (await fresh.getByTestId('key').innerText()).trim();
  expect(key).toMatch(/^introzy_[0-9a-f]{64}$/);

  // Every way to close the dialog asks first.
  await page.keyboard.press('Escape');
  await fresh.getByText('Have you copied the key?').waitFor();
  await fresh.getByRole('button', { name: 'Not yet' }).click();
  await fresh.getByRole('button', { name: 'Copy the .env line' }).click();
  await fresh.getByRole('button', { name: 'Copied' }).waitFor();
  expect(await readClipboard(page)).toBe(`INTROZY_API_KEY=${key}`);
  await fresh.getByRole('button', { name: 'Copy the TypeScript' }).click();
  await expect.poll(() => readClipboard(page)).toContain(`key: '${key}'`);
  await fresh.getByRole('button', { name: 'Copy the curl line' }).click();
  await expect.poll(() => readClipboard(page)).toMatch(/^curl /);
  const curl = await readClipboard(page);
  expect(curl).toBe(`curl -H 'Authorization: Bearer ${key}' ${dashboard.origin}/api/contacts`);
  expect(await run(curl)).toMatchObject({ success: true });
  await fresh.getByRole('button', { name: 'Done' }).click();
  await fresh.waitFor({ state: 'hidden' });

  const row = page.getByRole('row', { name: /Nightly import/ });
  await row.getByText(`introzy_${key.slice(8, 16)}…`).waitFor();
  await row.getByText('in 30 days').waitFor();
  expect(await row.innerText()).toContain('contacts:read');
  expect(await row.innerText()).not.toContain('contacts:write');
  expect(await row.innerText()).toContain(`by ${owner.email}`);

  // Each key has a page of its own, with the key's history.
  await page.getByRole('link', { name: 'Nightly import' }).click();
  await page.getByRole('cell', { name: 'curl', exact: true }).waitFor();
  await page.getByText('Key issued: Nightly import').waitFor();
  await page.getByText('Key used from a new place: Nightly import').waitFor();
  const act = async (what: string) => {
    await page.getByRole('button', { name: 'Actions for' }).click();
    await page.getByRole('menuitem', { name: what }).click();
  };
  await act('Edit');
  await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill('Hourly import');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('heading', { name: 'Hourly import', level: 1 }).waitFor();
  await act('Rotate');
  await page.getByRole('combobox', { name: 'The old secret stops working' }).selectOption('0');
  await page.getByRole('button', { name: 'Rotate the key' }).click();
  const rotated = (await page.getByTestId('key').innerText()).trim();
  expect(rotated).not.toBe(key);
  expect(await run(curl)).toMatchObject({ success: false, details: { reason: 'API key has expired' } });
  const second = curl.replace(key, rotated);
  expect(await run(second)).toMatchObject({ success: true });
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('button', { name: 'Yes, close it' }).click();

  await act('Revoke');
  const dialog = page.getByRole('dialog', { name: 'Revoke “Hourly import”' });
  await dialog.getByText(/last used .*, by curl from 127\.0\.0\.0\/24/).waitFor();
  const revoke = dialog.getByRole('button', { name: 'Revoke the key' });
  await dialog.getByRole('textbox').fill('Nightly import');
  expect(await revoke.isDisabled()).toBe(true);
  await dialog.getByRole('textbox').fill('Hourly import');
  await revoke.click();
  await page.getByText('Key revoked: Hourly import').waitFor();
  expect(await run(second)).toMatchObject({ success: false, details: { reason: 'API key has been revoked' } });
  for (const said of ['Key renamed', 'Key rotated', 'Key issued']) await page.getByText(said).first().waitFor();

  await page.goto('/settings/api-keys');
  expect(await page.getByRole('link', { name: 'Hourly import' }).count()).toBe(0);
  await page.getByRole('combobox', { name: 'State of the keys' }).selectOption('Revoked keys');
  await page.getByRole('link', { name: 'Hourly import' }).waitFor();
  await settled(page);

  // Each key was in the single answer that issued the key, and is stored nowhere now.
  const all = await Promise.all(answers);
  for (const [secret, procedure] of [
    [key, 'keys.issue'],
    [rotated, 'keys.rotate'],
  ] as const) {
    const having = all.filter(([, text]) => text.includes(secret.slice(16)));
    expect(having.map(([url]) => new URL(url).pathname)).toEqual([`/trpc/${procedure}`]);
    expect(await page.content()).not.toContain(secret.slice(16));
    expect(await readStores(page)).not.toContain(secret.slice(16));
  }
  await page.goBack();
  await settled(page);
  expect(await page.content()).not.toContain(rotated.slice(16));
});

test('After the dialog is closed, the page’s memory of what it showed is gone too', PATIENCE, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await dashboard.enter(page, owner);
  await page.getByRole('button', { name: 'Generate New Key' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('In memory');
  await page.getByRole('button', { name: 'Generate the key' }).click();
  const key = (await page.getByTestId('key').innerText()).trim();
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('button', { name: 'Yes, close it' }).click();
  await page.getByTestId('key').waitFor({ state: 'detached' });
  expect(await page.content()).not.toContain(key.slice(16));
  await page.reload();
  await settled(page);
  expect(await page.content()).not.toContain(key.slice(16));
});

test('By keyboard alone: sign in, generate a key, copy it, revoke it', PATIENCE, async () => {
  await using app = await testApp();
  const owner = await addMember(app, app.one.id, 'owner');
  await using dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      if (!element?.matches('a, button, [role=menuitem]')) return '';
      return `${element.getAttribute('aria-label') ?? ''} ${element.textContent}`;
    });
  const tabTo = async (name: string) => {
    for (let count = 0; count < 60; count++) {
      if ((await focused()).includes(name)) return;
      await page.keyboard.press('Tab');
    }
    throw new Error(`Nothing called ${name} can be reached`);
  };
  await page.goto('/');
  await page.getByLabel('Email').waitFor();
  await page.keyboard.type(owner.email);
  await page.keyboard.press('Tab');
  await page.keyboard.type('correct horse battery staple');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'API Keys' }).waitFor();
  await settled(page);
  await page.keyboard.press('Tab');
  expect(await focused()).toContain('Skip to the content');
  await page.keyboard.press('Enter');
  await tabTo('Generate New Key');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('INPUT');
  await page.keyboard.type('By keyboard');
  await page.keyboard.press('Enter');
  const key = (await page.getByTestId('key').innerText()).trim();
  await tabTo('Copy the key');
  await page.keyboard.press('Enter');
  await expect.poll(() => readClipboard(page)).toBe(key);
  await page.getByText('The key is copied').waitFor();
  await page.keyboard.press('Escape');
  await page.getByTestId('key').waitFor({ state: 'detached' });
  await tabTo('Actions for By keyboard');
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'Revoke' }).waitFor();
  for (let count = 0; count < 10 && !(await focused()).includes('Revoke'); count++)
    await page.keyboard.press('ArrowDown');
  expect(await focused()).toContain('Revoke');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('INPUT');
  await page.keyboard.type('By keyboard');
  await page.keyboard.press('Enter');
  await page.getByText('“By keyboard” is revoked').waitFor();
  expect((await app.api(key, 'GET', '/api/contacts')).status).toBe(401);
});
