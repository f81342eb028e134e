import { type RawBuilder, sql } from 'kysely';
import type { Contact, ContactPage } from '../shared/contacts.ts';
import { decodeDocument, encodedPage } from '../shared/encoded.ts';
import { encodeCursor, PAGE_BYTES } from '../shared/paging.ts';

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
}
export const wholeRow = ({ share }: Pick<Room, 'share'>) => sql`
  string_agg(document, ${separator}) filter (where octet_length(document) <= ${share}::int) as documents,
  count(*)::int as count, (count(*) filter (where octet_length(document) > ${share}::int))::int as long`;

/**
 * Makes a page out of up to `limit` + 1 documents. The surplus contact begins the next page. `undefined` where a contact
 * is longer than its share.
 */
export function toWholePage({ documents, count, long }: WholeRow, limit: number): ContactPage | undefined {
  if (long > 0) return undefined;
  const text = documents ?? '';
  if (count <= limit) return encodedPage(`[${text}]`, null);
  const end = text.lastIndexOf(SEPARATOR);
  const { id } = decodeDocument<Contact>(text.slice(end + SEPARATOR.length));
  return encodedPage(`[${text.slice(0, end)}]`, encodeCursor(id));
}

/** The documents that the page has room for, and the id of the first contact without room, which begins the next page. */
export interface CutRow {
  documents: string | null;
  next: string | null;
}
export const toCutPage = ({ documents, next }: CutRow): ContactPage =>
  encodedPage(`[${documents ?? ''}]`, next === null ? null : encodeCursor(next));

/**
 * SQL that cuts a page out of `found`, SQL that gives `id` and `document` of up to `limit` + 1 contacts. The database
 * knows a document's length without reading the document, and does not send the documents without room.
 */
export const cutPage = (
  { limit, bytes }: { limit: number } & Pick<Room, 'bytes'>,
  found: RawBuilder<unknown>,
) => sql<CutRow>`
  select string_agg(document, ${separator}) filter (where fits) as documents,
      (array_agg(id) filter (where not fits))[1] as next
    from (
      select id, document, place <= ${limit}::int and (place = 1 or size <= ${bytes}::int) as fits from (
        select id, document, row_number() over newest as place,
            sum(octet_length(document) + ${sql.lit(SEPARATOR.length)}) over newest as size
          from (${found}) found window newest as (order by id desc rows unbounded preceding)
      ) measured
    ) page`;
