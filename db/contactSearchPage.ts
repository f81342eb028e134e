import { type SqlBool, sql } from 'kysely';
import type { ContactPage } from '../shared/contacts.ts';
import type { Tenant } from './admission.ts';
import { type Room, shownDocument, toWholePage, type WholeRow, wholeRow } from './contactPage.ts';
import type { TextPattern } from './contactSearch.ts';
import { prepared } from './prepared.ts';

/** The number of contacts in which matches are looked for first, and of these the number among which a match must be. */
const WINDOW = 1_500;
const SAMPLE = 100;
/** The number of contacts to look in where the index of words does not help. */
const UNKNOWN_WINDOW = 1_200;
/** The most contacts that a window may have. */
export const LAST_WINDOW = 12_000;

/** Twice the contacts that a page needs at a window's rate of matches. No match gives Infinity. */
export const nextWindow = ({ window, count, limit }: { window: number; count: number; limit: number }) =>
  window * Math.ceil((2 * (limit + 1)) / count);

interface Search extends Room {
  organizationId: string;
  limit: number;
  /** The id of the first contact that may be found. */
  cursor: string;
  /** A text that `contacts.folded` must have, and patterns that `folded` must match besides. */
  text: string;
  likes: string[];
  /** For contacts in a form before 2, which have no folded text: patterns that `contacts.search` must match. */
  plain: string[];
}

type Parameter = <K extends keyof Search>(name: K) => Search[K];

/** `strpos` takes half of the time of `like`. */
const isMatch = (parameter: Parameter) => sql<SqlBool>`
  case when folded is null then search like all (${parameter('plain')}::text[])
    else strpos(folded, ${parameter('text')}::text) > 0 and folded like all (${parameter('likes')}::text[]) end`;

/**
 * A page of the matches among the newest contacts; `tried` is the number of contacts that were tried, where the matches are
 * no full page. Without a match in the sample no other contact is tried.
 */
const readWindow = prepared<Search, WholeRow & { tried: number | null }>(
  (db, parameter) => {
    const newest = (count: number) => sql`(
      select id, folded, search, ${shownDocument} as document from contacts
        where organization_id = ${parameter('organizationId')} and id <= ${parameter('cursor')} and deleted_at is null
        order by id desc limit ${sql.lit(count)}) newest`;
    const hasMatch = sql`exists (select from ${newest(SAMPLE)} where ${isMatch(parameter)})`;
    return sql<WholeRow & { tried: number | null }>`
      select ${wholeRow({ share: parameter('share') })},
          case when count(*) <= ${parameter('limit')}::int then (select count(*)::int from ${newest(WINDOW)}) end as tried
        from (
          select id, document from ${newest(WINDOW)}
            where (select ${hasMatch}) and ${isMatch(parameter)} order by id desc limit ${parameter('limit')}::int + 1
        ) page`.compile(db);
  },
  { mayShare: true },
);

/** A page of the contacts that the index of words finds. `isFound`: false where the index does not help. */
const readFound = prepared<Search & { patterns: string }, WholeRow & { isFound: boolean }>((db, parameter) =>
  sql<WholeRow & { isFound: boolean }>`
    with found as materialized (
      select introzy_newest_with_words(${parameter('patterns')}::jsonb, ${parameter('cursor')}) as ids)
    select ${wholeRow({ share: parameter('share') })}, (select ids is not null from found) as "isFound" from (
      select document from (select id, place from found, unnest(ids) with ordinality contact (id, place) order by place) contact
        cross join lateral (
          select ${shownDocument} as document from contacts
            where organization_id = ${parameter('organizationId')} and contacts.id = contact.id and deleted_at is null
              and ${isMatch(parameter)} offset 0) matching
        limit ${parameter('limit')}::int + 1
    ) page`.compile(db),
);

/**
 * A page of the living contacts that a search finds, newest first, by two statements that PostgreSQL keeps planned. Where
 * there is no page, `window` is the number of newest contacts in which to look for matches next: the matches are neither
 * many nor few, or a contact of the page is long.
 */
export async function searchNewest(
  db: Tenant,
  query: Room & { organizationId: string; limit: number; cursor: string; patterns: TextPattern[]; plain: string[] },
): Promise<{ page: ContactPage } | { window: number }> {
  const { limit, patterns, ...rest } = query;
  const [longest, ...others] = patterns.toSorted((a, b) => b.text.length - a.text.length);
  const search = { ...rest, limit, text: longest?.text ?? '', likes: others.map(({ like }) => like) };
  const [first] = await readWindow(db, search);
  const { count, tried } = first as NonNullable<typeof first>;
  const areAllTried = tried !== null && (count === 0 ? tried <= SAMPLE : tried < WINDOW);
  const page = (tried === null || areAllTried) && toWholePage(first as WholeRow, { limit });
  if (page) return { page };
  const window = nextWindow({ window: WINDOW, count, limit });
  if (areAllTried || window <= LAST_WINDOW) return { window };

  const words = patterns.map(({ whole, part, place }) => ({ whole, part, place }));
  const [found] = await readFound(db, { ...search, patterns: JSON.stringify(words) });
  const ofWords = found?.isFound && toWholePage(found, { limit });
  return ofWords ? { page: ofWords } : { window: UNKNOWN_WINDOW };
}
