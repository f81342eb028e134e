import { sql } from 'kysely';
import { caseless } from '../shared/fold.ts';
import { asOperator, type Tenant } from './admission.ts';
import { CONTACT_FORM, toColumns } from './contacts.ts';
import type { Database } from './open.ts';
import { toFolded } from './searchText.ts';

/** The most contacts that are read at once, and so the most that a transaction locks. */
const BATCH = 500;

/**
 * Makes the keys of contacts anew that are in an older form than `CONTACT_FORM`. Each organization's part of a batch is a
 * transaction. Neither `version` nor `updated_at` changes: the contact's own values stay. Gives the number of contacts.
 */
export async function remakeContacts(db: Database, signal?: AbortSignal): Promise<number> {
  let remade = 0;
  // Contacts that another transaction has locked are left for the next call.
  const left = new Set<string>();
  while (!signal?.aborted) {
    const { rows } = await sql<{ organizationId: string; id: string }>`
      select organization_id as "organizationId", id
        from introzy_contacts_before_form(${CONTACT_FORM}, ${BATCH + left.size})`.execute(db.root);
    const batch = rows.filter(({ organizationId, id }) => !left.has(`${organizationId} ${id}`));
    if (batch.length === 0) break;
    for (const [organizationId, found] of Map.groupBy(batch, (row) => row.organizationId)) {
      const ids = found.map(({ id }) => id);
      const made = new Set(await remake(asOperator(db, organizationId), { organizationId, ids }));
      remade += made.size;
      for (const id of ids) if (!made.has(id)) left.add(`${organizationId} ${id}`);
    }
  }
  return remade;
}

const FOLDS = ['name_fold', 'company_fold'] as const;
const WRITTEN = ['id', 'name_key', 'email_key', 'company_key', 'folded', 'tag_keys', ...FOLDS] as const;

/** Gives the ids of the contacts that were made anew: all but the contacts that another transaction has locked. */
async function remake(
  db: Tenant,
  { organizationId, ids }: { organizationId: string; ids: string[] },
): Promise<string[]> {
  return await db.transaction().execute(async (trx) => {
    const contacts = await trx
      .selectFrom('contacts')
      .select(['id', 'name', 'email', 'phone', 'company', 'title', 'location', 'notes', 'tags'])
      .where('organization_id', '=', organizationId)
      .where('id', '=', sql<string>`any (${ids}::uuid[])`)
      .where('form', '<', CONTACT_FORM)
      .forNoKeyUpdate()
      .skipLocked()
      .execute();
    const keys = contacts.map(({ id, name, email, company, tags, ...texts }) => ({
      ...toColumns({ name, email, company }),
      id,
      folded: toFolded({ name, email, company, tags, ...texts }),
      tag_keys: JSON.stringify(tags.map(caseless)),
    }));
    const list = (column: (typeof WRITTEN)[number]) => keys.map((row) => row[column] ?? null);
    await sql`
      update contacts c
        set name_key = k.name_key, email_key = k.email_key, company_key = k.company_key, folded = k.folded,
          name_fold = k.name_fold, company_fold = k.company_fold,
          tag_keys = array(select jsonb_array_elements_text(k.tag_keys::jsonb)), form = ${CONTACT_FORM}
        from unnest(${list('id')}::uuid[], ${sql.join(WRITTEN.slice(1).map((column) => sql`${list(column)}::text[]`))})
          as k (${sql.join(WRITTEN.map((column) => sql.ref(column)))})
        where c.organization_id = ${organizationId} and c.id = k.id`.execute(trx);
    return contacts.map(({ id }) => id);
  });
}
