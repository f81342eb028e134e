import { type Kysely, sql } from 'kysely';
import { inTransaction, type Tenant } from './admission.ts';
import type { Schema } from './schema.ts';

/** The most words that a transaction looks at: writers of contacts wait meanwhile. */
const BATCH = 500;

/**
 * Takes away the words that an organization's contacts have lost, and that no other contact of the organization has. After
 * an erasure of contacts no word of theirs is left. Gives the number of lost words that the call looked at, at most `BATCH`.
 */
export async function forgetLostWords(db: Tenant, organizationId: string): Promise<number> {
  return await inTransaction(db, async (trx) => {
    // Writers hold this lock together while they add words: see migration 0040.
    await sql`select pg_advisory_xact_lock(hashtextextended('introzy words ' || ${organizationId}::uuid, 0))`.execute(
      trx,
    );
    const { rows } = await sql<{ word: string }>`
      delete from contact_words_left where ctid = any (array(
        select ctid from contact_words_left where organization_id = ${organizationId} limit ${BATCH})) returning word`.execute(
      trx,
    );
    const words = [...new Set(rows.map(({ word }) => word))];
    await sql`
      delete from contact_words w using introzy_unused_words(${words}::text[]) unused (word)
        where w.organization_id = ${organizationId} and w.start = left(unused.word, 100)
          and w.word = unused.word`.execute(trx);
    return rows.length;
  });
}

/** Takes away all words that the organization's contacts have lost. `signal` ends the call between two batches. */
export async function forgetAllLostWords(db: Tenant, organizationId: string, signal?: AbortSignal): Promise<void> {
  while (!signal?.aborted && (await forgetLostWords(db, organizationId)) === BATCH);
}

/** Lists the ids of the organizations whose contacts have lost words. */
export async function listOrganizationsWithLostWords(db: Kysely<Schema>): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select introzy_organizations_with_words_left() as id`.execute(db);
  return rows.map(({ id }) => id);
}
