import { type RawBuilder, sql } from 'kysely';
import { type ContactSort, encodePlace } from '../shared/contactSort.ts';
import type { Contact, ContactPage } from '../shared/contacts.ts';
import { decodeDocument, encodedPage } from '../shared/encoded.ts';
import { PAGE_BYTES } from '../shared/paging.ts';
import { DEFAULT_SORT, toPlace } from './contactWalk.ts';

/**
 * SQL of a contact's document, with all fields. A document that was stored before migration 0030 has no `otherEmails` and
 * no `otherPhones`, until contactForm.ts or a change makes the document anew. No other part of a document has this text: JSON
 * escapes quotes, and a custom field has a blank before its name.
 */
export const shownDocument = sql<string>`case when form < 2 and document not like '%,"otherEmails":%'
  then left(document, -1) || ',"otherEmails":[],"otherPhones":[]}' else document end`;

/**
 * The room of a page, in bytes. `share` is each contact's equal part: contacts that keep to their share surely fit
 * together, so that only a page with a longer contact must be measured.
 */
export interface Room {
  bytes: number;
  share: number;
}
export const roomOf = ({ bytes = PAGE_BYTES, limit }: { bytes?: number | undefined; limit: number }): Room => ({
  bytes,
  share: Math.floor(bytes / (limit + 1)) - SEPARATOR.length,
});

/** Stands between documents, and within no document: JSON escapes line breaks. */
const SEPARATOR = ',\n';
const separator = sql.lit(SEPARATOR);

/** The documents of up to `limit` + 1 contacts, without the documents that are longer than their share. */
export interface WholeRow {
  documents: string | null;
  count: number;
  long: number;
  /** The key of the contact behind the page, in a sort that has a key: see contactWalk.ts. */
  key?: string | null;
}
export const wholeRow = ({ share }: Pick<Room, 'share'>) => sql`
  string_agg(document, ${separator}) filter (where octet_length(document) <= ${share}::int) as documents,
  count(*)::int as count, (count(*) filter (where octet_length(document) > ${share}::int))::int as long`;

/**
 * Makes a page out of up to `limit` + 1 documents. The surplus contact begins the next page. `undefined` where a contact
 * is longer than its share.
 */
export function toWholePage(
  { documents, count, long, key = null }: WholeRow,
  { limit, sort = DEFAULT_SORT }: { limit: number; sort?: ContactSort },
): ContactPage | undefined {
  if (long > 0) return undefined;
  const text = documents ?? '';
  if (count <= limit) return encodedPage(`[${text}]`, null);
  const end = text.lastIndexOf(SEPARATOR);
  const { id } = decodeDocument<Contact>(text.slice(end + SEPARATOR.length));
  return encodedPage(`[${text.slice(0, end)}]`, encodePlace(toPlace({ sort, id, key })));
}

/** The documents that the page has room for, and the id of the first contact without room, which begins the next page. */
export interface CutRow {
  documents: string | null;
  next: string | null;
  key: string | null;
}
export const toCutPage = ({ documents, next, key }: CutRow, sort: ContactSort = DEFAULT_SORT): ContactPage =>
  encodedPage(`[${documents ?? ''}]`, next === null ? null : encodePlace(toPlace({ sort, id: next, key })));

/**
 * SQL that cuts a page out of `found`, SQL that gives `id`, `key` and `document` of up to `limit` + 1 contacts in the order
 * `order`. The database knows a document's length without reading the document, and does not send the documents without
 * room.
 */
export const cutPage = (
  { limit, bytes, order = sql`id desc` }: { limit: number; order?: RawBuilder<unknown> } & Pick<Room, 'bytes'>,
  found: RawBuilder<unknown>,
) => sql<CutRow>`
  select string_agg(document, ${separator}) filter (where fits) as documents,
      (array_agg(id) filter (where not fits))[1] as next, (array_agg(key) filter (where not fits))[1] as key
    from (
      select id, key, document, place <= ${limit}::int and (place = 1 or size <= ${bytes}::int) as fits from (
        select id, key, document, row_number() over ordered as place,
            sum(octet_length(document) + ${sql.lit(SEPARATOR.length)}) over ordered as size
          from (${found}) found window ordered as (order by ${order} rows unbounded preceding)
      ) measured
    ) page`;
