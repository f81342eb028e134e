import { expect, test } from 'vitest';
import { type TestApp, testApp } from '../helpers/testApp.ts';
import { APART, TYPED } from '../helpers/typedNames.ts';

/** More contacts than the first window of db/contactList.ts holds, so that only the index finds the older contacts. */
const YOUNGER = 310;

async function addYounger(app: TestApp) {
  const { contacts } = app.trpc(app.one.key);
  for (let from = 0; from < YOUNGER; from += 62) {
    const rows = Array.from({ length: 62 }, () => ({ name: '≠' }));
    await contacts.upsertMany.mutate({ contacts: rows });
  }
}

const addNamed = (app: TestApp, names: readonly string[]) =>
  app.trpc(app.one.key).contacts.upsertMany.mutate({ contacts: names.map((name) => ({ name })) });

async function find(app: TestApp, search: string): Promise<string[]> {
  const { items } = await app.trpc(app.one.key).contacts.list.query({ search, limit: 200 });
  return items.map(({ name }) => name);
}

test('Sixty names in more than 20 scripts are found however they are typed, among the newest contacts and by the index', async () => {
  expect(TYPED.length).toBeGreaterThanOrEqual(60);
  await using app = await testApp();
  await addNamed(
    app,
    TYPED.map(([name]) => name),
  );
  const expectFound = async () => {
    for (const [name, ...typed] of TYPED) {
      expect(typed.length, name).toBeGreaterThanOrEqual(2);
      for (const search of [name, ...typed]) expect(await find(app, search), search).toContain(name);
    }
  };
  await expectFound();
  await addYounger(app);
  await expectFound();
});

test('Thirty names are not found by words that are only near', async () => {
  expect(APART.length).toBeGreaterThanOrEqual(30);
  await using app = await testApp();
  await addNamed(app, [...new Set(APART.map(([name]) => name))]);
  const expectApart = async () => {
    for (const [name, search] of APART) expect(await find(app, search), search).not.toContain(name);
  };
  await expectApart();
  await addYounger(app);
  await expectApart();
});

test('A search looks in each field that people know a contact by, and in the first 5,000 characters of notes', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const made = await contacts.create.mutate({
    name: 'Ada Lovelace',
    email: 'Augusta@Example.org',
    phone: '+44 (0)20-7946 0018',
    company: 'Analytical Œuvres',
    title: 'Chef d’équipe',
    location: 'Saint-Étienne',
    notes: `${'𝒳 '.repeat(2_494)}Schluß, Ende zuviel`,
    tags: ['VIP', 'Früh bucher'],
    linkedinUrl: 'https://www.linkedin.com/in/countess',
    customFields: { secret: 'custom' },
  });
  const isFound = async (search: string) => (await contacts.list.query({ search })).items.length === 1;
  const found = [
    'ada',
    'augusta@example',
    'oeuvres',
    'equipe',
    "d'equipe",
    'etienne',
    'schluss',
    'vip',
    'fruh',
    'bucher',
  ];
  const absent = ['zuviel', 'countess', 'custom', 'secret', 'vipfruh'];
  const expectFound = async () => {
    for (const search of [...found, found.join(' ')]) expect(await isFound(search), search).toBe(true);
    for (const search of absent) expect(await isFound(search), search).toBe(false);
  };
  await expectFound();
  await addYounger(app);
  await expectFound();

  // A change of some fields leaves the others to be found, and what was taken away is found no longer.
  await contacts.update.mutate({ id: made.id, title: null, tags: ['Spät'], phone: '030 123' });
  for (const search of ['spat', 'ada', 'etienne', 'schluss', '030123'])
    expect(await isFound(search), search).toBe(true);
  for (const search of ['equipe', 'vip', '7946']) expect(await isFound(search), search).toBe(false);
  await contacts.upsertMany.mutate({
    contacts: [
      { name: 'Ada Byron', email: 'augusta@example.org', company: null },
      { name: 'Nobody', email: 'nobody@example.org', location: 'Nowhere' },
    ],
  });
  for (const search of ['byron', 'etienne', 'spat', 'schluss']) expect(await isFound(search), search).toBe(true);
  for (const search of ['lovelace', 'oeuvres']) expect(await isFound(search), search).toBe(false);
  await contacts.upsertMany.mutate({
    merge: true,
    contacts: [
      { name: 'Ada King', email: 'augusta@example.org', location: null, tags: ['SPÄT', 'Gräfin'], title: 'Dr' },
    ],
  });
  for (const search of ['king', 'etienne', 'spat', 'grafin', 'dr', 'schluss'])
    expect(await isFound(search), search).toBe(true);
  expect((await contacts.get.query({ id: made.id })).tags).toEqual(['Spät', 'Gräfin']);
});

test('A phone is found by its digits in any grouping', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  await contacts.create.mutate({ name: 'Ada', phone: '+44 (0)20-7946 0018' });
  await contacts.create.mutate({ name: 'Bea', phone: '۰۹۱۲ ۳۴۵', notes: 'Room 20, floor 79' });
  const find = async (search: string) => (await contacts.list.query({ search })).items.map(({ name }) => name);
  const cases: [string, string[]][] = [
    ['+44 (0)20-7946 0018', ['Ada']],
    ['44 02 07 94 60 01 8', ['Ada']],
    ['4402079460018', ['Ada']],
    ['7946', ['Ada']],
    ['020 7946-0018', ['Ada']],
    ['(020) 7946.0018 ada', ['Ada']],
    ['ada 79 46', ['Ada']],
    ['44', ['Ada']],
    ['+4', ['Ada']],
    ['0912345', ['Bea']],
    ['۰۹۱۲', ['Bea']],
    ['9123-45', ['Bea']],
    // The words of other fields are found too, each by itself.
    ['79 20', ['Bea']],
    ['20', ['Bea']],
    ['18', []],
    ['7946 0019', []],
    ['46 79', []],
    ['0020', []],
  ];
  const expectFound = async () => {
    for (const [search, names] of cases) expect(await find(search), search).toEqual(names);
  };
  await expectFound();
  await addYounger(app);
  await expectFound();
});

test('Tags are kept as first written, and compared without case', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const made = await contacts.create.mutate({
    name: 'Ada',
    email: 'ada@example.com',
    tags: ['Straße', 'VIP', 'STRASSE', 'vip', 'Café', 'ΟΔΟΣ'],
  });
  expect(made.tags).toEqual(['Straße', 'VIP', 'Café', 'ΟΔΟΣ']);
  const isFound = async (tag: string) => (await contacts.list.query({ tag })).items.length === 1;
  const expectFound = async () => {
    for (const tag of ['strasse', 'VIP', 'Vip', 'CAFÉ', 'cafe\u0301', 'οδος'])
      expect(await isFound(tag), tag).toBe(true);
    for (const tag of ['vi', 'cafe', 'street', '%']) expect(await isFound(tag), tag).toBe(false);
  };
  await expectFound();
  await addYounger(app);
  await expectFound();

  const update = (tags: string[]) => contacts.update.mutate({ id: made.id, tags });
  expect(await update(['STRASSE', 'vip', 'café', 'οδος'])).toMatchObject({ tags: made.tags, version: 1 });
  expect(await update(['New', 'vip', 'new'])).toMatchObject({ tags: ['New', 'VIP'], version: 2 });
  const upsert = async (tags: string[], merge: boolean) => {
    const rows = [{ name: 'Ada', email: 'ada@example.com', tags }];
    const { results } = await contacts.upsertMany.mutate({ contacts: rows, merge });
    return [results[0]?.outcome, (await contacts.get.query({ id: made.id })).tags];
  };
  expect(await upsert(['NEW', 'vip'], true)).toEqual(['unchanged', ['New', 'VIP']]);
  expect(await upsert(['More', 'vip'], true)).toEqual(['updated', ['New', 'VIP', 'More']]);
  expect(await upsert(['new', 'vip', 'more'], false)).toEqual(['unchanged', ['New', 'VIP', 'More']]);
  expect(await upsert(['more', 'Other'], false)).toEqual(['updated', ['More', 'Other']]);
  expect(await isFound('OTHER')).toBe(true);
  expect(await isFound('vip')).toBe(false);
});

test('A search of apostrophes and invisible characters alone asks for nothing', async () => {
  await using app = await testApp();
  await addNamed(app, ['Ada', 'Bea']);
  for (const search of ["'", '’ \u200b', '\u0640']) expect(await find(app, search), search).toHaveLength(2);
});
