import { type RawBuilder, type SqlBool, sql } from 'kysely';
import { MAX as LAST_ID } from 'uuid';
import type { ContactPage } from '../shared/contacts.ts';
import { encodedPage } from '../shared/encoded.ts';
import { encodeCursor, PAGE_BYTES } from '../shared/paging.ts';
import { comparable } from '../shared/text.ts';
import type { Tenant } from './admission.ts';
import { prepared } from './prepared.ts';
import { searchable } from './wordBreaks.ts';

export interface ContactListQuery {
  organizationId: string;
  limit: number;
  /** The most bytes of a page, `PAGE_BYTES` unless given. A page has at least one contact, however long. */
  bytes?: number | undefined;
  /** The id (a UUID) of the page's first contact. */
  cursor?: string | undefined;
  /** A contact matches where its name, email and company together contain every word of the text. */
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
  const patterns = toPatterns(query.search ?? '');
  const { organizationId, limit, bytes = PAGE_BYTES, cursor = LAST_ID, includeDeleted } = query;
  const isFiltered = patterns.length > 0 || query.tag !== undefined || query.updatedSince !== undefined;

  if (query.email !== undefined) return toContactPage(await readFound(db, query, foundByEmail(query, patterns)));
  if (!isFiltered) {
    const [page] = await readNewest[includeDeleted ? 'all' : 'living'](db, { organizationId, limit, cursor, bytes });
    return toContactPage(page as PageRow);
  }
  for (let window = FIRST_WINDOW; window <= LAST_WINDOW; ) {
    const page = await readFound(db, query, foundAmongNewest(query, { patterns, window }));
    if (page.next !== null || page.scanned < window) return toContactPage(page);
    // Twice the contacts that a page needs at this window's rate of matches. No match gives Infinity and ends the loop.
    window *= Math.ceil((2 * (limit + 1)) / page.count);
  }
  return toContactPage(await readFound(db, query, foundByIndex(query, patterns)));
}

/** The number of newest contacts that the first window holds, and the most that a window may hold. */
const FIRST_WINDOW = 300;
const LAST_WINDOW = 12_000;

/**
 * A page, out of the `count` contacts (up to `limit` + 1) that a query found: the documents, joined by `SEPARATOR`, and
 * the id of the first contact that the page has no room for, which begins the next page.
 */
interface PageRow {
  documents: string | null;
  count: number;
  next: string | null;
}
const SEPARATOR = ',';

/**
 * SQL that makes a page of `found`, SQL that gives `id` and `document` of up to `limit` + 1 contacts. The page is cut here,
 * so that the database does not send what the page has no room for. The length of a document is known without reading
 * the document.
 */
const pageOf = (
  { limit, bytes = PAGE_BYTES }: Pick<ContactListQuery, 'limit' | 'bytes'>,
  found: RawBuilder<unknown>,
) => sql<PageRow>`
  select string_agg(document, ${sql.lit(SEPARATOR)}) filter (where fits) as documents, count(*)::int as count,
      (array_agg(id) filter (where not fits))[1] as next
    from (
      select id, document, place <= ${limit}::int and (place = 1 or size <= ${bytes}::int) as fits from (
        select id, document, row_number() over newest as place,
            sum(octet_length(document) + ${sql.lit(SEPARATOR.length)}) over newest as size
          from (${found}) found window newest as (order by id desc rows unbounded preceding)
      ) measured
    ) page`;

const toContactPage = ({ documents, next }: PageRow): ContactPage =>
  encodedPage(`[${documents ?? ''}]`, next === null ? null : encodeCursor(next));

type Newest = Required<Pick<ContactListQuery, 'organizationId' | 'limit' | 'bytes'>> & { cursor: string };

/** The condition on `deleted_at` stands in the statement itself: only then can the index of the living be used. */
const living = sql<SqlBool>`deleted_at is null`;

const readNewestOf = (condition: RawBuilder<SqlBool>) =>
  prepared<Newest, PageRow>(
    (db, parameter) =>
      pageOf(
        { limit: parameter('limit'), bytes: parameter('bytes') },
        sql`select id, document from contacts
          where organization_id = ${parameter('organizationId')} and id <= ${parameter('cursor')} and ${condition}
          order by id desc limit ${parameter('limit')}::int + 1`,
      ).compile(db),
    { mayShare: true },
  );
const readNewest = { living: readNewestOf(living), all: readNewestOf(sql`true`) };

/**
 * Reads the contacts that `found` names. `found` is SQL of two common table expressions: `found`, up to `limit` + 1 ids
 * in the page's order, and `scanned`, a row for each contact that was tried.
 */
async function readFound(
  db: Tenant,
  query: ContactListQuery,
  found: RawBuilder<unknown>,
): Promise<PageRow & { scanned: number }> {
  const documents = sql`
    select found.id, document from found cross join lateral (
      select document from contacts where organization_id = ${query.organizationId} and contacts.id = found.id offset 0
    ) contact`;
  const { rows } = await sql<PageRow & { scanned: number }>`
    with ${found}
    select page.*, (select count(*)::int from scanned) as scanned from (${pageOf(query, documents)}) page`.execute(db);
  return rows[0] as PageRow & { scanned: number };
}

const nothingScanned = sql`scanned as (select where false)`;

/** Finds matches among the `window` newest contacts. */
const foundAmongNewest = (query: ContactListQuery, { patterns, window }: { patterns: string[]; window: number }) => sql`
  scanned as materialized (
    select id, search, tags, updated_at from contacts
      where organization_id = ${query.organizationId} and id <= ${query.cursor ?? LAST_ID}
        and ${query.includeDeleted ? sql`true` : living}
      order by id desc limit ${window}
  ),
  found as materialized (
    select id from scanned where ${matches(query, patterns)} order by id desc limit ${query.limit + 1}
  )`;

/** Finds matches by an index, in a SQL function. Migration 0001 says why a tenant's own query cannot use the index. */
const foundByIndex = (query: ContactListQuery, patterns: string[]) => sql`
  ${nothingScanned}, found as materialized (
    select id from introzy_matching_contacts(${patterns}::text[], ${query.tag ?? null}, ${query.updatedSince ?? null},
      ${query.includeDeleted}, ${query.cursor ?? LAST_ID}, ${query.limit + 1}) id
  )`;

/**
 * Finds the contacts of an email: at most one contact that is not deleted, and any number of deleted contacts. Each of
 * the two cases has its own index, so the condition names both cases.
 */
const foundByEmail = (query: ContactListQuery, patterns: string[]) => {
  const email = sql`email_key = ${comparable(query.email ?? '')}`;
  return sql`
    ${nothingScanned}, found as materialized (
      select id from contacts
        where organization_id = ${query.organizationId} and id <= ${query.cursor ?? LAST_ID}
          and ((${email} and deleted_at is null) or (${email} and deleted_at is not null and ${query.includeDeleted}))
          and ${matches(query, patterns)}
        order by id desc limit ${query.limit + 1}
    )`;
};

function matches({ tag, updatedSince }: ContactListQuery, patterns: string[]): RawBuilder<SqlBool> {
  const conditions = patterns.map((pattern) => sql`search like ${pattern}`);
  if (tag !== undefined) conditions.push(sql`tags @> array[${tag}::text]`);
  if (updatedSince !== undefined) conditions.push(sql`updated_at >= ${updatedSince}`);
  return conditions.length === 0 ? sql`true` : sql`${sql.join(conditions, sql` and `)}`;
}

/**
 * Makes a LIKE pattern for each word of a search. The trigram index finds three or more letters anywhere: `%ann%`. One
 * or two letters are found only at the beginning of a word, after a blank: `% an%`.
 */
function toPatterns(search: string): string[] {
  const words = new Set(comparable(search).split(/\s+/).filter(Boolean));
  return [...words].map((word) => {
    const escaped = searchable(word).replace(/[\\%_]/g, '\\$&');
    return [...word].length < 3 ? `% ${escaped}%` : `%${escaped}%`;
  });
}
