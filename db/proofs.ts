import { type Kysely, sql } from 'kysely';
import type { Tenant } from './admission.ts';
import type { Schema } from './schema.ts';

/** Wrong proofs of a session, one after the other, until the session ends. */
const MOST_FAILURES = 10;

/** True where the person of a session proved who they are within the last 15 minutes. A sign-in is such a proof. */
export async function isRecentlyProved(
  db: Tenant,
  { organizationId, sessionId }: { organizationId: string; sessionId: string },
): Promise<boolean> {
  const session = await db
    .selectFrom('sessions')
    .leftJoin('session_proofs', 'session_id', 'id')
    .select('id')
    .where('active_organization_id', '=', organizationId)
    .where('id', '=', sessionId)
    .where(sql<Date>`coalesce(proved_at, created_at)`, '>', sql<Date>`now() - interval '15 minutes'`)
    .executeTakeFirst();
  return session !== undefined;
}

/**
 * Begins a proof, and counts the proof as failed until `recordProof`, so that many proofs at once cannot pass the limit.
 * Gives how many proofs may still fail; `undefined` where the session has no further proof.
 */
export async function beginProof(db: Kysely<Schema>, sessionId: string): Promise<number | undefined> {
  const session = db
    .selectFrom('sessions')
    .select(['id', sql<number>`1`.as('failed_proofs')])
    .where('id', '=', sessionId)
    .forKeyShare();
  const proofs = await db
    .insertInto('session_proofs')
    .columns(['session_id', 'failed_proofs'])
    .expression(session)
    .onConflict((conflict) =>
      conflict
        .column('session_id')
        .doUpdateSet((set) => ({ failed_proofs: set('session_proofs.failed_proofs', '+', 1) }))
        .where('session_proofs.failed_proofs', '<', MOST_FAILURES),
    )
    .returning('failed_proofs')
    .executeTakeFirst();
  return proofs && MOST_FAILURES - proofs.failed_proofs;
}

/** Records that the person of a session has proved who they are, by the database's clock. */
export async function recordProof(db: Kysely<Schema>, sessionId: string): Promise<void> {
  await db
    .updateTable('session_proofs')
    .set({ proved_at: sql<Date>`now()`, failed_proofs: 0 })
    .where('session_id', '=', sessionId)
    .execute();
}
