import { afterAll, beforeAll, expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { toRow } from '../../db/contactColumns.ts';
import type { ContactInput } from '../../shared/contacts.ts';
import { fold } from '../../shared/fold.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** More contacts than the windows of db/contactList.ts hold, so that a page comes from a window or from the index. */
const COUNT = 12_600;
const since = (minutes: number) => new Date(Date.UTC(2026, 0, 1) + minutes * 60_000);

/** The contact number `i`. The highest number is the newest contact. */
function contactOf(i: number): ContactInput {
  const words = [
    `Person ${i}`,
    i % 2 === 0 && 'Common',
    i % 30 === 7 && 'Médium',
    // Almost a page of matches in the first window, and no further match within the newest 12,000 contacts.
    (i >= COUNT - 20 || i < 150) && 'Clustered',
    i === 5_000 && 'Solitaire',
    i === 77 && 'Ancient 100%_\\sure',
    i % 40 === 1 && 'a_b',
    i % 40 === 2 && 'axb',
    i % 60 === 5 && 'Zw Qa',
  ];
  return {
    name: words.filter(Boolean).join(' '),
    email: i % 10 === 9 ? null : `P${i}@Corp${i % 4}.example`,
    company: i % 3 === 0 ? `Acme ${i % 5 === 0 ? 'Ünion' : 'Labs'}` : null,
    tags: [...(i % 2 ? ['odd'] : []), ...(i % 35 === 0 ? ['every 35'] : []), ...(i === 42 ? ['only, one'] : [])],
  };
}

interface Row {
  id: string;
  name: string;
  email: string | null;
  company: string | null;
  tags: string[];
  updated_at: Date;
  deleted_at: Date | null;
}
interface Filter {
  search?: string;
  tag?: string;
  email?: string;
  updatedSince?: Date;
  includeDeleted?: boolean;
}

let app: TestApp;
/** All contacts, newest first. */
let rows: Row[];

beforeAll(async () => {
  app = await testApp();
  const operator = asOperator(app.db, app.one.id);
  const columnsOf = (i: number) => ({
    ...toRow(app.one.id, contactOf(i)),
    updated_at: since((i * 7919) % COUNT),
    deleted_at: i % 50 === 3 ? since(COUNT) : null,
  });
  for (let from = 0; from < COUNT; from += 200) {
    const some = Array.from({ length: 200 }, (_, i) => columnsOf(from + i));
    await operator.insertInto('contacts').values(some).execute();
  }
  rows = await operator
    .selectFrom('contacts')
    .select(['id', 'name', 'email', 'company', 'tags', 'updated_at', 'deleted_at'])
    .orderBy('id', 'desc')
    .execute();
}, 120_000);
afterAll(() => app[Symbol.asyncDispose]());

const compared = (text: string) => text.trim().normalize('NFC').toLowerCase();

/** The filter in plain JavaScript. */
function isMatch(row: Row, { search = '', tag, email, updatedSince, includeDeleted = false }: Filter): boolean {
  const fields = [row.name, row.email ?? '', row.company ?? '', ...row.tags].map(fold);
  const isFound = (word: string) =>
    word.length < 3
      ? fields.some((field) => field.split(' ').some((part) => part.startsWith(word)))
      : fields.some((field) => field.includes(word));
  return (
    fold(search).split(/\s+/).filter(Boolean).every(isFound) &&
    (tag === undefined || row.tags.some((each) => compared(each) === compared(tag))) &&
    (email === undefined || (row.email !== null && compared(row.email) === compared(email))) &&
    (updatedSince === undefined || row.updated_at >= updatedSince) &&
    (includeDeleted || row.deleted_at === null)
  );
}

/** Reads up to `pages` pages. `isEnd`: the last page read was the last page of the list. */
async function walk(filter: Filter, { limit, pages }: { limit: number; pages: number }) {
  const { contacts } = app.trpc(app.one.key);
  const ids: string[] = [];
  let cursor: string | null | undefined;
  for (let page = 0; page < pages && cursor !== null; page++) {
    const answer = await contacts.list.query({ ...filter, limit, ...(cursor && { cursor }) });
    if (answer.nextCursor !== null) expect(answer.items).toHaveLength(limit);
    ids.push(...answer.items.map(({ id }) => id));
    cursor = answer.nextCursor;
  }
  return { ids, isEnd: cursor === null };
}

async function expectPagesOf(filter: Filter) {
  const wanted = rows.filter((row) => isMatch(row, filter)).map(({ id }) => id);
  for (const size of [
    { limit: 7, pages: 3 },
    { limit: 200, pages: 3 },
  ]) {
    const { ids, isEnd } = await walk(filter, size);
    expect(ids, `${JSON.stringify(filter)} by ${size.limit}`).toEqual(wanted.slice(0, size.limit * size.pages));
    expect(isEnd, `${JSON.stringify(filter)} by ${size.limit}`).toBe(wanted.length <= size.limit * size.pages);
  }
  return wanted.length;
}

test('A search finds what a plain filter finds, whether matches are many, few or none', async () => {
  for (const [search, least] of [
    ['common', 5_000],
    ['cOMMon', 5_000],
    ['médium', 300],
    ['me\u0301dium', 300],
    ['medium', 300],
    ['ÜNION', 600],
    ['clustered', 160],
    ['solitaire', 1],
    ['olitair', 1],
    ['nowhere', 0],
    ['@corp3', 1_500],
    ['corp1.EXAMPLE', 2_000],
    ['acme', 3_000],
    ['Ünion', 600],
    ['p4242@', 1],
    ['person 42', 100],
  ] as const) {
    const found = await expectPagesOf({ search });
    expect(found, search).toBeGreaterThanOrEqual(least);
    if (least === 0) expect(found, search).toBe(0);
  }
  // The first window holds a whole page of matches; the next matches are past the newest 12,000 contacts.
  const { ids, isEnd } = await walk({ search: 'clustered' }, { limit: 20, pages: 1 });
  expect([ids.length, isEnd]).toEqual([20, false]);
});

test('Each of several words is found, in any order, in whichever field', async () => {
  for (const search of [
    'labs common',
    ' common \t labs  ',
    'common common',
    'acme corp0 médium',
    'clustered common union',
    'solitaire nowhere',
    'mmon abs',
  ]) {
    await expectPagesOf({ search });
  }
  // A word of the search never spans two fields.
  expect(await expectPagesOf({ search: 'corp0.exampleacme' })).toBe(0);
});

test('One or two letters are found where a word begins', async () => {
  for (const [search, isThere] of [
    ['z', true],
    ['zw', true],
    ['w', false],
    ['qa', true],
    ['cm', false],
    ['ac', true],
    ['ün', true],
    ['ni', false],
    ['p7', true],
    ['zw médium', false],
  ] as const) {
    expect((await expectPagesOf({ search })) > 0, search).toBe(isThere);
  }
});

test('%, _ and \\ stand for themselves', async () => {
  for (const [search, count] of [
    ['100%_\\sure', 1],
    ['0%_', 1],
    ['%_\\', 1],
    ['_\\s', 1],
    ['%%%', 0],
    ['___', 0],
    ['%', 0],
    ['\\', 0],
    ['\\\\\\', 0],
    ["' or 1=1 --", 0],
  ] as const) {
    expect(await expectPagesOf({ search }), search).toBe(count);
  }
  expect(await expectPagesOf({ search: 'a_b' })).toBeLessThan(COUNT / 30);
});

test('A search of what nobody sees asks for nothing', async () => {
  for (const search of ["'", '\u200b', '\u00ad \u2060'])
    expect(await expectPagesOf({ search })).toBeGreaterThan(10_000);
});

test('Tags are found whole, in whatever case', async () => {
  for (const tag of ['odd', 'ODD', 'every 35', 'only, one']) expect(await expectPagesOf({ tag })).toBeGreaterThan(0);
  for (const tag of ['od', 'ödd', 'only', 'every', '%', '{odd}']) expect(await expectPagesOf({ tag }), tag).toBe(0);
});

test('updatedSince is the moment itself and all after it', async () => {
  for (const minutes of [0, 5_000, COUNT - 3, COUNT - 1, COUNT]) {
    await expectPagesOf({ updatedSince: since(minutes) });
  }
  // Of the 20 newest contacts, the time of the earliest last change.
  const least = Math.min(...rows.slice(0, 20).map(({ updated_at }) => updated_at.getTime()));
  await expectPagesOf({ updatedSince: new Date(least), includeDeleted: true });
  expect(await expectPagesOf({ updatedSince: since(COUNT - 1), includeDeleted: true })).toBe(1);
  expect(await expectPagesOf({ updatedSince: new Date(since(COUNT - 1).getTime() + 1), includeDeleted: true })).toBe(0);
});

test('Conditions together are all met', async () => {
  for (const filter of [
    { includeDeleted: true },
    { search: 'common', includeDeleted: true },
    { search: 'person 3', includeDeleted: true },
    { search: 'clustered', tag: 'odd' },
    { search: 'clustered', tag: 'odd', includeDeleted: true, updatedSince: since(2_000) },
    { tag: 'every 35', updatedSince: since(8_000) },
    { search: 'labs', tag: 'odd', updatedSince: since(10_000) },
    { email: ' p78@corp2.EXAMPLE', search: 'common' },
    { email: 'p78@corp2.example', search: 'nowhere' },
    { email: 'p77@corp1.example', tag: 'odd', search: 'ancient', updatedSince: since(0) },
    { email: 'p77@corp1.example', updatedSince: since(COUNT) },
    { email: 'p53@corp1.example' },
    { email: 'p53@corp1.example', includeDeleted: true },
    { email: '%@corp1.example' },
  ]) {
    await expectPagesOf(filter);
  }
});

test('Every page to the last holds each contact once', async () => {
  for (const filter of [{}, { search: 'médium' }, { search: 'acme', includeDeleted: true }] satisfies Filter[]) {
    const { ids, isEnd } = await walk(filter, { limit: 200, pages: 100 });
    expect(isEnd).toBe(true);
    expect(ids).toEqual(rows.filter((row) => isMatch(row, filter)).map(({ id }) => id));
  }
});

/** More contacts than the first window of db/contactList.ts holds, so that only the index finds the older contacts. */
const YOUNGER = 310;

const CONTACTS: ContactInput[] = [
  { name: '(AI) Corp guy', email: 'guy@corp.example' },
  { name: 'Jean-Lu' },
  { name: 'Ada\u00a0Li', email: 'ada@example.com' },
  { name: 'Zed', email: 'zed@hp.com' },
  { name: 'Wei【王】', company: 'Owl–Qi “Xu”' },
  { name: 'Half 50%_off', company: '%q _w' },
];

/** By a word of each name: the names that a search must find. */
const SEARCHES: [search: string, found: string[]][] = [
  ['ai', ['(AI) Corp guy']],
  ['AI', ['(AI) Corp guy']],
  ['(ai', ['(AI) Corp guy']],
  ['(ai)', ['(AI) Corp guy']],
  ['ai)', ['(AI) Corp guy']],
  ['lu', ['Jean-Lu']],
  ['li', ['Ada\u00a0Li']],
  ['hp', ['Zed']],
  ['王', ['Wei【王】']],
  ['qi', ['Wei【王】']],
  ['xu', ['Wei【王】']],
  ['je', ['Jean-Lu']],
  ['jean-lu', ['Jean-Lu']],
  ['jean-', ['Jean-Lu']],
  ['an-l', ['Jean-Lu']],
  ['-lu', ['Jean-Lu']],
  ['ada@ex', ['Ada\u00a0Li']],
  ['e.c', ['Ada\u00a0Li']],
  ['@hp.', ['Zed']],
  ['zed@hp.com', ['Zed']],
  ['owl–qi', ['Wei【王】']],
  ['ada li', ['Ada\u00a0Li']],
  // A word of two letters matches only at the beginning of a word.
  ['da', []],
  ['ean', ['Jean-Lu']],
  ['ea', []],
  ['uy', []],
  ['jean lu', ['Jean-Lu']],
  ['jeanlu', []],
  // A wildcard of LIKE in a search matches only itself.
  ['50%_off', ['Half 50%_off']],
  ['0%_', ['Half 50%_off']],
  ['%_o', ['Half 50%_off']],
  ['%q', ['Half 50%_off']],
  ['_w', ['Half 50%_off']],
  ['a%l', []],
  ['a_a', []],
  ['j_', []],
  ['z%', []],
  ['___', []],
];

test('A word begins behind whatever is no part of one, and is found there by its first letter or two', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  for (const contact of CONTACTS) await contacts.create.mutate(contact);
  const expectFound = async () => {
    for (const [search, names] of SEARCHES) {
      const { items } = await contacts.list.query({ search });
      expect(items.map(({ name }) => name).sort(), JSON.stringify(search)).toEqual(names);
    }
  };
  await expectFound();
  for (let from = 0; from < YOUNGER; from += 62) {
    const rows = Array.from({ length: 62 }, (_, i) => ({ name: `Nobody ${from + i}` }));
    await contacts.upsertMany.mutate({ contacts: rows });
  }
  await expectFound();
});
