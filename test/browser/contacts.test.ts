import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import type { Role } from '../../shared/people.ts';
import { addMember } from '../helpers/browser.ts';
import { openDashboard, settled } from '../helpers/chromium.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 240_000 };

async function openContacts(app: TestApp, role: Role = 'member') {
  const { email } = await addMember(app, app.one.id, role);
  const dashboard = await openDashboard(app);
  const page = await dashboard.visit();
  await dashboard.enter(page, { email, at: '/contacts' });
  return { page, dashboard };
}

/** Makes Person 1 to Person `count`. The last person is the newest. */
const addPersons = (app: TestApp, count: number) =>
  runAsAdmin(
    app,
    `insert into contacts (organization_id, id, name, name_key)
      select '${app.one.id}', ('01890000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'Person ' || i, 'person ' || i
        from generate_series(1, ${count}) i`,
  );

const names = (page: Page) => page.getByRole('table', { name: 'Contacts' }).getByRole('button').allInnerTexts();
const field = (page: Page, name: string) => page.getByRole('dialog').getByLabel(new RegExp(`^${name}`));

test('A contact is made, changed, deleted and had back', PATIENCE, async () => {
  await using app = await testApp();
  const { page, dashboard } = await openContacts(app);
  await using _ = dashboard;
  await page.getByRole('heading', { name: 'No contacts yet' }).waitFor();
  await page.getByRole('button', { name: 'New contact' }).first().click();
  await field(page, 'Name').fill('Ada Lovelace');
  await field(page, 'Email').fill('not an address');
  await field(page, 'Company').fill('Analytical Engines');
  await field(page, 'Tags').first().fill('friend');
  await page.keyboard.press('Enter');
  await field(page, 'Custom fields').fill('{"tier": ');
  // The browser's own check refuses the address first.
  await page.getByRole('button', { name: 'Save' }).click();
  await field(page, 'Email').fill('ada@example.com');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Custom fields: not a JSON object').waitFor();
  await field(page, 'Custom fields').fill('{"tier": "gold", "old": 1, "deep": {"a": 1, "b": 2}}');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Ada Lovelace' }).click();
  expect(await field(page, 'Email').inputValue()).toBe('ada@example.com');
  await field(page, 'Company').fill('');
  await field(page, 'Title').fill('Countess');
  await field(page, 'Custom fields').fill('{"tier": 9007199254740993, "deep": {"b": 2}}');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('send this one as text, in quotes').waitFor();
  await field(page, 'Custom fields').fill('{"tier": "gold", "deep": {"b": 2}}');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Countess').waitFor();
  const { data } = (await app.api(app.one.key, 'GET', '/api/contacts')).body;
  expect(data[0].customFields).toEqual({ tier: 'gold', deep: { b: 2 } });
  expect(data).toMatchObject([
    {
      name: 'Ada Lovelace',
      company: null,
      title: 'Countess',
      tags: ['friend'],
      version: 2,
    },
  ]);

  // The dialog tells that another contact has the address.
  await page.getByRole('button', { name: 'New contact' }).click();
  await field(page, 'Name').fill('Another');
  await field(page, 'Email').fill('ADA@example.com');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Another contact has this email').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();

  await page.getByRole('button', { name: 'Ada Lovelace' }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByText('“Ada Lovelace” is deleted').waitFor();
  await page.getByRole('heading', { name: 'No contacts yet' }).waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('button', { name: 'Ada Lovelace' }).waitFor();
});

test('An admin erases a contact for good after a question, and a member is not offered to', PATIENCE, async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const { id } = await contacts.create.mutate({ name: 'Ada' });
  const member = await openContacts(app);
  await using _member = member.dashboard;
  await member.page.getByRole('button', { name: 'Ada', exact: true }).click();
  await member.page.getByRole('button', { name: 'Delete' }).waitFor();
  expect(await member.page.getByRole('button', { name: 'Erase…' }).count()).toBe(0);

  const { page, dashboard } = await openContacts(app, 'admin');
  await using _ = dashboard;
  await page.getByRole('button', { name: 'Ada', exact: true }).click();
  await page.getByRole('button', { name: 'Erase…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Erase “Ada”' });
  await dialog.getByText('an erased contact cannot').waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'detached' });
  expect((await contacts.get.query({ id })).name).toBe('Ada');
  await page.getByRole('button', { name: 'Erase…' }).click();
  await dialog.getByRole('button', { name: 'Erase for good' }).click();
  await page.getByText('“Ada” is erased').waitFor();
  await page.getByRole('heading', { name: 'No contacts yet' }).waitFor();
  expect((await contacts.list.query({ includeDeleted: true })).items).toEqual([]);
});

test('Who edits what somebody else has changed sees both, and chooses', PATIENCE, async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const { id } = await contacts.create.mutate({ name: 'Ada', title: 'Programmer', company: 'Engines' });
  const { page, dashboard } = await openContacts(app);
  await using _ = dashboard;
  const edit = async (title: string) => {
    await page.getByRole('button', { name: 'Ada', exact: true }).click();
    await field(page, 'Title').fill(title);
  };
  await edit('Countess');
  await contacts.update.mutate({ id, title: 'Poet', location: 'London' });
  await page.getByRole('button', { name: 'Save' }).click();
  const alert = page.getByRole('alert').filter({ hasText: 'Somebody else changed this contact' });
  await alert.waitFor();
  const cells = await alert.getByRole('cell').allInnerTexts();
  expect(cells).toEqual(['Title', 'Poet', 'Countess']);
  expect((await contacts.get.query({ id })).title).toBe('Poet');
  await alert.getByRole('button', { name: 'Save mine as well' }).click();
  await alert.waitFor({ state: 'detached' });
  await settled(page);
  expect(await contacts.get.query({ id })).toMatchObject({ title: 'Countess', location: 'London', company: 'Engines' });

  await edit('Baroness');
  await contacts.update.mutate({ id, title: 'Duchess' });
  await page.getByRole('button', { name: 'Save' }).click();
  await alert.getByRole('button', { name: 'Take theirs' }).click();
  expect(await field(page, 'Title').inputValue()).toBe('Duchess');
  await page.getByRole('button', { name: 'Cancel' }).click();
  expect((await contacts.get.query({ id })).title).toBe('Duchess');
});

test('Contacts are searched as one types, and filtered by a tag', PATIENCE, async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  for (const [name, tag] of [
    ['Ada Lovelace', 'maths'],
    ['Grace Hopper', 'navy'],
    ['Katherine Johnson', 'maths'],
  ] as const) {
    await contacts.create.mutate({ name, tags: [tag] });
  }
  const { page, dashboard } = await openContacts(app);
  await using _ = dashboard;
  await page.getByRole('button', { name: 'Ada Lovelace' }).waitFor();
  await page.getByRole('searchbox', { name: 'Search contacts' }).pressSequentially('hopp');
  await expect.poll(() => names(page)).toEqual(['Grace Hopper', 'navy']);
  await page.getByRole('searchbox', { name: 'Search contacts' }).fill('nobody');
  await page.getByRole('heading', { name: 'No contact is like this' }).waitFor();
  await page.getByRole('searchbox', { name: 'Search contacts' }).fill('');
  await page.getByRole('button', { name: 'maths' }).first().click();
  await expect.poll(() => names(page)).toEqual(['Katherine Johnson', 'maths', 'Ada Lovelace', 'maths']);
  await page.getByRole('button', { name: 'All tags' }).click();
  await expect.poll(async () => (await names(page)).length).toBe(6);
});

test('Of many contacts the page holds those in sight, and loads more as one scrolls', PATIENCE, async () => {
  await using app = await testApp();
  await addPersons(app, 5000);
  const { page, dashboard } = await openContacts(app);
  await using _ = dashboard;
  const rows = page.getByRole('table', { name: 'Contacts' }).getByRole('row');
  await page.getByRole('button', { name: 'Person 5000', exact: true }).waitFor();
  const first = await rows.count();
  expect(first).toBeLessThan(60);
  for (const name of ['Person 4500', 'Person 4200']) {
    for (let count = 0; count < 200; count++) {
      if (await page.getByRole('button', { name, exact: true }).count()) break;
      await page.mouse.wheel(0, 1_200);
      await page.waitForTimeout(30);
    }
    await page.getByRole('button', { name, exact: true }).waitFor();
    expect(await rows.count(), name).toBeLessThan(60);
  }
  const calls: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/trpc/')) calls.push(new URL(request.url()).pathname);
  });
  // A change of a row deep in the list shows in the row's place, and the list is not loaded again.
  await page.getByRole('button', { name: 'Person 4201', exact: true }).click();
  await field(page, 'Title').fill('Deep');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Deep').waitFor();
  await page.getByRole('button', { name: 'Person 4201', exact: true }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Person 4201', exact: true }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('button', { name: 'Person 4201', exact: true }).waitFor();
  const around = (await names(page)).filter((name) => /^Person 420[012]$/.test(name));
  expect(around).toEqual(['Person 4202', 'Person 4201', 'Person 4200']);
  expect(calls).toEqual(['/trpc/contacts.update', '/trpc/contacts.delete', '/trpc/contacts.restore']);
  await page.getByRole('button', { name: 'Person 4200', exact: true }).click();
  expect(await field(page, 'Name').inputValue()).toBe('Person 4200');
});

test('A CSV file is imported, with the rows that failed to download, mend and import again', PATIENCE, async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  await contacts.create.mutate({ name: 'Ada Lovelace', email: 'ada@example.com', tags: ['friend'] });
  const lines = Array.from({ length: 250 }, (_, index) => `Person ${index},person${index}@example.com,`);
  const text = [
    'Name,Email,Tags',
    ...lines,
    ',ada@example.com,maths',
    'Bad,no address,',
    'Grace,grace@example.com,navy',
  ].join('\r\n');
  const file = join(tmpdir(), `${randomUUID()}.csv`);
  await writeFile(file, text);
  const { page, dashboard } = await openContacts(app);
  await using _ = dashboard;
  await page.getByRole('button', { name: 'Import CSV' }).click();
  await page.locator('input[type=file]').setInputFiles(file);
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByText('Done: 251 created, 1 updated, 0 unchanged, 1 failed').waitFor();
  expect(await page.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('100');
  expect((await contacts.list.query({ email: 'ada@example.com' })).items).toMatchObject([
    { name: 'Ada Lovelace', tags: ['friend', 'maths'] },
  ]);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'download the failed rows' }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/\.failed\.csv$/);
  const failed = (await (await download.createReadStream()).toArray()).join('');
  expect(failed).toBe(
    'import_line,import_failure,Name,Email,Tags\n253,email: Not an email address,Bad,no address,""\n'.replace(
      ',""\n',
      ',\n',
    ),
  );
});

test(
  'Where the next page cannot be had the list says so, asks no more on its own, and goes on when told',
  PATIENCE,
  async () => {
    await using app = await testApp();
    await addPersons(app, 150);
    const { page, dashboard } = await openContacts(app);
    await using _ = dashboard;
    await page.getByRole('button', { name: 'Person 150', exact: true }).waitFor();
    let refused = 0;
    const isNext = (url: URL) => url.pathname.endsWith('contacts.list') && url.search.includes('cursor');
    await page.route(isNext, (route) => {
      refused += 1;
      return route.fulfill({
        status: 400,
        json: [{ error: { json: { message: 'Refused', code: -32600, data: { httpStatus: 400 } } } }],
      });
    });
    await page.getByRole('button', { name: 'Load more' }).click();
    const alert = page.getByRole('alert').filter({ hasText: 'Refused' });
    await alert.waitFor();
    // Two requests at most: by the scroll to the button, and by the click.
    const asked = refused;
    await page.waitForTimeout(1_000);
    expect([refused, asked <= 2]).toEqual([asked, true]);
    await page.unroute(isNext);
    await alert.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('150 contacts').waitFor();
  },
);
