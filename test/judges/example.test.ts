import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Request } from 'playwright-core';
import { expect, test } from 'vitest';
import { listen } from '../../server/start/listen.ts';
import { launchChromium } from '../helpers/chromium.ts';
import { EXAMPLE, serveExample } from '../helpers/example.ts';
import { freePort } from '../helpers/postgres.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 300_000 };

test('The client’s README shows the example’s code, and installs the versions that the example has', async () => {
  const readme = await readFile(join(EXAMPLE, '../README.md'), 'utf8');
  const shown = [...readme.matchAll(/^```tsx\n(.*?)^```$/gms)].map(([, code]) => code);
  expect(shown).toEqual([await readFile(join(EXAMPLE, 'src/api.ts'), 'utf8')]);
  const { dependencies } = JSON.parse(await readFile(join(EXAMPLE, 'package.json'), 'utf8'));
  const installed = /^npm install (@trpc.*)$/m.exec(readme)?.[1]?.split(' ') ?? [];
  expect(installed).toHaveLength(5);
  for (const wanted of installed) {
    const [, name = '', version] = /^(@?[^@]+)@?(.*)$/.exec(wanted) ?? [];
    expect(dependencies[name], wanted).toEqual(version || expect.any(String));
  }
});

async function addContacts(app: TestApp) {
  const contacts = Array.from({ length: 44 }, (_, index) => ({ name: `Person ${index}` }));
  const { contacts: calls } = app.trpc(app.one.key);
  await calls.upsertMany.mutate({ contacts });
  return await calls.create.mutate({ name: 'Ada Lovelace', company: 'Analytical Engines' });
}

test(
  'A page that is not ours lists, searches and edits contacts from another origin, and its people settle a conflict',
  PATIENCE,
  async () => {
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    const allowedOrigins = new Set([origin]);
    await using app = await testApp({ choices: { allowedOrigins } });
    const listener = await listen(app.app.fetch, { host: '127.0.0.1', port: 0, log: app.deps.log, allowedOrigins });
    const service = `http://127.0.0.1:${listener.port}`;
    await using example = await serveExample({ service, key: app.one.key, port });
    const { id } = await addContacts(app);
    const { contacts } = app.trpc(app.one.key);

    const context = await (await launchChromium()).newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    const requests: Request[] = [];
    page.on('request', (request) => request.url().startsWith(service) && requests.push(request));
    await page.goto(origin);
    const list = page.getByRole('listitem');
    const button = (name: string) => page.getByRole('button', { name });
    await expect.poll(() => list.count()).toBe(20);
    await button('More').click();
    await expect.poll(() => list.count()).toBe(40);
    await button('More').click();
    await expect.poll(() => list.count()).toBe(45);
    expect(await button('More').count()).toBe(0);
    await page.getByLabel('Search').fill('love');
    await expect
      .poll(() => list.allInnerTexts())
      .toEqual([expect.stringMatching(/^Ada Lovelace Analytical Engines \(.*\d/)]);

    // Somebody else changes the contact, while a person edits the contact in the page.
    await button('Ada Lovelace').click();
    await contacts.update.mutate({ id, company: 'Babbage & Co' });
    await page.getByLabel('Company').fill('Byron Ltd');
    await button('Save').click();
    await page.getByText('Somebody else has made it Ada Lovelace, Babbage & Co.').waitFor();
    expect(await page.getByRole('alert').innerText()).toBe('The contact is not at the expected version');
    expect(await contacts.get.query({ id })).toMatchObject({ company: 'Babbage & Co', version: 2 });
    await button('Keep mine').click();
    await expect.poll(() => list.allInnerTexts()).toEqual([expect.stringMatching(/^Ada Lovelace Byron Ltd/)]);
    expect(await contacts.get.query({ id })).toMatchObject({ company: 'Byron Ltd', version: 3 });

    // Again, and this time the other change stays.
    await button('Ada Lovelace').click();
    await contacts.update.mutate({ id, company: 'Babbage & Co' });
    await page.getByLabel('Company').fill('');
    await button('Save').click();
    await button('Take theirs').click();
    await expect.poll(() => list.allInnerTexts()).toEqual([expect.stringMatching(/^Ada Lovelace Babbage & Co/)]);
    expect(await contacts.get.query({ id })).toMatchObject({ company: 'Babbage & Co', version: 4 });

    // The page has a token, and nothing of the key.
    const sent = await Promise.all(requests.map((request) => request.allHeaders()));
    expect(new Set(sent.map(({ origin }) => origin))).toEqual(new Set([origin]));
    expect(sent.every(({ authorization }) => authorization?.startsWith('Bearer introzy_'))).toBe(true);
    expect(JSON.stringify(sent)).not.toContain(app.one.key);
    for (const [, path = ''] of (await readFile(join(example.folder, 'dist/index.html'), 'utf8')).matchAll(
      /src="([^"]+)"/g,
    )) {
      expect(await readFile(join(example.folder, 'dist', path), 'utf8')).not.toContain(app.one.key);
    }
    await context.close();
    await listener.drain();
  },
);
