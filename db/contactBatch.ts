import { sql } from 'kysely';
import type { Contact } from '../shared/contacts.ts';
import { decodeDocument } from '../shared/encoded.ts';
import { comparable } from '../shared/fold.ts';
import { PAGE_BYTES } from '../shared/paging.ts';
import type { Tenant } from './admission.ts';
import { idsByEmail } from './contactAddresses.ts';
import { shownDocument } from './contactPage.ts';
import type { Outcome } from './outcome.ts';

/** The ids and emails that a call asks for, or some of them. */
interface Asked {
  ids: string[];
  emails: string[];
}

export interface ContactBatch {
  /** In the order asked: by ids, then by emails. A contact that is asked for twice comes once. */
  contacts: Contact[];
  /** No contact, or a contact that is deleted. */
  missing: Asked;
  /** There are contacts, for which the answer has no room. */
  unread: Asked;
}

interface Row {
  place: number;
  id: string | null;
  /** `null` where the answer has no room for the contact, or an earlier place has the contact. */
  document: string | null;
  fits: boolean | null;
  elsewhere: boolean;
}

/**
 * Reads the contacts of the given ids and emails. A contact for which `bytes` leave no room is named instead; the first
 * contact has room, however long. Failure: `elsewhere`, where any of the ids is another organization's.
 */
export async function getContacts(
  db: Tenant,
  query: { organizationId: string; ids: readonly string[]; emails: readonly string[]; bytes?: number | undefined },
): Promise<Outcome<ContactBatch>> {
  const { organizationId, bytes = PAGE_BYTES } = query;
  const ids = [...new Set(query.ids)];
  const emails = [...new Map(query.emails.map((email) => [comparable(email), email]))];
  const keys = emails.map(([key]) => key);
  // The database knows a document's length without reading the document, and does not send a document without room.
  const { rows } = await sql<Row>`
    with asked as materialized (
      select place, asked.id as given, c.id from unnest(${ids}::uuid[]) with ordinality asked (id, place)
          left join contacts c on c.organization_id = ${organizationId} and c.id = asked.id and c.deleted_at is null
      union all
      select ${ids.length} + place, null, (${idsByEmail(organizationId, sql`array[asked.key]`)})
        from unnest(${keys}::text[]) with ordinality asked (key, place)
    ), measured as (
      select id, place, sum(size) over (order by place rows unbounded preceding) as size from (
        select distinct on (asked.id) asked.id, place, octet_length(document) + 1 as size
          from asked join contacts c on c.organization_id = ${organizationId} and c.id = asked.id
          order by asked.id, place
      ) firsts
    ), fitting as (
      select id, place, size <= ${bytes} or row_number() over (order by place) = 1 as fits from measured
    )
    select asked.place::int, asked.id, fits, case when fits and fitting.place = asked.place then (
          select ${shownDocument} from contacts where organization_id = ${organizationId} and id = asked.id) end as document,
        asked.id is null and introzy_contact_exists(given) and not exists (
          select from contacts where organization_id = ${organizationId} and id = given) as elsewhere
      from asked left join fitting on fitting.id = asked.id order by asked.place`.execute(db);
  if (rows.some(({ elsewhere }) => elsewhere)) return { failure: 'elsewhere' };
  const those = (isMeant: (row: Row) => boolean): Asked => {
    const places = new Set(rows.filter(isMeant).map(({ place }) => place - 1));
    return {
      ids: ids.filter((_, index) => places.has(index)),
      emails: emails.filter((_, index) => places.has(ids.length + index)).map(([, email]) => email),
    };
  };
  return {
    contacts: rows.flatMap(({ document }) => (document === null ? [] : [decodeDocument<Contact>(document)])),
    missing: those(({ id }) => id === null),
    unread: those(({ id, fits }) => id !== null && !fits),
  };
}
