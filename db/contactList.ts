import { type RawBuilder, type SqlBool, sql } from 'kysely';
import { MAX as LAST_ID } from 'uuid';
import type { Contact, ContactPage } from '../shared/contacts.ts';
import { decodeDocument, encodedPage } from '../shared/encoded.ts';
import { encodeCursor } from '../shared/paging.ts';
import { comparable } from '../shared/text.ts';
import type { Tenant } from './admission.ts';
import { prepared } from './prepared.ts';
import { searchable } from './wordBreaks.ts';

export interface ContactListQuery {
  organizationId: string;
  limit: number;
  /** The id that the page begins with. */
  cursor?: string | undefined;
  /** Words that name, email or company contain, each of them. */
  search?: string | undefined;
  tag?: string | undefined;
  email?: string | undefined;
  updatedSince?: Date | undefined;
  includeDeleted: boolean;
}

/**
 * A page of contacts, newest first: the order of the primary key.
 *
 * How to find the newest matches cheaply depends on how many match, and for text no statistics tell. So the newest
 * contacts are tried first, and more of them while a page is near at that rate; else the index finds every match.
 */
export async function listContacts(db: Tenant, query: ContactListQuery): Promise<ContactPage> {
  const patterns = toPatterns(query.search ?? '');
  const { organizationId, limit, cursor = LAST_ID, includeDeleted } = query;
  const isFiltered = patterns.length > 0 || query.tag !== undefined || query.updatedSince !== undefined;

  if (query.email !== undefined)
    return toContactPage(await readFound(db, organizationId, foundByEmail(query, patterns)), limit);
  if (!isFiltered) {
    const [page] = await readNewest(db, { organizationId, limit, cursor, includeDeleted });
    return toContactPage(page as PageRow, limit);
  }
  for (let window = FIRST_WINDOW; window <= LAST_WINDOW; ) {
    const page = await readFound(db, organizationId, foundAmongNewest(query, { patterns, window }));
    if (page.count > limit || page.scanned < window) return toContactPage(page, limit);
    // Twice as many as a page should take at the rate of this one.
    window *= Math.ceil((2 * (limit + 1)) / page.count);
  }
  return toContactPage(await readFound(db, organizationId, foundByIndex(query, patterns)), limit);
}

/** How many of the newest contacts are tried at first, and at most. */
const FIRST_WINDOW = 300;
const LAST_WINDOW = 12_000;

/** The documents of up to `limit` + 1 contacts, as one text. No document holds a line break: JSON escapes it. */
interface PageRow {
  documents: string | null;
  count: number;
}
const SEPARATOR = ',\n';
const pageRow = sql`string_agg(document, ${sql.lit(SEPARATOR)}) as documents, count(*)::int as count`;

/** Makes a page out of up to `limit` + 1 documents: the surplus contact begins the next page. */
function toContactPage({ documents, count }: PageRow, limit: number): ContactPage {
  const text = documents ?? '';
  if (count <= limit) return encodedPage(`[${text}]`, null);
  const end = text.lastIndexOf(SEPARATOR);
  const { id } = decodeDocument<Contact>(text.slice(end + SEPARATOR.length));
  return encodedPage(`[${text.slice(0, end)}]`, encodeCursor(id));
}

interface Newest {
  organizationId: string;
  limit: number;
  cursor: string;
  includeDeleted: boolean;
}

const readNewest = prepared<Newest, PageRow>((db, parameter) =>
  sql<PageRow>`
    select ${pageRow} from (
      select document from contacts
        where organization_id = ${parameter('organizationId')} and id <= ${parameter('cursor')}
          and (deleted_at is null or ${parameter('includeDeleted')})
        order by id desc limit ${parameter('limit')}::int + 1
    ) page`.compile(db),
);

/** Reads the contacts that `found` names: a CTE of that name with up to `limit` + 1 ids in order, and one `scanned`. */
async function readFound(
  db: Tenant,
  organizationId: string,
  found: RawBuilder<unknown>,
): Promise<PageRow & { scanned: number }> {
  const { rows } = await sql<PageRow & { scanned: number }>`
    with ${found}
    select ${pageRow}, (select count(*)::int from scanned) as scanned
      from found cross join lateral (
        select document from contacts where organization_id = ${organizationId} and contacts.id = found.id offset 0
      ) page`.execute(db);
  return rows[0] as PageRow & { scanned: number };
}

const nothingScanned = sql`scanned as (select where false)`;

/** Among the `window` newest contacts. */
const foundAmongNewest = (query: ContactListQuery, { patterns, window }: { patterns: string[]; window: number }) => sql`
  scanned as materialized (
    select id, search, tags, updated_at from contacts
      where organization_id = ${query.organizationId} and id <= ${query.cursor ?? LAST_ID}
        and (deleted_at is null or ${query.includeDeleted})
      order by id desc limit ${window}
  ),
  found as materialized (
    select id from scanned where ${matches(query, patterns)} order by id desc limit ${query.limit + 1}
  )`;

/** By the indexes, in a function that may use them: see the migration. */
const foundByIndex = (query: ContactListQuery, patterns: string[]) => sql`
  ${nothingScanned}, found as materialized (
    select id from introzy_matching_contacts(${patterns}::text[], ${query.tag ?? null}, ${query.updatedSince ?? null},
      ${query.includeDeleted}, ${query.cursor ?? LAST_ID}, ${query.limit + 1}) id
  )`;

/** Of one email: at most one contact, and deleted ones. There is an index of each. */
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
 * A LIKE pattern for each word of a search. Trigrams find three letters anywhere; one or two they find only at the
 * beginning of a word, where a blank stands before them.
 */
function toPatterns(search: string): string[] {
  const words = new Set(comparable(search).split(/\s+/).filter(Boolean));
  return [...words].map((word) => {
    const escaped = searchable(word).replace(/[\\%_]/g, '\\$&');
    return [...word].length < 3 ? `% ${escaped}%` : `%${escaped}%`;
  });
}
