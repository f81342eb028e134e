import { type Insertable, type RawBuilder, type SqlBool, sql, type Updateable, type UpdateObject } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { Contact, ContactInput, ContactUpdate } from '../shared/contacts.ts';
import { decodeDocument } from '../shared/encoded.ts';
import { caseless, comparable } from '../shared/fold.ts';
import { linkedinKey } from '../shared/linkedin.ts';
import { withoutNulls } from '../shared/mergePatch.ts';
import type { ServiceFields } from '../shared/serviceFields.ts';
import { inTransaction, type Tenant } from './admission.ts';
import {
  keysOfEmails,
  keysOfPhones,
  lockAddresses,
  needsAddresses,
  type Taking,
  unlessEmailTaken,
  withWholePairs,
} from './contactAddresses.ts';
import { shownDocument } from './contactPage.ts';
import { keepCase } from './contactTags.ts';
import { FIELDS_TOO_LARGE, patchedFields } from './customFields.ts';
import { FieldsTooLarge } from './errors.ts';
import { toCompanyFold, toNameFold } from './foldedKeys.ts';
import type { Failure, Outcome } from './outcome.ts';
import { prepared } from './prepared.ts';
import type { Schema } from './schema.ts';
import { isSearched, type SearchedField, toFolded, toLine, withLines } from './searchText.ts';
import { isAsSent, issuesOfChanged } from './serviceFields.ts';

interface ContactId {
  organizationId: string;
  id: string;
}

/**
 * The form in which this version writes `folded` and the columns of keys. Since form 2 a contact has `folded`, `tag_keys`,
 * `phone_keys`, `linkedin_key`, `company_fold` and `name_fold`. A change of the form, by shared/fold.ts too, takes a higher
 * number and an index like
 * `contacts_before_form_2`; contactForm.ts then makes all contacts anew. Each statement that writes these columns names
 * the form: an insertion the form, an update the form with a minus, so that the trigger `introzy_keep_contact` can tell
 * such an update from the update of a version that knows no form.
 */
export const CONTACT_FORM = 2;

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

type NewRow = Insertable<Schema['contacts']>;

const insertRow = prepared<NewRow, { document: string }>((db, parameter) => {
  const own = ['organization_id', 'id', 'form', 'folded', 'tag_keys', 'name', 'name_key', 'name_fold'];
  const columns = [...own, ...Object.keys(BLANK)] as (keyof NewRow)[];
  const row = Object.fromEntries(columns.map((column) => [column, parameter(column)])) as unknown as NewRow;
  return db.insertInto('contacts').values(row).returning('document').compile();
});

/** All columns of a new contact. */
export function toRow(organizationId: string, given: ContactInput): NewRow {
  const input = withWholePairs(given);
  return completeRow({ organizationId, id: uuidv7() }, input, toColumns(input));
}

/** All columns of a contact of these fields, which fill `columns`. */
export const completeRow = (
  { organizationId, id }: ContactId,
  input: ContactInput,
  columns: ReturnType<typeof toColumns>,
): NewRow => {
  const own = { organization_id: organizationId, id, form: CONTACT_FORM };
  const kept = { folded: toFolded(input), tag_keys: (input.tags ?? []).map(caseless) };
  return { ...BLANK, ...columns, ...own, ...kept } as NewRow;
};

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

export interface ContactChange extends ContactId {
  changes: ContactUpdate;
  expectedVersion?: number | undefined;
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
    .$if(expectedVersion !== undefined, (query) => query.where(isAtVersion(expectedVersion as number)))
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
  { organizationId, id, expectedVersion }: ContactId & { expectedVersion?: number | undefined },
): Promise<Outcome<Contact>> {
  const row = await db
    .updateTable('contacts')
    .set({ deleted_at: sql<Date>`coalesce(deleted_at, now())`, ...bumpIf(sql`deleted_at is null`) })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .$if(expectedVersion !== undefined, (query) => query.where(isAtVersion(expectedVersion as number)))
    .returning('document')
    .executeTakeFirst();
  return row
    ? decodeDocument<Contact>(row.document)
    : await explainAbsence(db, { organizationId, id, includeDeleted: true });
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

const columnOf = {
  name: 'name',
  email: 'email',
  phone: 'phone',
  otherEmails: 'other_emails',
  otherPhones: 'other_phones',
  company: 'company',
  title: 'title',
  location: 'location',
  linkedinUrl: 'linkedin_url',
  notes: 'notes',
  tags: 'tags',
  customFields: 'custom_fields',
} as const satisfies Record<keyof ContactInput, string>;

/** The column of a field in the form that is compared, such as `email_key`: `Ada@Example.com` → `ada@example.com`. */
const KEYS: { [K in keyof ContactInput]?: (value: never) => Record<string, unknown> } = {
  name: (name: string) => ({ name_key: comparable(name), name_fold: toNameFold(name) }),
  email: (email: string | null) => ({ email_key: email === null ? null : comparable(email) }),
  company: (company: string | null) => ({
    company_key: company === null ? null : comparable(company),
    company_fold: company === null ? null : toCompanyFold(company),
  }),
  otherEmails: (emails: string[]) => ({ other_email_keys: emails.map(comparable) }),
  linkedinUrl: (url: string | null) => ({ linkedin_key: url === null ? null : linkedinKey(url) }),
};

/** Columns that no caller sees: a contact in an older form has another value there, and is not changed by that. */
const UNSEEN = new Set(['phone_keys', 'linkedin_key', 'other_email_keys', 'name_fold', 'company_fold']);
export const isSeen = (column: string): boolean => !UNSEEN.has(column);

/**
 * The columns of a new contact that the given fields fill, key columns included. A field that is `undefined` fills no
 * column. Where an email or a phone is given, the others must be given too: see `withWholePairs`.
 */
export function toColumns(fields: ContactUpdate): Updateable<Schema['contacts']> {
  const columns: Record<string, unknown> = {};
  for (const [field, given] of Object.entries(fields) as [keyof ContactInput, unknown][]) {
    if (given === undefined) continue;
    columns[columnOf[field]] =
      field === 'customFields' ? JSON.stringify(withoutNulls(given as Record<string, unknown>)) : given;
    Object.assign(columns, KEYS[field]?.(given as never));
  }
  if (fields.phone !== undefined && fields.otherPhones !== undefined) {
    columns.phone_keys = keysOfPhones(fields as ContactInput);
  }
  return columns;
}

type Columns = UpdateObject<Schema, 'contacts'>;
/** The parts of an update of contacts. */
interface Change {
  /** The new values. The version grows where any of them differs. */
  columns: Columns;
  /** What is kept beside the values. */
  kept: Columns;
  /** The new lines of `folded`, by the field. */
  lines: Partial<Record<SearchedField, RawBuilder<string>>>;
}

/** The change that writes the given fields. */
export function toChange(fields: ContactUpdate): Change {
  const keys = fields.tags?.map(caseless);
  const searched = Object.entries(fields).filter(([field, value]) => value !== undefined && isSearched(field));
  const lines = searched.map(([field, value]) => [field, sql`${toLine(field as 'name', value as string)}::text`]);
  return {
    columns: {
      ...toColumns(fields),
      ...(fields.customFields && {
        custom_fields: patchedFields(sql`${JSON.stringify(fields.customFields)}::jsonb`, sql`contacts.id`),
      }),
      ...(fields.tags && { tags: keepCase(sql`${fields.tags}::text[]`, sql`${keys}::text[]`) }),
    },
    kept: { ...(keys && { tag_keys: keys }) },
    lines: Object.fromEntries(lines),
  };
}

/** True where the change gives the contact another value. */
export const isChanged = ({ columns }: Change): RawBuilder<SqlBool> => isAnyDistinct(columns);

/** What an update sets to make a change. Fields that no search looks in leave `folded`. */
export const toUpdate = ({ columns, kept, lines }: Change) => ({
  ...columns,
  ...kept,
  ...(Object.keys(lines).length > 0 && { folded: withLines(lines) }),
  ...bumpIf(isAnyDistinct(columns)),
  form: -CONTACT_FORM,
});

/** The optional fields, all empty. A new row gets all columns, so that one statement fits every row. */
export const BLANK = toColumns({
  email: null,
  phone: null,
  otherEmails: [],
  otherPhones: [],
  company: null,
  title: null,
  location: null,
  linkedinUrl: null,
  notes: null,
  tags: [],
  customFields: {},
});

/** The new version and time of a change: where `changed` is true the version grows by 1, else both columns stay. */
export const bumpIf = (changed: RawBuilder<SqlBool>) => ({
  version: sql<number>`contacts.version + case when ${changed} then 1 else 0 end`,
  updated_at: sql<Date>`case when ${changed} then now() else contacts.updated_at end`,
});

/** Compares as bigint, because a caller's number may be larger than the column's type, integer, can hold. */
const isAtVersion = (version: number) => sql<SqlBool>`version = ${version}::bigint`;

/** True where the row differs from any of `columns`. */
function isAnyDistinct(columns: object): RawBuilder<SqlBool> {
  const seen = Object.entries(columns).filter(([column]) => isSeen(column));
  const distinct = seen.map(([column, value]) => sql`${sql.ref(column)} is distinct from ${value}`);
  return distinct.length === 0 ? sql`false` : sql`(${sql.join(distinct, sql` or `)})`;
}

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
 * Why no contact of this id could be read or changed: deleted, at another version, another organization's, or unknown.
 */
async function explainAbsence(
  db: Tenant,
  { organizationId, id, includeDeleted = false }: ContactId & { includeDeleted?: boolean },
): Promise<Failure> {
  const { rows } = await sql<{ version: number | null; deletedAt: Date | null; exists: boolean }>`
    select version, deleted_at as "deletedAt", introzy_contact_exists(${id}) as exists
      from (values (0)) one left join contacts on organization_id = ${organizationId} and id = ${id}`.execute(db);
  const { version = null, deletedAt, exists } = rows[0] ?? {};
  if (version === null) return { failure: exists ? 'elsewhere' : 'absent' };
  return deletedAt && !includeDeleted
    ? { failure: 'absent', deletedAt }
    : { failure: 'version', currentVersion: version };
}

/** Why an update wrote nothing: as `explainAbsence` says, or because fields that the service sets were changed. */
async function explainUnchanged(
  db: Tenant,
  { organizationId, id, expectedVersion, service = {} }: Omit<ContactChange, 'changes'>,
): Promise<Failure> {
  const found = await explainAbsence(db, { organizationId, id });
  const isAtAnother =
    expectedVersion !== undefined && 'currentVersion' in found && found.currentVersion !== expectedVersion;
  if (found.failure !== 'version' || isAtAnother) return found;
  const [row] = await selectContact(db, { organizationId, id });
  const issues = row ? issuesOfChanged(service, row.document) : [];
  return issues.length > 0 ? { failure: 'invalid', issues } : found;
}
