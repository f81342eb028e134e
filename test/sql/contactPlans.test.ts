import { afterAll, beforeAll, expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import type { Conditions } from '../../db/contactConditions.ts';
import { listContacts } from '../../db/contactList.ts';
import { countContacts } from '../../db/contactMatches.ts';
import { settle } from '../../server/procedures/outcome.ts';
import { ContactCursor, type ContactPlace, ContactSort } from '../../shared/contactSort.ts';
import { phoneKeys } from '../../shared/phones.ts';
import { watchScans } from '../helpers/scans.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const COUNT = 20_000;
/** The newest contacts are of another company, and without a tag. */
const OTHERS = 2_000;
/** Deleted contacts are together in every sort, in the middle. */
const DELETED = { from: 1_000, to: 19_000 };
const ID = "('01890000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid";
const PHONE = '+44 20 7946 0958';

let app: TestApp;
beforeAll(async () => {
  app = await testApp({ isAlone: true });
  await runAsAdmin(app, 'alter table contacts set (autovacuum_enabled = false)');
  await runAsAdmin(
    app,
    `insert into contacts (organization_id, id, form, name, name_key, name_fold, company, company_key, company_fold, tags,
        tag_keys, folded, email, email_key, phone, phone_keys, updated_at, deleted_at)
      select '${app.one.id}', ${ID}, 2, name, name, name, company, company, company, tags, tags,
          concat_ws(e'\\n', ' ' || name, ' acme', '', '', ' all', '', '', ''), email, email,
          case when n % 4000 = 5 then '${PHONE}' end,
          case when n % 4000 = 5 then '{${phoneKeys(PHONE)}}'::text[] else '{}' end,
          timestamptz '2026-01-01 00:00Z' + make_interval(mins => n),
          case when n between ${DELETED.from} and ${DELETED.to} then now() end
        from generate_series(1, ${COUNT} + ${OTHERS}) n, lateral (
          select case when n <= ${COUNT} then 'acme' else 'other' end as company,
            case when n <= ${COUNT} then '{all}'::text[] else '{}' end as tags, 'person ' || lpad(n::text, 6, '0') as name, 'p' || n || '@example.com' as email) text`,
  );
  await runAsAdmin(app, 'vacuum analyze contacts, contact_tags');
}, 120_000);
afterAll(() => app[Symbol.asyncDispose]());

const names = { createdAt: 'created_at', updatedAt: 'updated_at', name: 'name' } as const;
/** The index that has a list's order. */
function indexOf(sort: ContactSort, by: 'alone' | 'tag' | 'company'): string {
  const name = names[sort.replace('-', '') as keyof typeof names];
  if (by === 'alone') return name === 'created_at' ? 'contacts_living' : `contacts_by_${name}`;
  if (by === 'company') return `contacts_by_company_${name}`;
  return `contact_tags_${name}`;
}
const CONDITIONS = { alone: {}, tag: { tag: 'ALL' }, company: { company: 'Acme' } } as const;
const LIMIT = 50;

interface Asked extends Conditions {
  sort: ContactSort;
  cursor?: ContactPlace | undefined;
}

/** Reads a page, and tells which indexes were used, and how many rows they gave. A scan of a whole table fails. */
async function readPage(query: Asked) {
  const indexes = await runAsAdmin(
    app,
    `select indexname as name from pg_indexes where tablename in ('contacts', 'contact_tags')`,
  );
  const names = ['contacts', 'contact_tags', ...indexes.map(({ name }) => String(name))];
  return await asOperator(app.db, app.one.id)
    .transaction()
    .execute(async (trx) => {
      const read = { ids: [] as string[], next: undefined as ContactPlace | undefined };
      const scans = await watchScans(trx, names, async () => {
        const outcome = await listContacts(trx, { organizationId: app.one.id, limit: LIMIT, ...query });
        const { items, nextCursor } = settle(outcome, 'contact');
        read.ids = items.map(({ id }) => id);
        read.next = nextCursor === null ? undefined : ContactCursor.parse(nextCursor);
      });
      expect([scans.contacts?.scans, scans.contact_tags?.scans], JSON.stringify(query)).toEqual([0, 0]);
      const used = Object.entries(scans).filter(([, { scans: count }]) => count > 0);
      return { ...read, used: used.map(([name]) => name), rows: used.reduce((sum, [, { rows }]) => sum + rows, 0) };
    });
}

const LISTS = ContactSort.options.flatMap((sort) =>
  Object.entries(CONDITIONS).map(([by, conditions]) => ({ sort, by: by as keyof typeof CONDITIONS, conditions })),
);

test.each(LISTS)(
  'The sort $sort with $by is read by an index of that order, at any depth, past any deleted contacts',
  async (list) => {
    const { sort, by, conditions } = list;
    for (const includeDeleted of [false, true]) {
      const index = indexOf(sort, by);
      const first = await readPage({ sort, ...conditions, includeDeleted });
      const hasAll = includeDeleted && by === 'alone' && index === 'contacts_living';
      expect(first.used).toContain(hasAll ? 'contacts_pkey' : index);
      // An index counts an entry and its row. A page has 51 contacts of the index, or of two indexes, and reads their rows.
      expect(first.rows).toBeLessThanOrEqual((LIMIT + 1) * (includeDeleted ? 7 : 5));
      const seen = new Set(first.ids);
      let cursor = first.next;
      for (let page = 0; page < 25 && cursor; page++) {
        const next = await readPage({ sort, ...conditions, includeDeleted, cursor });
        expect(next.rows, `page ${page}`).toBeLessThanOrEqual(first.rows * 1.3);
        for (const id of next.ids) seen.add(id);
        cursor = next.next;
      }
      if (!includeDeleted) expect(seen.size).toBeGreaterThan(DELETED.from);
    }
  },
);

test.each(ContactSort.options)(
  'The sort %s with an email or a phone reads the contacts of that email or phone alone',
  async (sort) => {
    const byEmail = await readPage({ sort, email: 'P500@example.com' });
    expect([byEmail.ids.length, byEmail.used.includes('contacts_email')]).toEqual([1, true]);
    expect(byEmail.rows).toBeLessThan(20);
    const byPhone = await readPage({ sort, phone: '020 7946 0958', includeDeleted: true });
    expect([byPhone.ids.length, byPhone.used.includes('contacts_phones')]).toEqual([6, true]);
    expect(byPhone.rows).toBeLessThan(60);
  },
);

/** The conditions of a walk beside the search, and the index that is walked. */
interface Walked extends Conditions {
  by?: keyof typeof CONDITIONS;
}

test('Up to 10,000 matches of a search are gathered and sorted; of more, the index of the sort is walked', async () => {
  const GATHERED = 10_000;
  const insert = (from: number, to: number, word: string) =>
    runAsAdmin(
      app,
      `insert into contacts (organization_id, id, form, name, name_key, name_fold, company, company_fold, tags, tag_keys, phone_keys, folded, updated_at)
        select '${app.other.id}', ${ID}, 2, '${word}', '${word}', '${word}', 'acme', 'acme', '{mark}', '{mark}', '{}', ' ${word}',
            timestamptz '2026-01-01 00:00Z' + make_interval(mins => n)
          from generate_series(${from}, ${to}) n`,
    );
  // More contacts than a window holds are before the matches, in each sort.
  await insert(50_000, 50_000 + GATHERED - 1, 'rare');
  await insert(70_000, 84_000, 'common');
  await runAsAdmin(app, 'vacuum analyze contacts');
  const read = async (sort: ContactSort, cursor?: ContactPlace, { by = 'alone', ...conditions }: Walked = {}) => {
    // Of contacts that all are the company's PostgreSQL may take the one index or the other.
    const names = ['contacts_words', ...new Set([indexOf(sort, by), indexOf(sort, 'alone')])];
    let page = { ids: [] as string[], next: undefined as ContactPlace | undefined };
    const { rows } = await asOperator(app.db, app.other.id)
      .transaction()
      .execute(async (trx) => {
        const scans = await watchScans(trx, names, async () => {
          const query = { organizationId: app.other.id, limit: LIMIT, search: 'rare', ...conditions, sort, cursor };
          const { items, nextCursor } = settle(await listContacts(trx, query), 'contact');
          page = {
            ids: items.map(({ id }) => id),
            next: nextCursor === null ? undefined : ContactCursor.parse(nextCursor),
          };
        });
        return { rows: names.map((name) => scans[name]?.rows ?? 0) };
      });
    return { ...page, found: rows[0] as number, walked: (rows[1] ?? 0) + (rows[2] ?? 0) };
  };
  const gathered = await read('-updatedAt');
  expect([gathered.ids.length, gathered.found >= GATHERED, gathered.walked < 2_000]).toEqual([LIMIT, true, true]);
  await insert(60_000, 60_000, 'rare');
  const walked = await read('-updatedAt');
  expect([walked.ids.length, walked.walked > 14_000]).toEqual([LIMIT, true]);
  expect(walked.ids.slice(1)).toEqual(gathered.ids.slice(0, -1));
  expect((await read('-updatedAt', walked.next)).ids[0]).toBe(gathered.ids.at(-1));
  expect((await read('-createdAt')).ids).toEqual(walked.ids);
  for (const by of ['alone', 'tag', 'company'] as const) {
    for (const includeDeleted of [false, true]) {
      const asked = {
        by,
        ...(by === 'tag' ? { tag: 'mark' } : by === 'company' ? { company: 'acme' } : {}),
        includeDeleted,
      };
      const page = await read('-updatedAt', undefined, asked);
      expect([page.ids, page.walked > 14_000], JSON.stringify(asked)).toEqual([walked.ids, true]);
      const next = await read('-updatedAt', page.next, asked);
      expect([next.ids[0], next.walked < 1_000], JSON.stringify(asked)).toEqual([gathered.ids.at(-1), true]);
    }
  }
  expect((await read('name')).ids).toEqual((await read('createdAt')).ids);
}, 120_000);

test('A count is exact up to 100,000 contacts, and a lower bound above', async () => {
  await using alone = await testApp({ isAlone: true });
  // No search is made here: the slow parts of an insertion are left out.
  await runAsAdmin(alone, 'drop index contacts_words, contacts_search');
  await runAsAdmin(alone, 'alter table contacts disable trigger keep');
  const insert = (from: number, to: number) =>
    runAsAdmin(
      alone,
      `insert into contacts (organization_id, id, form, name, name_key, folded, tag_keys, phone_keys, search, document, updated_at)
        select '${alone.one.id}', ${ID}, 2, 'A', 'a', 'a', '{}', '{}', '', '{}', timestamptz '2026-01-01 00:00Z' + make_interval(secs => n)
          from generate_series(${from}, ${to}) n`,
    );
  await insert(1, 100_000);
  const count = (conditions: Conditions) =>
    countContacts(asOperator(alone.db, alone.one.id), {
      organizationId: alone.one.id,
      conditions,
    });
  expect(await count({})).toEqual({ count: 100_000, isExact: true });
  await insert(100_001, 100_001);
  for (const conditions of [
    {},
    { updatedSince: new Date(0) },
    { includeDeleted: true },
    { createdSince: new Date(0) },
  ]) {
    expect(await count(conditions)).toEqual({ count: 100_000, isExact: false });
  }
  expect(await count({ updatedSince: new Date(Date.UTC(2026, 0, 1) + 1_000 * 50_000) })).toEqual({
    count: 50_002,
    isExact: true,
  });
}, 120_000);
