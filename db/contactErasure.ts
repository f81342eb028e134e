import { type Kysely, sql } from 'kysely';
import { inTransaction, type Tenant } from './admission.ts';
import { refuseForeignIds } from './contactConditions.ts';
import { forgetAllLostWords } from './contactWords.ts';
import type { Outcome } from './outcome.ts';
import type { Schema } from './schema.ts';

/**
 * Deletes the rows of contacts, whether the contacts are deleted or not. An erasure cannot be undone; the audit log keeps
 * the ids. An id that no organization has is left out of the answer, so that a repeated call answers. Failure:
 * `elsewhere`, where any of the ids is another organization's: then nothing is erased.
 */
export async function eraseContacts(
  db: Tenant,
  { organizationId, ids }: { organizationId: string; ids: readonly string[] },
): Promise<Outcome<{ erased: string[] }>> {
  const outcome = await inTransaction(db, async (trx): Promise<Outcome<{ erased: string[] }>> => {
    const failure = await refuseForeignIds(trx, { organizationId, ids });
    if (failure) return failure;
    // Two erasures of the same contacts lock the rows in the same order.
    const { rows: erased } = await sql<{ id: string }>`
      delete from contacts where organization_id = ${organizationId} and id = any (array(
          select id from contacts where organization_id = ${organizationId} and id = any (${ids}) order by id for update))
        returning id`.execute(trx);
    return { erased: erased.map(({ id }) => id) };
  });
  // In a transaction of its own: writers may wait for the rows of an erasure. Where a writer takes long, such as an import,
  // or very many words are lost, the hourly work takes the rest away.
  if ('erased' in outcome && outcome.erased.length > 0) await forgetAllLostWords(db, organizationId, { batches: 100 });
  return outcome;
}

/** Lists the ids of the organizations with contacts that were deleted at least `days` days ago. */
export async function listOrganizationsToEraseIn(db: Kysely<Schema>, days: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select introzy_organizations_to_erase_in(${days}) as id`.execute(db);
  return rows.map(({ id }) => id);
}

/**
 * Erases at most `limit` of an organization's contacts that were deleted at least `days` days ago, and gives the number
 * of the contacts that the call erased. Contacts that another transaction is changing wait for a later call.
 */
export async function eraseDeletedContacts(
  db: Tenant,
  { organizationId, days, limit }: { organizationId: string; days: number; limit: number },
): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from contacts where organization_id = ${organizationId} and id = any (array(
      select id from contacts
        where organization_id = ${organizationId} and deleted_at <= now() - make_interval(hours => ${days * 24})
        order by deleted_at limit ${limit} for update skip locked))`.execute(db);
  return Number(numAffectedRows ?? 0);
}
