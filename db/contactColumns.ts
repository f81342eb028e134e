import { type Insertable, type RawBuilder, type SqlBool, sql, type Updateable, type UpdateObject } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { ContactInput, ContactUpdate } from '../shared/contacts.ts';
import { caseless, comparable } from '../shared/fold.ts';
import { linkedinKey } from '../shared/linkedin.ts';
import { withoutNulls } from '../shared/mergePatch.ts';
import { keysOfPhones, withWholePairs } from './contactAddresses.ts';
import { keepCase } from './contactTags.ts';
import { patchedFields } from './customFields.ts';
import { toCompanyFold, toNameFold } from './foldedKeys.ts';
import type { Schema } from './schema.ts';
import { isSearched, type SearchedField, toFolded, toLine, withLines } from './searchText.ts';

/**
 * The form in which this version writes `folded` and the columns of keys. Since form 2 a contact has `folded`, `tag_keys`,
 * `phone_keys`, `linkedin_key`, `company_fold` and `name_fold`. A change of the form, by shared/fold.ts too, takes a higher
 * number and an index like `contacts_before_form_2`; contactForm.ts then makes all contacts anew. Each statement that writes
 * these columns names the form: an insertion the form, an update the form with a minus, so that the trigger
 * `introzy_keep_contact` can tell such an update from the update of a version that knows no form.
 */
export const CONTACT_FORM = 2;

export type NewRow = Insertable<Schema['contacts']>;

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

/** True where the row differs from any of `columns`. */
function isAnyDistinct(columns: object): RawBuilder<SqlBool> {
  const seen = Object.entries(columns).filter(([column]) => isSeen(column));
  const distinct = seen.map(([column, value]) => sql`${sql.ref(column)} is distinct from ${value}`);
  return distinct.length === 0 ? sql`false` : sql`(${sql.join(distinct, sql` or `)})`;
}

/** All columns of a new contact. */
export function toRow(organizationId: string, given: ContactInput): NewRow {
  const input = withWholePairs(given);
  return completeRow({ organizationId, id: uuidv7() }, input, toColumns(input));
}

/** All columns of a contact of these fields, which fill `columns`. */
export const completeRow = (
  { organizationId, id }: { organizationId: string; id: string },
  input: ContactInput,
  columns: ReturnType<typeof toColumns>,
): NewRow => {
  const own = { organization_id: organizationId, id, form: CONTACT_FORM };
  const kept = { folded: toFolded(input), tag_keys: (input.tags ?? []).map(caseless) };
  return { ...BLANK, ...columns, ...own, ...kept } as NewRow;
};
