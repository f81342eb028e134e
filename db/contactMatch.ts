import { sql } from 'kysely';
import type { UpsertRow } from '../shared/contactRows.ts';
import type { UpsertFailure } from '../shared/contacts.ts';
import { linkedinKey } from '../shared/linkedin.ts';
import type { Tenant } from './admission.ts';
import { type Addresses, idsByEmail, keysOfEmails } from './contactAddresses.ts';

/** A row of an upsert with the names by which the row finds its contact, in the form in which they are compared. */
export interface NamedRow extends UpsertRow {
  emails: string[];
  linkedin: string | null;
}

export const toNamed = (row: UpsertRow): NamedRow => ({
  ...row,
  emails: keysOfEmails(row.input),
  linkedin: row.input.linkedinUrl ? linkedinKey(row.input.linkedinUrl) : null,
});

/** A contact that a row names. The transaction has locked the contact against other changes. */
export interface FoundContact extends Addresses {
  id: string;
  version: number;
  deletedAt: Date | null;
  emailKey: string | null;
  otherEmailKeys: string[];
  linkedinKey: string | null;
  tags: string[];
  /** The contact as JSON, where a row sends back fields that the service sets. */
  document: string | undefined;
}

/** The most contacts that are read of a LinkedIn address: a file may have the same address in every row. */
const MOST_OF_A_PAGE = 10;

/**
 * Finds and locks the contacts that any of the rows names: by id, by any email, or by LinkedIn address. Gives `elsewhere`
 * where an id is another organization's contact.
 */
export async function lockNamed(
  trx: Tenant,
  { organizationId, rows }: { organizationId: string; rows: readonly NamedRow[] },
): Promise<FoundContact[] | 'elsewhere'> {
  const ids = rows.flatMap(({ id }) => id ?? []);
  const emails = rows.flatMap((row) => row.emails);
  const pages = [...new Set(rows.flatMap(({ linkedin }) => linkedin ?? []))];
  const ways = [
    ...(ids.length > 0 ? [sql`select unnest(${ids}::uuid[])`] : []),
    ...(emails.length > 0 ? [idsByEmail(organizationId, sql`${emails}::text[]`)] : []),
    ...(pages.length > 0
      ? [
          // A limit in place of the number would mislead the planner to walk an index of all contacts.
          sql`select id from (
            select id, row_number() over (partition by linkedin_key) as number from contacts
              where organization_id = ${organizationId} and linkedin_key = any (${pages}::text[]) and deleted_at is null
            ) contact where number <= ${MOST_OF_A_PAGE}`,
        ]
      : []),
  ];
  if (ways.length === 0) return [];
  const isSentBack = rows.some(({ service = {} }) => Object.keys(service).length > 0);
  const { rows: found } = await sql<FoundContact>`
    select id, version, deleted_at as "deletedAt", email, email_key as "emailKey", other_emails as "otherEmails",
        other_email_keys as "otherEmailKeys", phone, other_phones as "otherPhones", linkedin_key as "linkedinKey", tags
        ${isSentBack ? sql`, document` : sql``}
      from contacts where organization_id = ${organizationId} and id = any (array(${sql.join(ways, sql` union all `)}))
      order by id for no key update`.execute(trx);
  const unknown = ids.filter((id) => !found.some((contact) => contact.id === id));
  return unknown.length > 0 && (await isElsewhere(trx, unknown)) ? 'elsewhere' : found;
}

async function isElsewhere(trx: Tenant, ids: readonly string[]): Promise<boolean> {
  const { rows } = await sql`select from unnest(${ids}::uuid[]) id where introzy_contact_exists(id) limit 1`.execute(
    trx,
  );
  return rows.length > 0;
}

const failure = (error: string, path: string, details?: UpsertFailure['details']): UpsertFailure => ({
  error,
  issues: [{ path: [path], message: error }],
  ...(details && { details }),
});

/**
 * Chooses the contact that a row names: by id and any email, or else by LinkedIn address. `undefined` where the row is a
 * new contact; a failure where the row names none that can be changed, or several.
 */
export function chooseNamed(row: NamedRow, found: readonly FoundContact[]): FoundContact | UpsertFailure | undefined {
  const byId = found.find(({ id }) => id === row.id);
  if (row.id !== undefined && !byId) return failure('There is no contact with this id', 'id');
  if (byId?.deletedAt) {
    return failure('The contact is deleted: restore it first', 'id', { deletedAt: byId.deletedAt });
  }
  const living = found.filter(({ deletedAt }) => deletedAt === null);
  const hasEmail = ({ emailKey, otherEmailKeys }: FoundContact) =>
    row.emails.some((email) => email === emailKey || otherEmailKeys.includes(email));
  const named = new Set([...(byId ? [byId] : []), ...living.filter(hasEmail)]);
  if (named.size === 0 && row.linkedin !== null) {
    for (const contact of living) if (contact.linkedinKey === row.linkedin) named.add(contact);
    if (named.size > 1) return severalFit('linkedinUrl', named);
  }
  if (named.size > 1) return severalFit('email', named);
  return [...named][0];
}

const severalFit = (path: string, contacts: Iterable<FoundContact>) =>
  failure('The row fits several contacts: see details.ids', path, { ids: Array.from(contacts, ({ id }) => id) });
