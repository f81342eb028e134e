import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { toRow } from '../../db/contactColumns.ts';
import type { Conditions } from '../../db/contactConditions.ts';
import { listContacts } from '../../db/contactList.ts';
import { countContacts, findMatching } from '../../db/contactMatches.ts';
import { deleteContact, restoreContact, updateContact } from '../../db/contacts.ts';
import { settle } from '../../server/procedures/outcome.ts';
import { ContactCursor, type ContactPlace, ContactSort } from '../../shared/contactSort.ts';
import type { Contact } from '../../shared/contacts.ts';
import { caseless, fold } from '../../shared/fold.ts';
import { phoneKeys, soughtPhoneKeys } from '../../shared/phones.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const COUNT = 700;
const HOUR = 3_600_000;
const NAMES = [
  'Zoë',
  'zoe',
  'ZOE',
  'Łukasz',
  'Lukas',
  'Ada',
  'ada ',
  'Émile',
  '東京',
  '𝒜da',
  '李明',
  'O’Brien',
  'obrien',
  'x'.repeat(450),
  '\u{10ffff}',
  '\ufb01n',
  '9',
  '-',
];
const COMPANIES = ['Acme', 'ACME ', 'Ácme', 'Acme Labs', 'c'.repeat(400), `${'c'.repeat(400)}d`, null];
const TAGS = ['vip', 'VIP', 'Straße', 'strasse', 'a, b'];
const PHONES = ['+44 20 7946 0958', '020 7946 0958', '(555) 12-34', null];
const PLANS: Record<string, unknown>[] = [
  { plan: 'pro' },
  { plan: 'free', seats: 3 },
  { seats: '3' },
  { seats: 30, ok: true },
  { plan: ['pro'] },
  {},
];
const of = <T>(list: readonly T[], n: number) => list[n % list.length] as T;

let app: TestApp;
let start: number;
beforeAll(async () => {
  app = await testApp({ isAlone: true });
  start = Date.now();
  const rows = Array.from({ length: COUNT }, (_, i) => {
    const n = Math.imul(i + 1, 2_654_435_761) >>> 3;
    const phone = of(PHONES, n >> 7);
    const input = {
      name: of(NAMES, n),
      company: of(COMPANIES, n >> 2),
      phone,
      email: i % 3 === 0 ? `P${i}@Example.com` : null,
      tags:
        i % 4 === 0
          ? []
          : [...new Map([of(TAGS, n >> 5), of(TAGS, n >> 9)].map((tag) => [caseless(tag), tag])).values()],
      customFields: of(PLANS, n >> 4),
    };
    const at = (hours: number) => new Date(start - hours * HOUR);
    return {
      ...toRow(app.one.id, input),
      phone_keys: phone === null ? [] : phoneKeys(phone),
      created_at: at(i % 20),
      updated_at: at(i % 7),
      deleted_at: i % 5 === 0 ? at(0) : null,
    };
  });
  const db = asOperator(app.db, app.one.id);
  for (let from = 0; from < COUNT; from += 100) {
    await db
      .insertInto('contacts')
      .values(rows.slice(from, from + 100))
      .execute();
  }
}, 60_000);
afterAll(() => app[Symbol.asyncDispose]());

const readAll = async (): Promise<Contact[]> => {
  const rows = await asOperator(app.db, app.one.id).selectFrom('contacts').select('document').execute();
  return rows.map(({ document }) => {
    const { createdAt, updatedAt, deletedAt, ...rest } = JSON.parse(document);
    const [created, updated, deleted] = [createdAt, updatedAt, deletedAt].map((at) =>
      at === null ? null : new Date(at),
    );
    return { ...rest, createdAt: created, updatedAt: updated, deletedAt: deleted };
  });
};

/** The conditions in plain TypeScript. */
function isMatch(contact: Contact, asked: Conditions): boolean {
  const { search = '', tag, tags = [], email, phone, company, ids, createdSince, updatedSince, customField } = asked;
  const keys = contact.tags.map(caseless);
  const isSame = (a: string | null, b: string) => a !== null && fold(a).trim() === fold(b).trim();
  const texts = [contact.name, contact.company ?? '', contact.email ?? '', ...contact.tags].map((text) => fold(text));
  return (
    fold(search)
      .split(' ')
      .filter(Boolean)
      .every((word) => texts.some((text) => text.includes(word))) &&
    [...(tag === undefined ? [] : [tag]), ...tags].every((each) => keys.includes(caseless(each))) &&
    (email === undefined || contact.email?.trim().toLowerCase() === email.trim().toLowerCase()) &&
    (phone === undefined ||
      (contact.phone !== null && phoneKeys(contact.phone).some((key) => soughtPhoneKeys(phone).includes(key)))) &&
    (company === undefined || isSame(contact.company, company)) &&
    (ids === undefined || ids.includes(contact.id)) &&
    (createdSince === undefined || contact.createdAt >= createdSince) &&
    (updatedSince === undefined || contact.updatedAt >= updatedSince) &&
    (customField === undefined ||
      customField.values.some((value) => contact.customFields[customField.name] === value)) &&
    (asked.includeDeleted === true || contact.deletedAt === null)
  );
}

const byCodePoint = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
/** The sorts in plain TypeScript: names of more than 300 characters are equal where these are equal. */
function compareBy(sort: ContactSort) {
  const sign = sort.startsWith('-') ? -1 : 1;
  const field = sort.replace('-', '') as 'createdAt' | 'updatedAt' | 'name';
  const nameOf = ({ name }: Contact) => [...fold(name).trim()].slice(0, 300).join('');
  return (a: Contact, b: Contact) => {
    const ids = sign * byCodePoint(a.id, b.id);
    if (field === 'createdAt') return ids;
    if (field === 'name') return byCodePoint(nameOf(a), nameOf(b)) || ids;
    return sign * (a.updatedAt.getTime() - b.updatedAt.getTime()) || ids;
  };
}

interface Asked extends Conditions {
  sort: ContactSort;
}
async function readPage(asked: Asked, limit: number, cursor?: ContactPlace) {
  const db = asOperator(app.db, app.one.id);
  const { items, nextCursor } = settle(
    await listContacts(db, { organizationId: app.one.id, ...asked, limit, cursor }),
    'contact',
  );
  return { ids: items.map(({ id }) => id), next: nextCursor === null ? undefined : ContactCursor.parse(nextCursor) };
}

const pick = <T>(...values: T[]) => fc.constantFrom(...values);
const conditions = fc.record(
  {
    search: pick('zoe', 'acme', 'xx', 'brien', 'nobody', 'vip acme'),
    tag: pick('Vip', 'STRASSE', 'none', 'a, b'),
    tags: fc.subarray(TAGS, { minLength: 1 }),
    phone: pick('02079460958', '+442079460958', '5551234', '1'),
    company: pick(...COMPANIES.filter((company) => company !== null), 'nowhere'),
    createdSince: fc.nat(20).map((hours) => hours),
    updatedSince: fc.nat(8).map((hours) => hours),
    customField: pick(
      { name: 'plan', values: ['pro'] },
      { name: 'seats', values: ['3', 3] },
      { name: 'seats', values: [3] },
      { name: 'ok', values: [true] },
    ),
    includeDeleted: fc.boolean(),
  },
  { requiredKeys: [] },
);
/** Mostly a single condition or two: with more, few contacts are left. */
const some = fc
  .tuple(
    conditions,
    fc.shuffledSubarray(
      Object.keys({
        search: 0,
        tag: 0,
        tags: 0,
        phone: 0,
        company: 0,
        createdSince: 0,
        updatedSince: 0,
        customField: 0,
      }),
      { maxLength: 2 },
    ),
  )
  .map(([all, kept]) => {
    const asked: Record<string, unknown> = Object.fromEntries(
      Object.entries(all).filter(([name]) => kept.includes(name) || name === 'includeDeleted'),
    );
    for (const name of ['createdSince', 'updatedSince'])
      if (name in asked) asked[name] = new Date(start - Number(asked[name]) * HOUR);
    return asked as unknown as Conditions;
  });
const sort = fc.constantFrom(...ContactSort.options);
const RUNS = { numRuns: 150, interruptAfterTimeLimit: 60_000 };

test('Every sort with any conditions gives, page by page, what a plain filter and a plain sort give', async () => {
  const contacts = await readAll();
  await fc.assert(
    fc.asyncProperty(fc.gen(), sort, fc.integer({ min: 1, max: 200 }), async (gen, by, limit) => {
      const asked = gen(() => some);
      const wanted = contacts
        .filter((contact) => isMatch(contact, asked))
        .sort(compareBy(by))
        .map(({ id }) => id);
      const read: string[] = [];
      let cursor: ContactPlace | undefined;
      do {
        const page = await readPage({ ...asked, sort: by }, Math.max(limit, Math.ceil(wanted.length / 6)), cursor);
        read.push(...page.ids);
        cursor = page.next;
      } while (cursor);
      expect(read).toEqual(wanted);
      const db = asOperator(app.db, app.one.id);
      const matching = { organizationId: app.one.id, conditions: asked };
      expect(await countContacts(db, matching)).toEqual({
        count: wanted.length,
        isExact: true,
      });
      expect(new Set(settle(await findMatching(db, { ...matching, limit: COUNT }), 'contact'))).toEqual(
        new Set(wanted),
      );
    }),
    RUNS,
  );
});

test('Email and ids are conditions of every sort, with all other conditions', async () => {
  const contacts = await readAll();
  const ids = contacts.slice(0, 90).map(({ id }) => id);
  for (const by of ContactSort.options) {
    for (const asked of [
      { ids },
      { ids, includeDeleted: true },
      { ids, tag: 'vip', company: 'acme' },
      { email: 'p3@example.COM' },
      { email: 'p0@example.com' },
      { email: 'p0@example.com', includeDeleted: true },
      { email: 'p3@example.com', search: 'nobody' },
      { email: 'p3@example.com', ids },
    ] satisfies Conditions[]) {
      const wanted = contacts
        .filter((contact) => isMatch(contact, asked))
        .sort(compareBy(by))
        .map(({ id }) => id);
      const { ids: read } = await readPage({ ...asked, sort: by }, 200);
      expect(read, JSON.stringify({ by, ...asked })).toEqual(wanted);
    }
  }
});

test('Pages of every sort lose and repeat no contact that is not changed, while others are changed, deleted and restored', async () => {
  const db = asOperator(app.db, app.one.id);
  for (const by of ContactSort.options) {
    for (const asked of [
      {},
      { tag: 'vip' },
      { company: 'acme' },
      { search: 'acme' },
      { includeDeleted: true },
    ] satisfies Conditions[]) {
      const before = (await readAll()).filter((contact) => isMatch(contact, asked));
      const changed = new Set<string>();
      const read: string[] = [];
      let cursor: ContactPlace | undefined;
      let round = 0;
      do {
        const page = await readPage({ ...asked, sort: by }, 25, cursor);
        read.push(...page.ids);
        cursor = page.next;
        // Also the contact at which the next page begins.
        for (const id of [cursor?.id, of(before, round * 37)?.id, of(before, round * 91 + 5)?.id]) {
          if (id === undefined) continue;
          changed.add(id);
          const each = { organizationId: app.one.id, id };
          if (round % 3 === 0) await deleteContact(db, each);
          else if (round % 3 === 1) await restoreContact(db, each);
          else await updateContact(db, { ...each, changes: { name: `Renamed ${by} ${round}` } });
        }
        round += 1;
      } while (cursor);
      const kept = read.filter((id) => !changed.has(id));
      expect(kept.sort()).toEqual(
        before
          .map(({ id }) => id)
          .filter((id) => !changed.has(id))
          .sort(),
      );
    }
  }
});
