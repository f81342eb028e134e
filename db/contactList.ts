import { type RawBuilder, type SqlBool, sql } from 'kysely';
import { MAX as LAST_ID } from 'uuid';
import type { ContactPage } from '../shared/contacts.ts';
import { comparable } from '../shared/fold.ts';
import type { Tenant } from './admission.ts';
import {
  type CutRow,
  cutPage,
  type Room,
  roomOf,
  shownDocument,
  toCutPage,
  toWholePage,
  type WholeRow,
  wholeRow,
} from './contactPage.ts';
import { matches, type Sought, toSought } from './contactSearch.ts';
import { prepared } from './prepared.ts';

export interface ContactListQuery {
  organizationId: string;
  limit: number;
  /** The most bytes of a page, `PAGE_BYTES` unless given. A page has at least one contact, however long. */
  bytes?: number | undefined;
  /** The id (a UUID) of the page's first contact. */
  cursor?: string | undefined;
  /** A contact matches where the fields that are searched together contain every word of the text. */
  search?: string | undefined;
  tag?: string | undefined;
  email?: string | undefined;
  updatedSince?: Date | undefined;
  includeDeleted: boolean;
}

/**
 * Lists a page of contacts, newest first: the order of the primary key.
 *
 * The cheapest way to the newest matches depends on the number of matches, and PostgreSQL has no statistics that give
 * this number for text. So the search begins with a window of the newest contacts. The window grows while the rate of
 * matches promises a full page in a window of at most `LAST_WINDOW` contacts. Otherwise an index finds every match.
 */
export async function listContacts(db: Tenant, query: ContactListQuery): Promise<ContactPage> {
  const sought = toSought(query);
  const { organizationId, limit, cursor = LAST_ID, includeDeleted } = query;
  const isFiltered = sought.terms.length > 0 || query.tag !== undefined || query.updatedSince !== undefined;

  if (query.email !== undefined) return (await readFound(db, query, foundByEmail(query, sought))).page;
  if (!isFiltered) {
    const range = { organizationId, limit, cursor, ...roomOf(query) };
    const { whole, cut } = readNewest[includeDeleted ? 'all' : 'living'];
    const [row] = await whole(db, range);
    return toWholePage(row as WholeRow, limit) ?? toCutPage((await cut(db, range))[0] as CutRow);
  }
  for (let window = FIRST_WINDOW; window <= LAST_WINDOW; ) {
    const { page, count, scanned } = await readFound(db, query, foundAmongNewest(query, { sought, window }));
    if (page.nextCursor !== null || scanned < window) return page;
    // Twice the contacts that a page needs at this window's rate of matches. No match gives Infinity and ends the loop.
    window *= Math.ceil((2 * (limit + 1)) / count);
  }
  return (await readFound(db, query, foundByIndex(query, sought))).page;
}

/** The number of newest contacts that the first window holds, and the most that a window may hold. */
const FIRST_WINDOW = 300;
const LAST_WINDOW = 12_000;

interface Newest extends Room {
  organizationId: string;
  limit: number;
  cursor: string;
}

/** The condition on `deleted_at` stands in the statement itself: only then can the index of the living be used. */
const living = sql<SqlBool>`deleted_at is null`;

const readNewestOf = (condition: RawBuilder<SqlBool>) => {
  type Parameter = <K extends keyof Newest>(name: K) => Newest[K];
  const newest = (parameter: Parameter) => sql`
    select id, ${shownDocument} as document from contacts
      where organization_id = ${parameter('organizationId')} and id <= ${parameter('cursor')} and ${condition}
      order by id desc limit ${parameter('limit')}::int + 1`;
  return {
    whole: prepared<Newest, WholeRow>(
      (db, parameter) =>
        sql<WholeRow>`
          select ${wholeRow({ share: parameter('share') })} from (${newest(parameter)}) page`.compile(db),
      { mayShare: true },
    ),
    cut: prepared<Newest, CutRow>(
      (db, parameter) =>
        cutPage({ limit: parameter('limit'), bytes: parameter('bytes') }, newest(parameter)).compile(db),
      { mayShare: true },
    ),
  };
};
const readNewest = { living: readNewestOf(living), all: readNewestOf(sql`true`) };

/**
 * Reads the page of the contacts that `found` names. `found` is SQL of two common table expressions: `found`, up to
 * `limit` + 1 ids in the page's order, and `scanned`, a row for each contact that was tried.
 */
async function readFound(db: Tenant, query: ContactListQuery, found: RawBuilder<unknown>) {
  const { organizationId, limit } = query;
  const room = roomOf(query);
  const contacts = sql`
    select found.id, document from found cross join lateral (
      select ${shownDocument} as document from contacts where organization_id = ${organizationId} and contacts.id = found.id offset 0
    ) contact`;
  const { rows } = await sql<WholeRow & { scanned: number }>`
    with ${found}
    select ${wholeRow(room)}, (select count(*)::int from scanned) as scanned from (${contacts}) page`.execute(db);
  const [row] = rows as [WholeRow & { scanned: number }];
  const whole = toWholePage(row, limit);
  if (whole) return { ...row, page: whole };
  const cut = await sql<CutRow>`with ${found} ${cutPage({ limit, ...room }, contacts)}`.execute(db);
  return { ...row, page: toCutPage(cut.rows[0] as CutRow) };
}

const nothingScanned = sql`scanned as (select where false)`;

/** Finds matches among the `window` newest contacts. */
const foundAmongNewest = (query: ContactListQuery, { sought, window }: { sought: Sought; window: number }) => sql`
  scanned as materialized (
    select id, ${isMatch(query, sought)} as is_match from (
      select id, search, folded, tags, tag_keys, updated_at from contacts
        where organization_id = ${query.organizationId} and id <= ${query.cursor ?? LAST_ID}
          and ${query.includeDeleted ? sql`true` : living}
        order by id desc limit ${window}
    ) newest
  ),
  found as materialized (select id from scanned where is_match order by id desc limit ${query.limit + 1})`;

/** Finds matches by an index, in a SQL function. Migration 0001 says why a tenant's own query cannot use the index. */
const foundByIndex = (query: ContactListQuery, { terms, tagKey, plain }: Sought) => sql`
  ${nothingScanned}, found as materialized (
    select id from introzy_found_contacts(${JSON.stringify(terms)}::jsonb, ${tagKey}, ${plain.patterns}::text[], ${plain.tag},
      ${query.updatedSince ?? null}, ${query.includeDeleted}, ${query.cursor ?? LAST_ID}, ${query.limit + 1}) id
  )`;

/**
 * Finds the contacts of an email: at most one contact that is not deleted, by its email or another email, and any number
 * of deleted contacts by their email. Each case has its own index, so the condition names all cases.
 */
const foundByEmail = (query: ContactListQuery, sought: Sought) => {
  const email = sql`email_key = ${comparable(query.email ?? '')}`;
  const byOther = sql`id = (
    select contact_id from contact_emails where organization_id = ${query.organizationId} and ${email})`;
  return sql`
    ${nothingScanned}, found as materialized (
      select id from contacts
        where organization_id = ${query.organizationId} and id <= ${query.cursor ?? LAST_ID}
          and ((${email} and deleted_at is null) or ${byOther} or (${email} and deleted_at is not null and ${query.includeDeleted}))
          and ${isMatch(query, sought)}
        order by id desc limit ${query.limit + 1}
    )`;
};

const isMatch = ({ updatedSince }: ContactListQuery, sought: Sought): RawBuilder<SqlBool> =>
  updatedSince === undefined ? matches(sought) : sql`(${matches(sought)}) and updated_at >= ${updatedSince}`;
