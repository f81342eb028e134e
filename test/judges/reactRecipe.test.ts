import { expect, test } from 'vitest';
import { listen } from '../../server/start/listen.ts';
import { launchChromium } from '../helpers/chromium.ts';
import { serveExample } from '../helpers/example.ts';
import { freePort } from '../helpers/postgres.ts';
import { readRecipe } from '../helpers/recipes.ts';
import { testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 300_000 };

test('The recipe for React is built, and used in a browser from another origin, as it stands', PATIENCE, async () => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const allowedOrigins = new Set([origin]);
  await using app = await testApp({ choices: { allowedOrigins } });
  const listener = await listen(app.app.fetch, { host: '127.0.0.1', port: 0, log: app.deps.log, allowedOrigins });
  const service = `http://127.0.0.1:${listener.port}`;
  const { contacts } = app.trpc(app.one.key);
  const contactsOf = async (search: string) => (await contacts.list.query({ search })).items;
  await contacts.upsertMany.mutate({
    contacts: Array.from({ length: 25 }, (_, index) => ({ name: `Person ${index}` })),
  });
  const [block, ...more] = await readRecipe('React');
  expect([block?.language, more]).toEqual(['tsx', []]);

  await using _ = await serveExample({ service, key: app.one.key, port, main: block?.code });
  const context = await (await launchChromium()).newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(origin);
  const rows = page.getByRole('listitem');
  const button = (name: string) => page.getByRole('button', { name });
  await expect.poll(() => rows.count()).toBe(20);
  await button('More').click();
  await expect.poll(() => rows.count()).toBe(25);

  // The service makes the contact, and the answer is lost: the page repeats the call.
  let calls = 0;
  await page.route(/contacts\.create/, async (route) => {
    if (calls++ > 0) return await route.continue();
    await route.fetch();
    await route.abort('connectionreset');
  });
  await page.getByPlaceholder('Name').fill('Ada Lovelace');
  await page.getByPlaceholder('Email').fill('ada@example.com');
  await button('Add').click();
  await page.getByText('Ada Lovelace, no title').waitFor();
  expect([calls, (await contactsOf('ada')).length]).toEqual([2, 1]);

  await button('Upsert Hypatia').click();
  await page.getByText('Hypatia, no title').waitFor();

  // Somebody else changes the contact meanwhile: the page says so, and reads the list anew.
  const [ada] = await contactsOf('ada');
  await contacts.update.mutate({ id: ada?.id ?? '', title: 'Countess' });
  await rows.filter({ hasText: 'Ada' }).getByRole('button').click();
  await page.getByText('Ada Lovelace, Countess').waitFor();
  expect(await page.getByRole('alert').innerText()).toBe('The contact is not at the expected version');
  await rows.filter({ hasText: 'Ada' }).getByRole('button').click();
  await page.getByText('Ada Lovelace, Friend').waitFor();
  await context.close();
  await listener.drain();
});
