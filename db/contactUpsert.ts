import { type Insertable, type RawBuilder, type SqlBool, sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { failedRow, type UpsertRow } from '../shared/contactRows.ts';
import { eachOnce, MOST_OTHERS, MOST_TAGS, type UpsertResult } from '../shared/contacts.ts';
import type { Issue } from '../shared/errors.ts';
import { inTransaction, type Tenant } from './admission.ts';
import { upsertedAddresses, withWholePairs } from './contactAddresses.ts';
import { BLANK, bumpIf, CONTACT_FORM, completeRow, isSeen, toColumns } from './contactColumns.ts';
import { chooseNamed, type FoundContact, lockNamed, type NamedRow, toNamed } from './contactMatch.ts';
import { ADDED, keepCase } from './contactTags.ts';
import { FIELDS_TOO_LARGE, patchedFields } from './customFields.ts';
import { DatabaseUnavailable, FieldsTooLarge, isEmailTaken } from './errors.ts';
import type { Outcome } from './outcome.ts';
import type { Schema } from './schema.ts';
import { isSearched, lineOf, type SearchedField, withLines } from './searchText.ts';
import { issuesOfChanged } from './serviceFields.ts';

export interface Upsert {
  organizationId: string;
  rows: UpsertRow[];
  /** Add to an existing contact: `null` changes nothing, and tags, custom fields, other emails and phones are added. */
  merge?: boolean | undefined;
}

type Columns = Insertable<Schema['contacts']>;
type Pending = NamedRow & { newId: string };
/** A row as the statement writes the row. */
interface Write {
  index: number;
  contact: FoundContact | undefined;
  columns: Columns;
  /** The columns that the row gives. An existing contact keeps its values in all other columns. */
  given: ReadonlySet<string>;
  /** The row's custom fields, a JSON merge patch, where the patch takes fields away. `columns` has them without nulls. */
  patch: string | undefined;
}

/** Calls at once may create the contact that a row names: then the row changes the contact at the next attempt. */
const ATTEMPTS = 10;

/**
 * Adds a contact for each row, or writes the row's fields to the contact that the row names: see contactMatch.ts. The
 * rows take effect in their order. A row fails alone that names several contacts, has too many or too large values with
 * those of its contact, or sends back a changed value of a field that the service sets; where a row cannot be written for
 * another reason, no row is written. Failure: `elsewhere`, where an id is another organization's contact.
 */
export async function upsertContacts(db: Tenant, upsert: Upsert): Promise<Outcome<UpsertResult[]>> {
  let pending = upsert.rows.map((row) => ({ ...toNamed(row), newId: uuidv7() }));
  const failed: UpsertResult[] = [];
  for (let attempt = 1; ; ) {
    try {
      const written = await inSavepoint(db, (trx) => upsertAll(trx, upsert, pending));
      return 'failure' in written ? written : [...written, ...failed];
    } catch (error) {
      if (error instanceof RowTooLarge) {
        failed.push(failedRow(error.index, [FIELDS_TOO_LARGE]));
        pending = pending.filter(({ index }) => index !== error.index);
        continue;
      }
      if (!isEmailTaken(error)) throw error;
      if (attempt === ATTEMPTS) throw new DatabaseUnavailable('Other calls go on taking the emails', { cause: error });
      attempt += 1;
    }
  }
}

/** A row's custom fields are too large with those of its contact. */
class RowTooLarge extends Error {
  readonly index: number;
  constructor(index: number) {
    super('The custom fields of a row are too large');
    this.index = index;
  }
}

/** Runs `work` in a transaction; in a transaction, behind a savepoint: the transaction outlives a failure of `work`. */
async function inSavepoint<T>(db: Tenant, work: (trx: Tenant) => Promise<T>): Promise<T> {
  if (!db.isTransaction) return await inTransaction(db, work);
  await sql`savepoint upsert`.execute(db);
  try {
    const done = await work(db);
    await sql`release savepoint upsert`.execute(db);
    return done;
  } catch (error) {
    await sql`rollback to savepoint upsert`.execute(db);
    throw error;
  }
}

async function upsertAll(
  trx: Tenant,
  { organizationId, merge = false }: Upsert,
  pending: Pending[],
): Promise<Outcome<UpsertResult[]>> {
  await lockEmails(trx, organizationId, pending);
  const newDocument = JSON.stringify({ organizationId });
  const results: UpsertResult[] = [];
  for (let rows = pending; rows.length > 0; ) {
    const found = await lockNamed(trx, { organizationId, rows });
    if (found === 'elsewhere') return { failure: 'elsewhere' };
    const { ready, waiting } = toBatch(rows, found);
    const writes: Write[] = [];
    for (const { row, contact } of ready) {
      const { index } = row;
      if (contact && 'error' in contact) {
        results.push({ index, outcome: 'failed', ...contact });
        continue;
      }
      const write = toWrite(row, { organizationId, contact, merge });
      const { document = newDocument } = contact ?? {};
      const issues = [...issuesOfChanged(row.service ?? {}, document), ...findExcess(write, merge)];
      if (issues.length === 0) writes.push(write);
      else results.push(failedRow(index, issues));
    }
    if (writes.length > 0) results.push(...(await insertOrUpdate(trx, writes, merge)));
    rows = waiting;
  }
  return results;
}

/**
 * Takes the locks of the rows' emails, as the trigger `introzy_take_emails` does for each row: many rows at once, in an
 * order that all calls keep to.
 */
async function lockEmails(trx: Tenant, organizationId: string, rows: readonly NamedRow[]) {
  const emails = rows.flatMap((row) => row.emails);
  if (emails.length < 2) return;
  const others = rows.flatMap(({ input, emails: keys }) => (input.email ? keys.slice(1) : keys));
  await sql`select introzy_lock_emails(${organizationId}, ${emails}::text[], ${others}::text[])`.execute(trx);
}

/**
 * Takes the rows that a statement can write: no two of them name the same contact, nor have an email or a LinkedIn address
 * in common. The others wait, as what they name may change.
 */
function toBatch(rows: Pending[], found: readonly FoundContact[]) {
  const named = new Set<string>();
  const ready: { row: Pending; contact: ReturnType<typeof chooseNamed> }[] = [];
  const waiting: Pending[] = [];
  for (const row of rows) {
    const contact = chooseNamed(row, found);
    const ids = contact === undefined ? [] : 'error' in contact ? (contact.details?.ids ?? []) : [contact.id];
    const page = row.linkedin === null ? [] : [`linkedin ${row.linkedin}`];
    const names = [...ids, ...row.emails, ...page];
    if (names.some((name) => named.has(name))) waiting.push(row);
    else ready.push({ row, contact });
    for (const name of names) named.add(name);
  }
  return { ready, waiting };
}

function toWrite(
  row: Pending,
  { organizationId, contact, merge }: { organizationId: string; contact: FoundContact | undefined; merge: boolean },
): Write {
  const addresses = contact && upsertedAddresses(row, contact, merge);
  const input = withWholePairs({ ...row.input, ...addresses }, contact);
  const written = toColumns(input);
  const columns = completeRow({ organizationId, id: contact?.id ?? row.newId }, input, written);
  const given = new Set(Object.keys(merge ? { ...BLANK, ...written } : written));
  if (row.isNameGuess) for (const column of NAME) given.delete(column);
  if (input.customFields === undefined) given.delete('custom_fields');
  const patch = JSON.stringify(input.customFields);
  return { index: row.index, contact, columns, given, patch: patch === columns.custom_fields ? undefined : patch };
}

/** With those of its contact, a row of a merge may have more others or tags than a contact can have. */
function findExcess({ columns, contact }: Write, merge: boolean): Issue[] {
  const { other_emails: otherEmails = [], other_phones: otherPhones = [], tags: added = [] } = columns;
  const present = (merge && contact?.tags) || [];
  const tags = present.length === 0 ? added : eachOnce([...present, ...added]);
  const counts = [
    ['otherEmails', otherEmails.length, MOST_OTHERS],
    ['otherPhones', otherPhones.length, MOST_OTHERS],
    // A contact that has too many tags from before may be changed in other fields.
    ['tags', tags.length > present.length ? tags.length : 0, MOST_TAGS],
  ] as const;
  return counts.flatMap(([field, count, most]) =>
    count <= most ? [] : [{ path: [field], message: `Must be at most ${most}, with those that the contact has` }],
  );
}

/** Writes a batch in the order of the emails, so that two calls at once add their contacts in the same order. */
async function insertOrUpdate(db: Tenant, batch: Write[], merge: boolean): Promise<UpsertResult[]> {
  const rows = batch.map(({ columns }) => columns).sort((a, b) => (String(a.email_key) < String(b.email_key) ? -1 : 1));
  const writtenValue = merge ? mergedValue : replacingValue;
  const newValue = (column: string) =>
    ifGiven(batch, column, { value: column === 'custom_fields' ? patchedBy(batch) : writtenValue(column) });
  const written = WRITTEN.filter((column) => batch.some(({ given }) => given.has(column)));
  const seen = written.filter(isSeen);
  const distinct = seen.map((column) => sql`${sql.ref(`contacts.${column}`)} is distinct from ${newValue(column)}`);
  const changed: RawBuilder<SqlBool> = sql`(${sql.join(distinct, sql` or `)})`;
  const changes = await db
    .insertInto('contacts')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .columns(['organization_id', 'id'])
        .doUpdateSet({
          ...Object.fromEntries(written.map((column) => [column, newValue(column)])),
          ...keptForSearch(batch, written, merge),
          ...bumpIf(changed),
          form: -CONTACT_FORM,
        })
        .where(changed),
    )
    .returning(['id', 'version'])
    .execute()
    .catch((error: unknown) => {
      const row = error instanceof FieldsTooLarge && batch.find(({ columns }) => columns.id === error.row);
      throw row ? new RowTooLarge(row.index) : error;
    });
  return batch.map(({ index, contact, columns }) => {
    const change = changes.find(({ id }) => id === columns.id);
    if (change) return { index, outcome: contact ? 'updated' : 'created', ...change };
    // The statement wrote each new contact, and the row of an existing contact that the lock keeps as it was read.
    const { id, version } = contact as FoundContact;
    return { index, outcome: 'unchanged', id, version };
  });
}

/** What an existing contact keeps beside the columns `written`, so that the contact is found by them. */
function keptForSearch(batch: Write[], written: readonly string[], merge: boolean) {
  const lines = written
    .map(fieldOf)
    .filter(isSearched)
    .map((field) => {
      const value = merge ? mergedLine(field) : lineOf(field, 'excluded.folded');
      return [
        field,
        ifGiven(batch, columnOf[field] ?? field, { value, present: lineOf(field, 'contacts.folded') }),
      ] as const;
    });
  const keys = {
    value: merge ? ADDED.keys : sql<string[]>`excluded.tag_keys`,
    present: sql<string[]>`contacts.tag_keys`,
  };
  return {
    ...(lines.length > 0 && { folded: withLines(Object.fromEntries(lines)) }),
    ...(written.includes('tags') && { tag_keys: ifGiven(batch, 'tags', keys) }),
  };
}

/** An existing contact's new value: `value` where the row gives the column, else the present value. */
function ifGiven<T>(
  batch: Write[],
  column: string,
  { value, present = sql.ref(`contacts.${column}`) }: { value: RawBuilder<T>; present?: RawBuilder<T> },
): RawBuilder<T> {
  const giving = batch.filter(({ given }) => given.has(column));
  if (giving.length === batch.length) return value;
  const ids = giving.map(({ columns }) => columns.id);
  return sql`case when excluded.id = any (${ids}::uuid[]) then ${value} else ${present} end`;
}

/** An existing contact's custom fields with the patch of its row. A row without a patch of its own has no nulls. */
function patchedBy(batch: Write[]) {
  const patches = batch.flatMap(({ patch, columns }) => (patch === undefined ? [] : [{ id: columns.id, patch }]));
  const own = sql`(select patch::jsonb from unnest(${patches.map(({ id }) => id)}::uuid[], ${patches.map(({ patch }) => patch)}::text[])
    given (id, patch) where given.id = excluded.id)`;
  return patchedFields(
    patches.length === 0 ? excluded('custom_fields') : sql`coalesce(${own}, excluded.custom_fields)`,
    excluded('id'),
  );
}

const excluded = (column: string): RawBuilder<unknown> => sql.ref(`excluded.${column}`);
const replacingValue = (column: string) =>
  column === 'tags' ? keepCase(sql.ref('excluded.tags'), sql.ref('excluded.tag_keys')) : excluded(column);
const mergedValue = (column: string) =>
  merged[column] ?? sql`coalesce(${excluded(column)}, ${sql.ref(`contacts.${column}`)})`;
const merged: Record<string, RawBuilder<unknown>> = {
  tags: ADDED.tags,
  linkedin_key: sql`case when excluded.linkedin_url is null then contacts.linkedin_key else excluded.linkedin_key end`,
  // A row has its contact's emails and phones as the merge leaves them: see `upsertedAddresses`.
  ...Object.fromEntries(
    ['email', 'email_key', 'other_emails', 'other_email_keys', 'phone', 'other_phones', 'phone_keys'].map((column) => [
      column,
      excluded(column),
    ]),
  ),
};
const mergedLine = (field: SearchedField) =>
  field === 'tags'
    ? ADDED.line
    : ADDRESSES.has(field)
      ? lineOf(field, 'excluded.folded')
      : sql<string>`case when ${excluded(field)} is null then ${lineOf(field, 'contacts.folded')} else ${lineOf(field, 'excluded.folded')} end`;

const NAME = ['name', 'name_key', 'name_fold'];
const WRITTEN = [...NAME, ...Object.keys(BLANK)];

const columnOf: { [K in SearchedField]?: string } = { otherEmails: 'other_emails', otherPhones: 'other_phones' };
const fieldOf = (column: string) => Object.entries(columnOf).find(([, own]) => own === column)?.[0] ?? column;
const ADDRESSES = new Set<SearchedField>(['email', 'otherEmails', 'phone', 'otherPhones']);
