import { type Kysely, sql } from 'kysely';
import type { ApiKey } from '../shared/apiKeys.ts';
import type { Role } from '../shared/people.ts';
import type { Tenant } from './admission.ts';
import type { Schema } from './schema.ts';

/*
 * The view `api_key_notices_due` (migration 0011) says which notices are due, and to whom. A row of `api_key_notices`
 * takes a notice out of the view:
 * - with `sent_at`: the notice was sent to the person;
 * - with a `claimed_until` in the future: an instance is sending the notice.
 * A claim is not a lock, because sending may take longer than any transaction should. Where an instance ends before it
 * has recorded the outcome, its claim runs out and the notice is due again. So a notice may be sent twice. The notice
 * is lost only where the key expires, or reaches its next notice, before the claim has run out and another round has
 * claimed the notice.
 */

/**
 * Minutes for which a claim holds: longer than a mail server may take to refuse a mail, shorter than the hour between
 * two rounds.
 */
const CLAIM = 15;

/** A claimed notice: its key, its recipient, and its mail's facts. */
export interface ExpiryNotice {
  keyId: string;
  userId: string;
  /** The expiry that the notice tells of. */
  expiresAt: Date;
  /** How many days ahead the notice goes out: 30, 7 or 1. */
  days: number;
  claimedUntil: Date;
  /** The version before tells this person of an expiry, and nobody else. */
  isFirst: boolean;
  /** Whole hours until the expiry, rounded up. */
  hoursLeft: number;
  email: string;
  role: Role;
  isHolder: boolean;
  /** The email address of the holder of the key's newest secret; `null` for the operator's secret. */
  holder: string | null;
  organization: string;
  name: string;
  hint: string;
  environment: ApiKey['environment'];
  selfRotate: boolean;
  lastUsedAt: Date | null;
}

/** Where a round stands in an organization: the key and the recipient of its last notice. */
export type NoticePlace = Pick<ExpiryNotice, 'keyId' | 'userId'>;

/** Lists the ids of the organizations in which a notice is due, or notices of past expiries wait for their deletion. */
export async function listOrganizationsToNotify(db: Kysely<Schema>): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select introzy_organizations_with_notices() as id`.execute(db);
  return rows.map(({ id }) => id);
}

/**
 * Claims the next due notice of an organization after the place `after`, in the order of keys and recipients. Gives
 * the place alone where another instance claims the notice at the same moment, and `undefined` where no notice is due.
 */
export async function claimExpiryNotice(
  db: Tenant,
  { organizationId, after = BEFORE_ALL }: { organizationId: string; after?: NoticePlace | undefined },
): Promise<ExpiryNotice | (NoticePlace & { claimedUntil: null }) | undefined> {
  const { rows } = await sql<ExpiryNotice>`
    with next as materialized (
      select * from api_key_notices_due due
        where due.organization_id = ${organizationId} and due.api_key_id >= ${after.keyId}
          and (due.api_key_id, due.user_id) > (${after.keyId}, ${after.userId})
        order by due.api_key_id, due.user_id limit 1
    ), claimed as (
      insert into api_key_notices as known (organization_id, api_key_id, expires_at, days, user_id, claimed_until)
        select organization_id, api_key_id, expires_at, days, user_id, now() + make_interval(mins => ${CLAIM}) from next
        on conflict (organization_id, api_key_id, expires_at, days, user_id)
          do update set claimed_until = excluded.claimed_until
            where known.sent_at is null and known.claimed_until <= now()
        returning claimed_until
    )
    select next.api_key_id as "keyId", next.user_id as "userId", next.expires_at as "expiresAt", next.days,
        (select claimed_until from claimed) as "claimedUntil", next.is_first as "isFirst",
        ceil(extract(epoch from next.expires_at - now()) / 3600)::int as "hoursLeft", u.email, next.role,
        next.user_id is not distinct from next.holder_id as "isHolder", holder.email as holder, o.name as organization,
        k.name, k.hint, k.environment, k.self_rotate as "selfRotate", k.last_used_at as "lastUsedAt"
      from next
      join api_keys k on k.organization_id = next.organization_id and k.id = next.api_key_id
      join organizations o on o.id = next.organization_id
      join users u on u.id = next.user_id
      left join users holder on holder.id = next.holder_id`.execute(db);
  return rows[0];
}

/** Ids that sort before every id. */
const NIL = '00000000-0000-0000-0000-000000000000';
const BEFORE_ALL: NoticePlace = { keyId: NIL, userId: NIL };

/** An organization's notice. */
type Claimed = { organizationId: string; notice: ExpiryNotice };

/** Records that a notice was sent. Where the version before would send the notice too, that version learns of it. */
export async function markExpiryNotice(db: Tenant, { organizationId, notice }: Claimed): Promise<void> {
  const { keyId, userId, expiresAt, days, isFirst } = notice;
  await sql`
    with sent as (
      update api_key_notices set sent_at = now()
        where organization_id = ${organizationId} and api_key_id = ${keyId} and expires_at = ${expiresAt}
          and days = ${days} and user_id = ${userId}
    )
    update api_keys set expiry_notice_for = expires_at
      where organization_id = ${organizationId} and id = ${keyId} and expires_at = ${expiresAt}
        and ${isFirst && days <= 7}::boolean`.execute(db);
}

/** Gives up the claim of a notice that could not be sent: the notice is due again. */
export async function returnExpiryNotice(db: Tenant, { organizationId, notice }: Claimed): Promise<void> {
  const { keyId, userId, expiresAt, days, claimedUntil } = notice;
  await db
    .deleteFrom('api_key_notices')
    .where('organization_id', '=', organizationId)
    .where('api_key_id', '=', keyId)
    .where('expires_at', '=', expiresAt)
    .where('days', '=', days)
    .where('user_id', '=', userId)
    .where('claimed_until', '=', claimedUntil)
    .where('sent_at', 'is', null)
    .execute();
}

/** Deletes the notices of expiries that are past. */
export async function deletePastNotices(db: Tenant, organizationId: string): Promise<void> {
  await db
    .deleteFrom('api_key_notices')
    .where('organization_id', '=', organizationId)
    .where('expires_at', '<=', sql<Date>`now()`)
    .execute();
}
