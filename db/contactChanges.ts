import { sql } from 'kysely';
import { type ContactsUpdated, MOST_CHANGED } from '../shared/contactChanges.ts';
import { type ContactUpdate, eachOnce, MOST_TAGS } from '../shared/contacts.ts';
import { caseless } from '../shared/fold.ts';
import { inTransaction, type Tenant } from './admission.ts';
import { idsByEmail, keysOfPhones, withWholePairs } from './contactAddresses.ts';
import { bumpIf, isChanged, toChange, toUpdate } from './contactColumns.ts';
import { type Conditions, matches, toSought } from './contactConditions.ts';
import { findMatching } from './contactMatches.ts';
import { FIELDS_TOO_LARGE } from './customFields.ts';
import { FieldsTooLarge, isEmailTaken, isLockFailure } from './errors.ts';
import type { Failure, Outcome } from './outcome.ts';
import { toLine } from './searchText.ts';

/** A change of every contact that meets the conditions. `delete` and `restore` go alone. */
export interface ContactsChange {
  organizationId: string;
  /** With `restore` the conditions are those of deleted contacts, else of the others. */
  where: Conditions;
  set?: ContactUpdate | undefined;
  addTags?: string[] | undefined;
  removeTags?: string[] | undefined;
  delete?: boolean | undefined;
  restore?: boolean | undefined;
}

/**
 * The contacts that a statement writes. 10,000 at once would take longer than a request's statement may: 2 seconds on a
 * machine of two cores.
 */
const BATCH = 500;
/** The times that a change is tried whose locks other transactions hold. */
const ATTEMPTS = 3;

/** Ends a transaction that must write nothing. */
class Undone extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.failure);
    this.failure = failure;
  }
}

/**
 * Changes every contact that meets the conditions, or none. The version grows only where a value differs. Failures:
 * `elsewhere` and `tooManyMatches` by the conditions, `tooManyTags`, `invalid` where custom fields would be too large,
 * `emailTaken` where a contact to restore has an email that another contact has by now.
 */
export async function updateContacts(db: Tenant, change: ContactsChange): Promise<Outcome<ContactsUpdated>> {
  for (let attempt = 1; ; attempt++) {
    let ids: string[] = [];
    try {
      return await inTransaction(db, async (trx) => {
        ids = await findConcerned(trx, change);
        return await changeAll(trx, { change, ids });
      });
    } catch (error) {
      if (error instanceof Undone) return error.failure;
      if (error instanceof FieldsTooLarge) {
        const { message } = FIELDS_TOO_LARGE;
        return { failure: 'invalid', issues: [{ path: ['set', 'customFields'], message: `${message}: ${error.row}` }] };
      }
      if (isEmailTaken(error)) {
        const taken = await findTaken(db, { organizationId: change.organizationId, ids });
        if (taken) return taken;
      } else if (!isLockFailure(error) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** The ids of the contacts to change, in the order in which every change locks contacts. */
async function findConcerned(trx: Tenant, { organizationId, where, restore = false }: ContactsChange) {
  const conditions = { ...where, includeDeleted: restore, onlyDeleted: restore };
  const ids = await findMatching(trx, { organizationId, conditions, limit: MOST_CHANGED + 1 });
  if ('failure' in ids) throw new Undone(ids);
  if (ids.length > MOST_CHANGED) throw new Undone({ failure: 'tooManyMatches', count: ids.length });
  return ids.sort();
}

async function changeAll(
  trx: Tenant,
  { change, ids }: { change: ContactsChange; ids: string[] },
): Promise<ContactsUpdated> {
  let matched = 0;
  const updated: string[] = [];
  for (let start = 0; start < ids.length; start += BATCH) {
    const rows = await lock(trx, { change, ids: ids.slice(start, start + BATCH) });
    matched += rows.length;
    updated.push(...(await write(trx, { change, rows })));
  }
  return { matched, updated: updated.length, unchanged: matched - updated.length, ids: updated.sort() };
}

interface Row {
  id: string;
  tags: string[];
  phone: string | null;
  otherPhones: string[];
}

/** Locks contacts, and gives those that meet the conditions still. */
async function lock(trx: Tenant, { change, ids }: { change: ContactsChange; ids: string[] }): Promise<Row[]> {
  const { organizationId, where, restore } = change;
  const { rows } = await sql<Row>`
    select id, tags, phone, other_phones as "otherPhones" from contacts
      where organization_id = ${organizationId} and id = any (${ids}::uuid[]) and ${matches(toSought(where))}
        and deleted_at is ${restore ? sql`not null` : sql`null`}
      order by id for no key update`.execute(trx);
  return rows;
}

/** Writes the change into locked contacts. Gives the ids of the contacts that the change changed. */
async function write(trx: Tenant, { change, rows }: { change: ContactsChange; rows: Row[] }): Promise<string[]> {
  const { organizationId } = change;
  if (!change.delete && !change.restore) return await writeFields(trx, { change, rows });
  const written = await trx
    .updateTable('contacts')
    .set({ deleted_at: change.delete ? sql<Date>`now()` : null, ...bumpIf(sql`true`) })
    .where('organization_id', '=', organizationId)
    .where('id', '=', sql<string>`any (${rows.map(({ id }) => id)}::uuid[])`)
    .returning('id')
    .execute();
  return written.map(({ id }) => id);
}

async function writeFields(trx: Tenant, { change, rows }: { change: ContactsChange; rows: Row[] }): Promise<string[]> {
  const { organizationId, set = {}, addTags, removeTags } = change;
  const parts = toChange(set);
  const given: Record<string, unknown>[] = rows.map(({ id }) => ({ contact_id: id }));
  if (addTags || removeTags) {
    const tags = rows.map((row) => changeTags(row.tags, change));
    const ids = rows.filter((_, index) => (tags[index]?.length ?? 0) > MOST_TAGS).map(({ id }) => id);
    if (ids.length > 0) throw new Undone({ failure: 'tooManyTags', ids });
    tags.forEach((each, index) => void Object.assign(given[index] as object, toGivenTags(each)));
    parts.columns.tags = listOf('new_tags');
    parts.kept.tag_keys = listOf('new_tag_keys');
    parts.lines.tags = sql.ref<string>('given.new_tags_line');
  }
  if (set.phone !== undefined || set.otherPhones !== undefined) {
    rows.forEach((row, index) => void Object.assign(given[index] as object, toGivenPhones(row, set)));
    parts.columns.phone = sql.ref<string>('given.new_phone');
    parts.columns.other_phones = listOf('new_other_phones');
    parts.kept.phone_keys = listOf('new_phone_keys');
    parts.lines.phone = sql.ref<string>('given.new_phone_line');
    parts.lines.otherPhones = sql.ref<string>('given.new_other_phones_line');
  }
  const columns = sql`contact_id uuid, new_tags jsonb, new_tag_keys jsonb, new_tags_line text, new_phone text,
    new_other_phones jsonb, new_phone_keys jsonb, new_phone_line text, new_other_phones_line text`;
  const values = sql`(select * from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as rows (${columns}))`;
  const written = await trx
    .updateTable('contacts')
    .from(values.as('given'))
    .set(toUpdate(parts))
    .where('contacts.organization_id', '=', organizationId)
    .where('contacts.id', '=', sql<string>`given.contact_id`)
    .where(isChanged(parts))
    .returning('contacts.id')
    .execute();
  return written.map(({ id }) => id);
}

const listOf = (column: string) =>
  sql<string[]>`array(select jsonb_array_elements_text(${sql.ref(`given.${column}`)}))`;

/** The values that the statement gives a contact's tags. Their names are no columns of contacts. */
const toGivenTags = (tags: string[]) => ({
  new_tags: tags,
  new_tag_keys: tags.map(caseless),
  new_tags_line: toLine('tags', tags),
});

/** The values that the statement gives a contact's phones: a contact keeps the field that `set` does not name. */
function toGivenPhones(row: Row, { phone, otherPhones }: ContactUpdate) {
  const whole = withWholePairs({ phone, otherPhones }, { ...row, email: null, otherEmails: [] }) as Pick<
    Row,
    'phone' | 'otherPhones'
  >;
  return {
    new_phone: whole.phone,
    new_other_phones: whole.otherPhones,
    new_phone_keys: keysOfPhones(whole),
    new_phone_line: toLine('phone', whole.phone),
    new_other_phones_line: toLine('otherPhones', whole.otherPhones),
  };
}

/** A contact's tags without `removeTags` and with `addTags`. A tag that the contact has keeps its case. */
function changeTags(tags: string[], { addTags = [], removeTags = [] }: ContactsChange): string[] {
  const removed = new Set(removeTags.map(caseless));
  const kept = tags.filter((tag) => !removed.has(caseless(tag)));
  return eachOnce([...kept, ...addTags]);
}

/** A contact to restore with an email that another contact has, or another of the contacts to restore. */
async function findTaken(
  db: Tenant,
  { organizationId, ids }: { organizationId: string; ids: string[] },
): Promise<Failure | undefined> {
  const { rows } = await sql<{ id: string; existingId: string }>`
    with restored as materialized (
      select id, key from contacts, unnest(email_key || other_email_keys) key
        where organization_id = ${organizationId} and id = any (${ids}::uuid[]) and deleted_at is not null and key is not null
    )
    select restored.id, holder.id as "existingId" from restored cross join lateral (
        ${idsByEmail(organizationId, sql<string[]>`array[restored.key]`)}) holder
    union all
    select one.id, other.id from restored one join restored other on other.key = one.key and other.id < one.id
    limit 1`.execute(db);
  return rows[0] && { failure: 'emailTaken', ...rows[0] };
}
