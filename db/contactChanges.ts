import { sql } from 'kysely';
import { type ContactsUpdated, MOST_CHANGED } from '../shared/contactChanges.ts';
import { type ContactUpdate, eachOnce, MOST_TAGS } from '../shared/contacts.ts';
import { caseless } from '../shared/fold.ts';
import { inTransaction, type Tenant } from './admission.ts';
import { type Conditions, matches, toSought } from './contactConditions.ts';
import { findMatching } from './contactMatches.ts';
import { bumpIf, isChanged, toChange, toUpdate } from './contacts.ts';
import { FIELDS_TOO_LARGE } from './customFields.ts';
import { FieldsTooLarge, isLockFailure, isUniqueViolation } from './errors.ts';
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
      if (isUniqueViolation(error, 'contacts_email')) {
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
}

/** Locks contacts, and gives those that meet the conditions still. */
async function lock(trx: Tenant, { change, ids }: { change: ContactsChange; ids: string[] }): Promise<Row[]> {
  const { organizationId, where, restore } = change;
  const { rows } = await sql<Row>`
    select id, tags from contacts
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
  const given = rows.map(({ id, tags }) => ({ id, tags: changeTags(tags, change) }));
  if (addTags || removeTags) {
    const ids = given.filter(({ tags }) => tags.length > MOST_TAGS).map(({ id }) => id);
    if (ids.length > 0) throw new Undone({ failure: 'tooManyTags', ids });
    parts.columns.tags = sql<string[]>`array(select jsonb_array_elements_text(given.new_tags))`;
    parts.kept.tag_keys = sql<string[]>`array(select jsonb_array_elements_text(given.new_keys))`;
    parts.lines.tags = sql<string>`given.new_line`;
  }
  const list = (of: (row: Row) => unknown) => given.map(of);
  const values = sql`(select * from unnest(${list(({ id }) => id)}::uuid[], ${list(({ tags }) => JSON.stringify(tags))}::jsonb[],
      ${list(({ tags }) => JSON.stringify(tags.map(caseless)))}::jsonb[], ${list(({ tags }) => toLine('tags', tags))}::text[])
    as rows (contact_id, new_tags, new_keys, new_line))`;
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

/** A contact's tags without `removeTags` and with `addTags`. A tag that the contact has keeps its case. */
function changeTags(tags: string[], { addTags = [], removeTags = [] }: ContactsChange): string[] {
  const removed = new Set(removeTags.map(caseless));
  const kept = tags.filter((tag) => !removed.has(caseless(tag)));
  return eachOnce([...kept, ...addTags]);
}

/** A contact to restore whose email another contact has, or another of the contacts to restore. */
async function findTaken(
  db: Tenant,
  { organizationId, ids }: { organizationId: string; ids: string[] },
): Promise<Failure | undefined> {
  const { rows } = await sql<{ id: string; existingId: string }>`
    with restored as materialized (
      select id, email_key from contacts
        where organization_id = ${organizationId} and id = any (${ids}::uuid[]) and deleted_at is not null and email_key is not null
    )
    select restored.id, holder.id as "existingId" from restored join contacts holder
        on holder.organization_id = ${organizationId} and holder.email_key = restored.email_key and holder.deleted_at is null
    union all
    select one.id, other.id from restored one join restored other on other.email_key = one.email_key and other.id < one.id
    limit 1`.execute(db);
  return rows[0] && { failure: 'emailTaken', ...rows[0] };
}
