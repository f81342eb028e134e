import { type SqlBool, sql } from 'kysely';
import type { Contact, ContactInput, ContactUpdate } from '../shared/contacts.ts';
import { decodeDocument } from '../shared/encoded.ts';
import type { ServiceFields } from '../shared/serviceFields.ts';
import { inTransaction, type Tenant } from './admission.ts';
import {
  keysOfEmails,
  lockAddresses,
  needsAddresses,
  type Taking,
  unlessEmailTaken,
  withWholePairs,
} from './contactAddresses.ts';
import { BLANK, bumpIf, type NewRow, toChange, toRow, toUpdate } from './contactColumns.ts';
import { shownDocument } from './contactPage.ts';
import { FIELDS_TOO_LARGE } from './customFields.ts';
import { FieldsTooLarge } from './errors.ts';
import type { Failure, Outcome } from './outcome.ts';
import { prepared } from './prepared.ts';
import { isAsSent, issuesOfChanged } from './serviceFields.ts';

interface ContactId {
  organizationId: string;
  id: string;
}

const selectContact = prepared<ContactId, { document: string }>(
  (db, parameter) =>
    db
      .selectFrom('contacts')
      .select(shownDocument.as('document'))
      .where('organization_id', '=', parameter('organizationId'))
      .where('id', '=', parameter('id'))
      .where('deleted_at', 'is', null)
      .compile(),
  { mayShare: true },
);

/** Reads a contact that is not deleted. Failures: `absent`; `elsewhere` for another organization's contact. */
export async function getContact(db: Tenant, { organizationId, id }: ContactId): Promise<Outcome<Contact>> {
  const [row] = await selectContact(db, { organizationId, id });
  return row ? decodeDocument<Contact>(row.document) : await explainAbsence(db, { organizationId, id });
}

const insertRow = prepared<NewRow, { document: string }>((db, parameter) => {
  const own = ['organization_id', 'id', 'form', 'folded', 'tag_keys', 'name', 'name_key', 'name_fold'];
  const columns = [...own, ...Object.keys(BLANK)] as (keyof NewRow)[];
  const row = Object.fromEntries(columns.map((column) => [column, parameter(column)])) as unknown as NewRow;
  return db.insertInto('contacts').values(row).returning('document').compile();
});

/** Adds a contact. Failure: `emailTaken`. */
export async function insertContact(
  db: Tenant,
  { organizationId, input }: { organizationId: string; input: ContactInput },
): Promise<Outcome<Contact>> {
  const row = toRow(organizationId, input);
  return await unlessRefused(db, { organizationId, keys: sql`${keysOfEmails(input)}::text[]` }, async () => {
    const [inserted] = await insertRow(db, row);
    return decodeDocument<Contact>((inserted as { document: string }).document);
  });
}

/** The version that a contact must have for a change; of several, any. */
type ExpectedVersion = number | readonly number[];

export interface ContactChange extends ContactId {
  changes: ContactUpdate;
  expectedVersion?: ExpectedVersion | undefined;
  /** Fields that the service sets, as the caller sends them back. Where any differs, nothing is written. */
  service?: ServiceFields | undefined;
}

/**
 * Writes the given fields of a contact that is not deleted. The version grows only where a field's value differs from
 * the stored value. Failures: `absent`, `elsewhere`, `version`, `emailTaken`, `invalid`.
 */
export async function updateContact(db: Tenant, change: ContactChange): Promise<Outcome<Contact>> {
  const { organizationId, id, changes } = change;
  const keys = sql<string[]>`${keysOfEmails(changes)}::text[]`;
  return await unlessRefused(db, { organizationId, id, keys }, async () => {
    if (!needsAddresses(changes)) return await writeChange(db, { ...change, changes: withWholePairs(changes) });
    return await inTransaction(db, async (trx) => {
      const present = await lockAddresses(trx, { organizationId, id });
      return await writeChange(trx, { ...change, changes: withWholePairs(changes, present) });
    });
  });
}

async function writeChange(
  db: Tenant,
  { organizationId, id, changes, expectedVersion, service = {} }: ContactChange,
): Promise<Outcome<Contact>> {
  const row = await db
    .updateTable('contacts')
    .set(toUpdate(toChange(changes)))
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .$if(expectedVersion !== undefined, (query) => query.where(isAtVersion(expectedVersion as ExpectedVersion)))
    .$if(Object.keys(service).length > 0, (query) => query.where(isAsSent(service)))
    .returning('document')
    .executeTakeFirst();
  return row
    ? decodeDocument<Contact>(row.document)
    : await explainUnchanged(db, { organizationId, id, expectedVersion, service });
}

/** Marks a contact as deleted. A second call changes nothing. Failures: `absent`, `elsewhere`, `version`. */
export async function deleteContact(
  db: Tenant,
  { organizationId, id, expectedVersion }: ContactId & Pick<ContactChange, 'expectedVersion'>,
): Promise<Outcome<Contact>> {
  const row = await db
    .updateTable('contacts')
    .set({ deleted_at: sql<Date>`coalesce(deleted_at, now())`, ...bumpIf(sql`deleted_at is null`) })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .$if(expectedVersion !== undefined, (query) => query.where(isAtVersion(expectedVersion as ExpectedVersion)))
    .returning('document')
    .executeTakeFirst();
  return row
    ? decodeDocument<Contact>(row.document)
    : await explainAbsence(db, { organizationId, id, includeDeleted: true, isExpected: true });
}

/** Undoes a deletion. A contact that is not deleted stays unchanged. Failures: `absent`, `elsewhere`, `emailTaken`. */
export async function restoreContact(db: Tenant, { organizationId, id }: ContactId): Promise<Outcome<Contact>> {
  const keys = sql<string[]>`(
    select email_key || other_email_keys from contacts where organization_id = ${organizationId} and id = ${id})::text[]`;
  return await unlessRefused(db, { organizationId, id, keys }, async () => {
    const row = await db
      .updateTable('contacts')
      .set({ deleted_at: null, ...bumpIf(sql`deleted_at is not null`) })
      .where('organization_id', '=', organizationId)
      .where('id', '=', id)
      .returning('document')
      .executeTakeFirst();
    return row ? decodeDocument<Contact>(row.document) : await explainAbsence(db, { organizationId, id });
  });
}

/** Compares as bigint, because a caller's number may be larger than the column's type, integer, can hold. */
const isAtVersion = (expected: ExpectedVersion) => sql<SqlBool>`version = any(${[expected].flat()}::bigint[])`;

/** As `unlessEmailTaken`; where the custom fields would be too large, answers `invalid`. */
async function unlessRefused(
  db: Tenant,
  taking: Taking,
  write: () => Promise<Outcome<Contact>>,
): Promise<Outcome<Contact>> {
  try {
    return await unlessEmailTaken(db, taking, write);
  } catch (error) {
    if (!(error instanceof FieldsTooLarge)) throw error;
    return { failure: 'invalid', issues: [FIELDS_TOO_LARGE] };
  }
}

/**
 * Why no contact of this id could be read or changed: deleted, at another version, another organization's, or unknown. A
 * contact is at another version only where the caller expected a version or values (`isExpected`).
 */
async function explainAbsence(
  db: Tenant,
  {
    organizationId,
    id,
    includeDeleted = false,
    isExpected = false,
  }: ContactId & { includeDeleted?: boolean; isExpected?: boolean },
): Promise<Failure> {
  const { rows } = await sql<{ version: number | null; deletedAt: Date | null; exists: boolean }>`
    select version, deleted_at as "deletedAt", introzy_contact_exists(${id}) as exists
      from (values (0)) one left join contacts on organization_id = ${organizationId} and id = ${id}`.execute(db);
  const { version = null, deletedAt, exists } = rows[0] ?? {};
  if (version === null) return { failure: exists ? 'elsewhere' : 'absent' };
  if (deletedAt && !includeDeleted) return { failure: 'absent', deletedAt };
  // Without an expectation the contact was deleted when the caller looked, and has been restored since.
  return isExpected ? { failure: 'version', currentVersion: version } : { failure: 'absent' };
}

/** Why an update wrote nothing: as `explainAbsence` says, or because fields that the service sets were changed. */
async function explainUnchanged(
  db: Tenant,
  { organizationId, id, expectedVersion, service = {} }: Omit<ContactChange, 'changes'>,
): Promise<Failure> {
  const expected = expectedVersion === undefined ? undefined : [expectedVersion].flat();
  const isExpected = expected !== undefined || Object.keys(service).length > 0;
  const found = await explainAbsence(db, { organizationId, id, isExpected });
  const isAtAnother = expected && 'currentVersion' in found && !expected.includes(found.currentVersion);
  if (found.failure !== 'version' || isAtAnother) return found;
  const [row] = await selectContact(db, { organizationId, id });
  const issues = row ? issuesOfChanged(service, row.document) : [];
  return issues.length > 0 ? { failure: 'invalid', issues } : found;
}
