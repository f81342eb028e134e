import { setTimeout } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { inTransaction, type Tenant } from './admission.ts';
import type { Schema } from './schema.ts';

/** The most words that a transaction looks at: writers of contacts wait meanwhile. */
const BATCH = 500;
/** How often a call tries where writers are under way, and the milliseconds between two tries. */
const TRIES = 20;
const PAUSE = 25;

/**
 * Takes away the words that an organization's contacts have lost, and that no other contact of the organization has. After
 * an erasure of contacts no word of theirs is left. Gives the number of lost words that the call looked at, at most `BATCH`;
 * `undefined` where a writer of contacts is under way. The call does not wait for the writer, as later writers would then
 * wait for the call.
 */
export async function forgetLostWords(db: Tenant, organizationId: string): Promise<number | undefined> {
  return await inTransaction(db, async (trx) => {
    // Writers hold this lock together while they add words: see migration 0040.
    const { rows: locks } = await sql<{ isFree: boolean }>`
      select pg_try_advisory_xact_lock(hashtextextended('introzy words ' || ${organizationId}::uuid, 0)) as "isFree"`.execute(
      trx,
    );
    if (!locks[0]?.isFree) return undefined;
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

/**
 * Takes away all words that the organization's contacts have lost, in at most `batches` transactions. `signal` ends the call
 * between two of them. Where writers are always under way, the call leaves the rest to a later call.
 */
export async function forgetAllLostWords(
  db: Tenant,
  organizationId: string,
  { signal, batches = Number.POSITIVE_INFINITY }: { signal?: AbortSignal; batches?: number } = {},
): Promise<void> {
  let tries = 0;
  for (let batch = 0; batch < batches && tries < TRIES && !signal?.aborted; ) {
    const count = await forgetLostWords(db, organizationId);
    if (count !== undefined && count < BATCH) return;
    if (count === undefined) await setTimeout(PAUSE);
    tries = count === undefined ? tries + 1 : 0;
    batch += count === undefined ? 0 : 1;
  }
}

/** Lists the ids of the organizations whose contacts have lost words. */
export async function listOrganizationsWithLostWords(db: Kysely<Schema>): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select introzy_organizations_with_words_left() as id`.execute(db);
  return rows.map(({ id }) => id);
}
