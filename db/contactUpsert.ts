import { type Insertable, type RawBuilder, type SqlBool, sql } from 'kysely';
import { type FailedRow, failedRow, type UpsertRow } from '../shared/contactRows.ts';
import type { ServiceFields } from '../shared/serviceFields.ts';
import { inTransaction, type Tenant } from './admission.ts';
import { BLANK, bumpIf, CONTACT_FORM, toColumns, toRow } from './contacts.ts';
import { ADDED, keepCase } from './contactTags.ts';
import { FIELDS_TOO_LARGE, patchedFields } from './customFields.ts';
import { FieldsTooLarge } from './errors.ts';
import type { Schema } from './schema.ts';
import { isSearched, lineOf, type SearchedField, withLines } from './searchText.ts';
import { issuesOfChanged } from './serviceFields.ts';

export interface Upserted {
  index: number;
  outcome: 'created' | 'updated' | 'unchanged';
  id: string;
  version: number;
}

export interface Upsert {
  organizationId: string;
  rows: UpsertRow[];
  /** Add to an existing contact: `null` changes nothing, and tags and custom fields are added. */
  merge?: boolean | undefined;
}

type Columns = Insertable<Schema['contacts']>;
interface Pending {
  index: number;
  columns: Columns;
  /** The columns that the row gives. An existing contact keeps its values in all other columns. */
  given: ReadonlySet<string>;
  /** The row's custom fields, a JSON merge patch, where the patch takes fields away. `columns` has them without nulls. */
  patch: string | undefined;
  service: ServiceFields;
}
type PendingUpsert = Omit<Upsert, 'rows'> & { pending: Pending[] };

/**
 * As `writeRows`, but a row fails alone whose custom fields would be too large, or that sends back a changed value of a
 * field that the service sets.
 */
export async function upsertContacts(db: Tenant, { rows, ...upsert }: Upsert): Promise<(Upserted | FailedRow)[]> {
  const failed: FailedRow[] = [];
  for (let left = rows; ; ) {
    const pending = left.map((row) => toPending(upsert, row));
    try {
      return [...(await writeUnchanged(db, { ...upsert, pending })), ...failed];
    } catch (error) {
      const index = error instanceof FieldsTooLarge && pending.find(({ columns }) => columns.id === error.row)?.index;
      if (typeof index !== 'number') throw error;
      failed.push(failedRow(index, [FIELDS_TOO_LARGE]));
      left = left.filter((row) => row.index !== index);
    }
  }
}

/** Writes the rows but those that send back a changed value of a field that the service sets: these fail. */
async function writeUnchanged(db: Tenant, { organizationId, pending, merge }: PendingUpsert) {
  if (pending.every(({ service }) => Object.keys(service).length === 0)) {
    return await writeRows(db, { organizationId, pending, merge });
  }
  return await inTransaction(db, async (trx) => {
    const found = await findByEmails(trx, organizationId, pending);
    const newDocument = JSON.stringify({ organizationId });
    const failed = pending.flatMap(({ index, service, columns }) => {
      const { document = newDocument } = found.find((row) => isSame(row, columns)) ?? {};
      const issues = issuesOfChanged(service, document);
      return issues.length > 0 ? [failedRow(index, issues)] : [];
    });
    const left = pending.filter((row) => !failed.some(({ index }) => index === row.index));
    return [...(await writeRows(trx, { organizationId, pending: left, merge })), ...failed];
  });
}

function toPending({ organizationId, merge = false }: Omit<Upsert, 'rows'>, row: UpsertRow): Pending {
  const { index, input, isNameGuess = false, service = {} } = row;
  const written = toColumns(input);
  const columns = toRow(organizationId, input);
  const given = new Set(Object.keys(merge ? { ...BLANK, ...written } : written));
  if (isNameGuess) for (const column of ['name', 'name_key']) given.delete(column);
  if (input.customFields === undefined) given.delete('custom_fields');
  const patch = JSON.stringify(input.customFields);
  return { index, columns, given, service, patch: patch === columns.custom_fields ? undefined : patch };
}

/**
 * Adds a contact for each row, or writes the row's fields where a contact of the same email exists. Where a row cannot be
 * written, no row is written. A row without an email always adds a contact. Where two rows have the same email, the later
 * row overwrites the earlier row.
 */
async function writeRows(db: Tenant, { organizationId, pending, merge = false }: PendingUpsert): Promise<Upserted[]> {
  const batches = toBatches(pending);
  const run = async (trx: Tenant) => {
    const done: Upserted[] = [];
    for (const batch of batches) done.push(...(await upsertBatch(trx, { organizationId, batch, merge })));
    return done;
  };
  // The rows of a single batch are written by a single statement: a transaction would only lock the rows for longer. The
  // look-up of unchanged rows may fail after the write: then the caller repeats the call, and finds every row unchanged.
  return batches.length > 1 ? await inTransaction(db, run) : await run(db);
}

/**
 * Splits rows into batches that a statement can write: an email occurs at most once in a batch. The first batch has
 * every email, and every row without an email. Within a batch the order of the rows does not count.
 */
function toBatches(pending: Pending[]): Pending[][] {
  const seen = new Map<string, number>();
  const batches: Pending[][] = [];
  for (const row of pending) {
    const { email_key: email } = row.columns;
    const occurrence = email ? (seen.get(email) ?? 0) : 0;
    if (email) seen.set(email, occurrence + 1);
    (batches[occurrence] ??= []).push(row);
  }
  return batches;
}

async function upsertBatch(
  db: Tenant,
  { organizationId, batch, merge }: { organizationId: string; batch: Pending[]; merge: boolean },
): Promise<Upserted[]> {
  const done: Upserted[] = [];
  let pending = batch;
  while (pending.length > 0) {
    const written = await insertOrUpdate(db, pending, merge);
    const rest = pending.filter(({ columns }) => !written.some((row) => isSame(row, columns)));
    // A row that was not written has an equal contact. Where the contact was deleted since, the loop tries again.
    const found = rest.length === 0 ? [] : await findByEmails(db, organizationId, rest);
    for (const { index, columns } of pending) {
      const row = written.find((candidate) => isSame(candidate, columns));
      const equal = found.find((candidate) => isSame(candidate, columns));
      if (row) {
        done.push({ index, outcome: row.created ? 'created' : 'updated', id: row.id, version: row.version });
      } else if (equal) {
        done.push({ index, outcome: 'unchanged', id: equal.id, version: equal.version });
      }
    }
    pending = rest.filter(({ columns }) => !found.some((row) => isSame(row, columns)));
  }
  return done;
}

interface FoundRow {
  id: string;
  version: number;
  email_key: string | null;
}

const isSame = (row: FoundRow, columns: Columns) =>
  row.email_key === null ? row.id === columns.id : row.email_key === columns.email_key;

/** Writes a batch in the order of the emails, so that two calls at once lock their rows in the same order. */
async function insertOrUpdate(
  db: Tenant,
  batch: Pending[],
  merge: boolean,
): Promise<(FoundRow & { created: boolean })[]> {
  const rows = batch.map(({ columns }) => columns).sort((a, b) => (String(a.email_key) < String(b.email_key) ? -1 : 1));
  const writtenValue = merge ? mergedValue : replacingValue;
  const newValue = (column: string) =>
    ifGiven(batch, column, { value: column === 'custom_fields' ? patchedBy(batch) : writtenValue(column) });
  const written = WRITTEN.filter((column) => batch.some(({ given }) => given.has(column)));
  const distinct = written.map((column) => sql`${sql.ref(`contacts.${column}`)} is distinct from ${newValue(column)}`);
  const changed: RawBuilder<SqlBool> = sql`(${sql.join(distinct, sql` or `)})`;
  return await db
    .insertInto('contacts')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .columns(['organization_id', 'email_key'])
        .where('deleted_at', 'is', null)
        .doUpdateSet({
          ...Object.fromEntries(written.map((column) => [column, newValue(column)])),
          ...keptForSearch(batch, written, merge),
          ...bumpIf(changed),
          form: -CONTACT_FORM,
        })
        .where(changed),
    )
    // `xmax` is the transaction that deleted or locked a row version: 0 for an inserted row, not 0 for an updated row.
    .returning(['id', 'version', 'email_key', sql<boolean>`xmax = 0`.as('created')])
    .execute();
}

/** What an existing contact keeps beside the columns `written`, so that the contact is found by them. */
function keptForSearch(batch: Pending[], written: readonly string[], merge: boolean) {
  const lines = written.filter(isSearched).map((field) => {
    const value = merge ? mergedLine(field) : lineOf(field, 'excluded.folded');
    return [field, ifGiven(batch, field, { value, present: lineOf(field, 'contacts.folded') })] as const;
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
  batch: Pending[],
  column: string,
  { value, present = sql.ref(`contacts.${column}`) }: { value: RawBuilder<T>; present?: RawBuilder<T> },
): RawBuilder<T> {
  const giving = batch.filter(({ given }) => given.has(column));
  if (giving.length === batch.length) return value;
  const emails = giving.map(({ columns }) => columns.email_key).filter((email) => email !== null);
  return sql`case when excluded.email_key = any (${emails}::text[]) then ${value} else ${present} end`;
}

/** An existing contact's custom fields with the patch of its row. A row without a patch of its own has no nulls. */
function patchedBy(batch: Pending[]) {
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
};
const mergedLine = (field: SearchedField) =>
  field === 'tags'
    ? ADDED.line
    : sql<string>`case when ${excluded(field)} is null then ${lineOf(field, 'contacts.folded')} else ${lineOf(field, 'excluded.folded')} end`;

const WRITTEN = ['name', 'name_key', ...Object.keys(BLANK)];

/** Within a transaction, nobody else changes the contacts until its end. */
async function findByEmails(db: Tenant, organizationId: string, rows: Pending[]) {
  return await db
    .selectFrom('contacts')
    .select(['id', 'version', 'email_key', 'document'])
    .where('organization_id', '=', organizationId)
    .where('email_key', '=', sql<string>`any (${rows.map(({ columns }) => columns.email_key)}::text[])`)
    .where('deleted_at', 'is', null)
    .orderBy('email_key')
    .$if(db.isTransaction, (query) => query.forNoKeyUpdate())
    .execute();
}
