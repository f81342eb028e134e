import { type Kysely, sql } from 'kysely';
import type { Tenant } from './admission.ts';
import type { Statement } from './driver/connection.ts';
import { prepared } from './prepared.ts';
import type { Schema } from './schema.ts';

/** Hours for which the answer of a call with an idempotency key is given again. */
const HOURS_KEPT = 24;

/** A call with an idempotency key. */
export interface KeyedCall {
  organizationId: string;
  /** The id of the API key or the person that calls. */
  callerId: string;
  /** The SHA-256 of the idempotency key. */
  keyDigest: Buffer;
}

/** The answer of a call, as the call leaves it to its repetitions. */
export interface KeptAnswer {
  /** Tells the call's request from others. */
  requestDigest: Buffer;
  /** The contact or the API key that the answer is about. */
  subjectId: string | null;
  /** `null`: the answer is not kept, only that the call was done. */
  answer: string | null;
}

/**
 * The statement with which the transaction of a keyed call begins. Waits for a call with the same key that is under way,
 * for a lock's time at most, and fails with `AnswerKept` where the answer of such a call is kept.
 */
export const claimAnswer = ({ organizationId, callerId, keyDigest }: KeyedCall): Statement => ({
  sql: 'select introzy_claim_answer($1, $2, $3)',
  parameters: [organizationId, callerId, keyDigest],
});

/** The statement with which the transaction of a keyed call ends. Takes the place of an answer that is kept no longer. */
export const keepAnswer = (
  { organizationId, callerId, keyDigest }: KeyedCall,
  { requestDigest, subjectId, answer }: KeptAnswer,
): Statement => ({
  sql: `insert into kept_answers
      (organization_id, caller_id, key_digest, request_digest, subject_id, answer, expires_at)
      values ($1, $2, $3, $4, $5, $6, now() + interval '${HOURS_KEPT} hours')
    on conflict (organization_id, caller_id, key_digest) do update
      set request_digest = excluded.request_digest, subject_id = excluded.subject_id, answer = excluded.answer,
        expires_at = excluded.expires_at`,
  parameters: [organizationId, callerId, keyDigest, requestDigest, subjectId, answer],
});

const selectAnswer = prepared<KeyedCall, KeptAnswer>(
  (db, parameter) =>
    db
      .selectFrom('kept_answers')
      .select(['request_digest as requestDigest', 'subject_id as subjectId', 'answer'])
      .where('organization_id', '=', parameter('organizationId'))
      .where('caller_id', '=', parameter('callerId'))
      .where('key_digest', '=', parameter('keyDigest'))
      .where('expires_at', '>', sql<Date>`now()`)
      .compile(),
  { mayShare: true },
);

/** Finds the answer that is kept for a call with the same key. */
export async function findKeptAnswer(db: Tenant, call: KeyedCall): Promise<KeptAnswer | undefined> {
  const [kept] = await selectAnswer(db, call);
  return kept;
}

/** Frees the idempotency key of a call that failed after its answer was kept. */
export async function forgetAnswer(db: Tenant, { organizationId, callerId, keyDigest }: KeyedCall): Promise<void> {
  await db
    .deleteFrom('kept_answers')
    .where('organization_id', '=', organizationId)
    .where('caller_id', '=', callerId)
    .where('key_digest', '=', keyDigest)
    .execute();
}

/**
 * Erases a person's calls, and the answers that name the person: those calls are not done again, and answer without their
 * content. `names` are the person's address and name.
 */
export async function erasePersonAnswers(
  db: Kysely<Schema>,
  { organizationId, userId, names }: { organizationId: string; userId: string | null; names: readonly string[] },
): Promise<void> {
  await sql`delete from kept_answers where organization_id = ${organizationId} and caller_id = ${userId}::uuid`.execute(
    db,
  );
  // Whole values of JSON, with their quotes: a short name must not stand for a part of another word.
  const sought = [userId, ...names].filter((text) => text !== null).map((text) => JSON.stringify(text));
  // A contact's content is the organization's: the erasure of the contact erases it.
  await sql`
    update kept_answers set answer = null
      where organization_id = ${organizationId} and answer like '[%'
        and exists (select from unnest(${sought}::text[]) name where strpos(lower(answer), lower(name)) > 0)`.execute(
    db,
  );
}

/** Lists the ids of the organizations with answers that are kept no longer. */
export async function listOrganizationsWithOldAnswers(db: Kysely<Schema>): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select introzy_organizations_with_old_answers() as id`.execute(db);
  return rows.map(({ id }) => id);
}

/** Deletes at most `limit` of an organization's answers that are kept no longer. Gives the number of deleted answers. */
export async function deleteOldAnswers(
  db: Tenant,
  { organizationId, limit }: { organizationId: string; limit: number },
): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from kept_answers where organization_id = ${organizationId} and ctid = any (array(
      select ctid from kept_answers where organization_id = ${organizationId} and expires_at <= now()
        limit ${limit} for update skip locked))`.execute(db);
  return Number(numAffectedRows);
}
