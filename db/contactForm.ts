import { sql } from 'kysely';
import { caseless } from '../shared/fold.ts';
import { asOperator, type Tenant } from './admission.ts';
import { keysOfPhones } from './contactAddresses.ts';
import { CONTACT_FORM, toColumns } from './contactColumns.ts';
import type { Database } from './open.ts';
import { toFolded } from './searchText.ts';

/** The contacts that the first transaction locks, and the most that any transaction locks. */
const FIRST_BATCH = 50;
const MOST = 500;
/** Milliseconds for which a transaction locks its contacts, about: a request waits a second for a lock. */
const LOCKED = 300;

/**
 * Makes the keys of contacts anew that are in an older form than `CONTACT_FORM`. Each organization's part of a batch is a
 * transaction. A batch has as many contacts as were made anew in `locked` milliseconds before: a contact with long notes
 * takes a hundred times as long as others. Neither `version` nor `updated_at` changes: the contact's own values stay. Gives
 * the number of contacts.
 */
export async function remakeContacts(db: Database, signal?: AbortSignal, locked = LOCKED): Promise<number> {
  let remade = 0;
  let size = FIRST_BATCH;
  // Contacts that another transaction has locked are left for the next call.
  const left = new Set<string>();
  while (!signal?.aborted) {
    const { rows } = await sql<{ organizationId: string; id: string }>`
      select organization_id as "organizationId", id
        from introzy_contacts_before_form(${CONTACT_FORM}, ${size + left.size})`.execute(db.root);
    const batch = rows.filter(({ organizationId, id }) => !left.has(`${organizationId} ${id}`));
    if (batch.length === 0) break;
    for (const [organizationId, found] of Map.groupBy(batch, (row) => row.organizationId)) {
      const ids = found.map(({ id }) => id);
      const began = performance.now();
      const made = new Set(await remake(asOperator(db, organizationId), { organizationId, ids }));
      remade += made.size;
      const fitting = Math.floor((ids.length * locked) / (performance.now() - began));
      size = Math.max(1, Math.min(fitting, 2 * size, MOST));
      for (const id of ids) if (!made.has(id)) left.add(`${organizationId} ${id}`);
    }
  }
  return remade;
}

const TEXTS = ['name_key', 'email_key', 'company_key', 'linkedin_key', 'folded', 'name_fold', 'company_fold'] as const;
/** Columns of lists. The driver sends no lists of lists: each contact's list goes as JSON. */
const LISTS = ['tag_keys', 'phone_keys', 'other_email_keys'] as const;

/** Gives the ids of the contacts that were made anew: all but the contacts that another transaction has locked. */
async function remake(
  db: Tenant,
  { organizationId, ids }: { organizationId: string; ids: string[] },
): Promise<string[]> {
  return await db.transaction().execute(async (trx) => {
    const contacts = await trx
      .selectFrom('contacts')
      .select(['id', 'name', 'email', 'phone', 'company', 'title', 'location', 'notes', 'tags'])
      .select(['other_emails as otherEmails', 'other_phones as otherPhones', 'linkedin_url as linkedinUrl'])
      .where('organization_id', '=', organizationId)
      .where('id', '=', sql<string>`any (${ids}::uuid[])`)
      .where('form', '<', CONTACT_FORM)
      .forNoKeyUpdate()
      .skipLocked()
      .execute();
    const keys = contacts.map(({ id, ...fields }) => {
      const { name, email, otherEmails, company, linkedinUrl, tags } = fields;
      const columns = toColumns({ name, email, otherEmails, company, linkedinUrl });
      return {
        ...columns,
        id,
        folded: toFolded(fields),
        tag_keys: tags.map(caseless),
        phone_keys: keysOfPhones(fields),
      };
    });
    const texts = TEXTS.map((column) => sql`${keys.map((row) => row[column] ?? null)}::text[]`);
    const lists = LISTS.map((column) => sql`${keys.map((row) => JSON.stringify(row[column]))}::text[]`);
    const set = [
      ...TEXTS.map((column) => sql`${sql.ref(column)} = ${sql.ref(`k.${column}`)}`),
      ...LISTS.map(
        (column) => sql`${sql.ref(column)} = array(select jsonb_array_elements_text(${sql.ref(`k.${column}`)}::jsonb))`,
      ),
    ];
    await sql`
      update contacts c set ${sql.join(set)}, form = ${CONTACT_FORM}
        from unnest(${keys.map(({ id }) => id)}::uuid[], ${sql.join([...texts, ...lists])})
          as k (id, ${sql.join([...TEXTS, ...LISTS].map((column) => sql.ref(column)))})
        where c.organization_id = ${organizationId} and c.id = k.id`.execute(trx);
    return contacts.map(({ id }) => id);
  });
}
