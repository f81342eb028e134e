import { afterAll, beforeAll, expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import type { Conditions } from '../../db/contactConditions.ts';
import { listContacts } from '../../db/contactList.ts';
import { settle } from '../../server/procedures/outcome.ts';
import { ContactCursor, type ContactPlace, ContactSort } from '../../shared/contactSort.ts';
import { phoneKeys } from '../../shared/phones.ts';
import { watchScans } from '../helpers/scans.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const COUNT = 20_000;
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
      select '${app.one.id}', ${ID}, 2, name, name, name, 'acme', 'acme', 'acme', '{all}', '{all}',
          concat_ws(e'\\n', ' ' || name, ' acme', '', '', ' all', '', '', ''), email, email,
          case when n % 4000 = 5 then '${PHONE}' end,
          case when n % 4000 = 5 then '{${phoneKeys(PHONE)}}'::text[] else '{}' end,
          timestamptz '2026-01-01 00:00Z' + make_interval(mins => n),
          case when n between ${DELETED.from} and ${DELETED.to} then now() end
        from generate_series(1, ${COUNT}) n, lateral (
          select 'person ' || lpad(n::text, 6, '0') as name, 'p' || n || '@example.com' as email) text`,
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
    expect([byPhone.ids.length, byPhone.used.includes('contacts_phones')]).toEqual([5, true]);
    expect(byPhone.rows).toBeLessThan(60);
  },
);
