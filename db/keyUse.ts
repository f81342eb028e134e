import { type Kysely, sql } from 'kysely';
import type { Scope } from '../shared/apiKeys.ts';
import type { CallCounts } from '../shared/callOutcomes.ts';
import type { Tenant } from './admission.ts';
import type { Schema } from './schema.ts';

/**
 * A key or a token of a key. All parts but the rate never change. Only the transaction that the key opens decides
 * whether the key is valid.
 */
export interface KeyIdentity {
  organizationId: string;
  keyId: string;
  scopes: Scope[];
  /** Calls a minute; `null`: the service's rate alone. */
  rateLimit: number | null;
  isToken: boolean;
}

/**
 * Finds the key or the token to which one of the digests belongs, whether the key is valid or not. Gives `undefined`
 * where no key and no token has any of the digests.
 */
export async function identifyKey(db: Kysely<Schema>, digests: Buffer[]): Promise<KeyIdentity | undefined> {
  const { rows } = await sql<KeyIdentity>`
    select organization_id as "organizationId", api_key_id as "keyId", scopes, rate_limit as "rateLimit",
        is_token as "isToken"
      from introzy_identify_key(${digests})`.execute(db);
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
  /** The digests of the secret that was used, of which the database knows the secret by a single digest. */
  digests?: readonly Buffer[] | undefined;
  millisecondsAgo: number;
  /** The coarse place that the key was used from; `undefined` where the place is not known. */
  place?: { address: string; userAgent: string } | undefined;
}

/**
 * Calls of a key that ended within a day, counted by outcome. The calls count for the day in UTC of the last of them.
 */
export interface KeyCalls extends CallCounts {
  keyId: string;
  /** Milliseconds since the last of the calls. */
  millisecondsAgo: number;
}

interface KeyRecord {
  organizationId: string;
  uses: KeyUse[];
  /** Calls that were not recorded before: calls are added to the calls of their day. */
  calls?: KeyCalls[];
}

/**
 * Records uses of an organization's keys, and their calls. A use that is older than the recorded last use changes
 * nothing. The first use of a secret begins the grace of the key's older secrets, where the rotation counts the grace
 * from the first use. A use of a token is a use of the secret that minted the token as well.
 *
 * Does not wait for another writer of a secret, such as the move to another server secret: gives the uses that such a
 * writer kept from the secret's row. To record these uses again is enough, and does nothing twice.
 */
export async function recordKeyUses(db: Tenant, { organizationId, uses, calls = [] }: KeyRecord): Promise<KeyUse[]> {
  const json = uses.map(({ digests = [], ...use }) => ({ ...use, digests: digests.map((one) => one.toString('hex')) }));
  const { rows } = await sql<{ index: number }>`
    with used as (
      select k.id, use->'place'->>'address' as address, use->'place'->>'userAgent' as user_agent, s.digest, s.hint,
        t.digest as token, index::int - 1 as index, ${timeOf('use')}::timestamptz(3) as at
        from jsonb_array_elements(${JSON.stringify(json)}::jsonb) with ordinality uses (use, index)
        join api_keys k on k.organization_id = ${organizationId} and k.id = (use->>'keyId')::uuid
        left join api_key_tokens t on t.organization_id = k.organization_id and t.api_key_id = k.id
          and t.digest in (select decode(hex, 'hex') from jsonb_array_elements_text(use->'digests') hexes (hex))
        left join api_key_secrets s on s.organization_id = k.organization_id and s.api_key_id = k.id
          and (s.id = t.minted_by or use->'digests' ? encode(s.digest, 'hex'))
    ), days as (
      insert into api_key_days as counted (organization_id, api_key_id, day, ok, client_error, limited, failed)
        select k.organization_id, k.id, (${timeOf('calls')} at time zone 'UTC')::date, sum((calls->>'ok')::bigint),
            sum((calls->>'clientError')::bigint), sum((calls->>'limited')::bigint), sum((calls->>'failed')::bigint)
          from jsonb_array_elements(${JSON.stringify(calls)}::jsonb) calls
          join api_keys k on k.organization_id = ${organizationId} and k.id = (calls->>'keyId')::uuid
          group by 1, 2, 3 order by 1, 2, 3
        on conflict (organization_id, api_key_id, day) do update set ok = counted.ok + excluded.ok,
          client_error = counted.client_error + excluded.client_error,
          limited = counted.limited + excluded.limited, failed = counted.failed + excluded.failed
    ), places as (
      insert into api_key_places as place
        (organization_id, api_key_id, address, user_agent, first_used_at, last_used_at, secrets)
        select ${organizationId}::uuid, id, address, user_agent, min(at), max(at),
            coalesce(jsonb_object_agg(hint, at order by at) filter (where hint is not null), '{}')
          from used where address is not null
          group by 1, 2, 3, 4 order by 1, 2, 3, 4
        on conflict (organization_id, api_key_id, address, user_agent)
          do update set last_used_at = greatest(place.last_used_at, excluded.last_used_at),
            secrets = place.secrets || excluded.secrets
    ), latest as (
      select id, digest, min(at) as first_at, max(at) as at from used where digest is not null group by 1, 2
    ), ended as (
      select older.digest, latest.digest as by,
          coalesce(newer.first_used_at, latest.first_at) + make_interval(hours => newer.grace_hours) as ends_at
        from latest join api_key_secrets newer on newer.organization_id = ${organizationId}
          and newer.api_key_id = latest.id and newer.digest = latest.digest and newer.grace_hours is not null
        join api_key_secrets older on older.organization_id = newer.organization_id
          and older.api_key_id = newer.api_key_id and older.created_at < newer.created_at and older.expires_at > now()
          and older.expires_at > coalesce(newer.first_used_at, latest.first_at) + make_interval(hours => newer.grace_hours)
    ), free as materialized (
      select digest from api_key_secrets
        where organization_id = ${organizationId} and api_key_id in (select id from latest)
          and digest in (select digest from latest union select digest from ended)
        order by digest for no key update skip locked
    ), written as (
      select digest, first_at, at from latest where digest in (select digest from free) and not exists (
        select from ended where ended.by = latest.digest and ended.digest not in (select digest from free))
    ), secrets as (
      update api_key_secrets s
        set first_used_at = coalesce(s.first_used_at, changes.first_at),
          last_used_at = greatest(s.last_used_at, changes.at), expires_at = least(s.expires_at, changes.ends_at)
        from (
          select digest, min(first_at) as first_at, max(at) as at, min(ends_at) as ends_at from (
            select digest, first_at, at, null::timestamptz as ends_at from written
            union all
            select digest, null, null, ends_at from ended where by in (select digest from written)
          ) parts group by digest
        ) changes
        where s.organization_id = ${organizationId} and s.digest = changes.digest
    ), tokens as (
      update api_key_tokens set last_used_at = latest.at
        from (select token, max(at) as at from used where token is not null group by token) latest
        where organization_id = ${organizationId} and digest in (
            select digest from api_key_tokens where organization_id = ${organizationId}
              and api_key_id in (select id from used) and digest in (select token from used)
              order by digest for no key update skip locked)
          and digest = latest.token and (last_used_at is null or last_used_at < latest.at)
    ), keys as (
      update api_keys set last_used_at = latest.at from (select id, max(at) as at from used group by id) latest
        where api_keys.organization_id = ${organizationId} and api_keys.id = latest.id
          and (last_used_at is null or last_used_at < latest.at)
    )
    select index from used where digest is not null and digest not in (select digest from written)`.execute(db);
  return rows.map(({ index }) => uses[index] as KeyUse);
}

/** The time of a use or of calls, by the `millisecondsAgo` of the JSON object `name`. */
const timeOf = (name: 'use' | 'calls') =>
  sql`(clock_timestamp() - make_interval(secs => (${sql.ref(name)}->>'millisecondsAgo')::float / 1000))`;
