import { type Kysely, sql } from 'kysely';
import type { ApiKeyPlace, Scope } from '../shared/apiKeys.ts';
import type { Tenant } from './admission.ts';
import type { Schema } from './schema.ts';

/** The parts of a key that never change. Only the transaction that the key opens decides whether the key is valid. */
export interface KeyIdentity {
  organizationId: string;
  keyId: string;
  scopes: Scope[];
}

/**
 * Finds the key to which one of the digests belongs, whether the key is valid or not. Gives `undefined` where no key
 * has any of the digests.
 */
export async function identifyKey(db: Kysely<Schema>, digests: Buffer[]): Promise<KeyIdentity | undefined> {
  const { rows } = await sql<KeyIdentity>`
    select organization_id as "organizationId", api_key_id as "keyId", scopes
      from introzy_identify(${digests})`.execute(db);
  return rows[0];
}

/** Stores a secret under the digest made with another server secret. Expiry and revocation stay unchanged. */
export async function redigestSecret(
  db: Tenant,
  {
    organizationId,
    digests,
    digest,
    secretId,
  }: { organizationId: string; digests: Buffer[]; digest: Buffer; secretId: string },
): Promise<void> {
  await db
    .updateTable('api_key_secrets')
    .set({ digest, secret_id: secretId })
    .where('organization_id', '=', organizationId)
    .where('digest', 'in', digests)
    .where('secret_id', '<>', secretId)
    .execute();
}

/**
 * A use of a key. `millisecondsAgo` stands in for the time of the use, because the clocks of the service and of the
 * database may differ.
 */
export interface KeyUse {
  keyId: string;
  millisecondsAgo: number;
  /** The coarse place that the key was used from; `undefined` where the place is not known. */
  place?: { address: string; userAgent: string } | undefined;
}

/** Records uses of an organization's keys. A use that is older than the recorded last use changes nothing. */
export async function recordKeyUses(
  db: Tenant,
  { organizationId, uses }: { organizationId: string; uses: KeyUse[] },
): Promise<void> {
  await sql`
    with used as (
      select (use->>'keyId')::uuid as id, use->'place'->>'address' as address, use->'place'->>'userAgent' as user_agent,
        (clock_timestamp() - make_interval(secs => (use->>'millisecondsAgo')::float / 1000))::timestamptz(3) as at
        from jsonb_array_elements(${JSON.stringify(uses)}::jsonb) use
    ), places as (
      insert into api_key_places as place (organization_id, api_key_id, address, user_agent, first_used_at, last_used_at)
        select k.organization_id, k.id, used.address, used.user_agent, min(used.at), max(used.at)
          from used join api_keys k on k.organization_id = ${organizationId} and k.id = used.id
          where used.address is not null
          group by 1, 2, 3, 4 order by 1, 2, 3, 4
        on conflict (organization_id, api_key_id, address, user_agent)
          do update set last_used_at = greatest(place.last_used_at, excluded.last_used_at)
    )
    update api_keys set last_used_at = latest.at from (select id, max(at) as at from used group by id) latest
      where api_keys.organization_id = ${organizationId} and api_keys.id = latest.id
        and (last_used_at is null or last_used_at < latest.at)`.execute(db);
}

/** The largest number of places that a key's page shows. */
const PLACES = 50;

/** Lists the places that a key was used from, the place of the latest use first. Gives at most 50 places. */
export async function listKeyPlaces(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<ApiKeyPlace[]> {
  return await db
    .selectFrom('api_key_places')
    .select(['address', 'user_agent as userAgent', 'first_used_at as firstUsedAt', 'last_used_at as lastUsedAt'])
    .where('organization_id', '=', organizationId)
    .where('api_key_id', '=', id)
    .orderBy('last_used_at', 'desc')
    .limit(PLACES)
    .execute();
}
