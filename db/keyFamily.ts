import { sql } from 'kysely';
import type { Tenant } from './admission.ts';
import { KeyRefused } from './errors.ts';

/*
 * A key's family: the keys that the key issued, the keys that those keys issued, and so on. A key that somebody kept
 * while its issuer was revoked has left the family of the issuer.
 */

/**
 * Has issues, rotations, revocations and removals in the organization take turns until the transaction ends: a family does not
 * grow while it is being revoked. The next statement of the transaction sees what the others did. `introzy_revoke_keys`
 * takes the same lock.
 */
export async function lockFamilies(trx: Tenant, organizationId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('introzy key families ' || ${organizationId}, 0))`.execute(
    trx,
  );
}

/**
 * Throws `KeyRefused` where the person who would be shown a new secret is no member any more: the person may have been
 * removed while the transaction waited for the families.
 */
export async function refuseFormerMember(trx: Tenant, organizationId: string): Promise<void> {
  const { rows } = await sql`
    select from (select introzy_actor_holder() as id) holder where holder.id is not null and not exists (
      select from members where organization_id = ${organizationId} and user_id = holder.id)`.execute(trx);
  if (rows.length > 0) throw new KeyRefused('revoked');
}

interface Keys {
  organizationId: string;
  ids: readonly string[];
}

/** Lists the ids of all descendants of keys, revoked and expired keys included. */
export async function listDescendants(db: Tenant, { organizationId, ids }: Keys): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select distinct id from introzy_key_families(${organizationId}, ${ids}) where id <> ancestor`.execute(db);
  return rows.map(({ id }) => id);
}

/** Revokes keys that are not revoked yet, and their descendants. Gives the ids of the keys that the call revoked. */
export async function revokeFamilies(db: Tenant, { organizationId, ids }: Keys): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from introzy_revoke_keys(${organizationId}, ${ids}) id`.execute(db);
  return rows.map(({ id }) => id);
}

/**
 * Revokes keys that are not revoked yet, without their descendants. Gives the ids of the keys that the call revoked.
 */
export async function revokeKeys(db: Tenant, { organizationId, ids }: Keys): Promise<string[]> {
  const revoked = await db
    .updateTable('api_keys')
    .set({ revoked_at: sql<Date>`now()` })
    .where('organization_id', '=', organizationId)
    .where(sql<boolean>`id = any (${ids})`)
    .where('revoked_at', 'is', null)
    .returning('id')
    .execute();
  return revoked.map(({ id }) => id);
}

interface Keeping extends Keys {
  /** Only the secrets that this person holds; without a person every live secret. */
  heldBy?: string;
}

/**
 * Makes the caller the holder of live secrets of keys that are not revoked. Gives the ids of the keys that were kept.
 */
export async function keepKeys(db: Tenant, { organizationId, ids, heldBy }: Keeping): Promise<string[]> {
  if (ids.length === 0) return [];
  await sql`
    update api_key_secrets set holder_id = introzy_actor_holder(), id = coalesce(id, gen_random_uuid())
      where organization_id = ${organizationId} and api_key_id = any (${ids}) and expires_at > now()
        ${heldBy === undefined ? sql`` : sql`and introzy_holder(api_key_secrets) = ${heldBy}`}`.execute(db);
  const kept = await db
    .updateTable('api_keys')
    .set({ kept_at: sql<Date>`now()` })
    .where('organization_id', '=', organizationId)
    .where(sql<boolean>`id = any (${ids})`)
    .where('revoked_at', 'is', null)
    .returning('id')
    .execute();
  return kept.map(({ id }) => id);
}
