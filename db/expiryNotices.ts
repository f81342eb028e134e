import { type Kysely, sql } from 'kysely';
import type { Tenant } from './admission.ts';
import type { Schema } from './schema.ts';

/*
 * `api_keys.expiry_notice_for` says whether the notice of a key's expiry was sent:
 * - the key's `expires_at`: the notice of this expiry was sent;
 * - a time in the near future: an instance has claimed the notice until then, and is sending the notice;
 * - null or any other time: no notice of this expiry was sent.
 * A claim is not a lock, because sending may take longer than any transaction should. Where an instance ends before it
 * has recorded the outcome, its claim runs out and the notice is due again. So a notice may be sent twice. The notice
 * is lost only where the key expires before the claim has run out and another round has claimed the notice.
 */

/**
 * Minutes for which a claim holds: longer than a mail server may take to refuse a mail, shorter than the hour between
 * two rounds.
 */
const CLAIM = 15;
/**
 * A time that is at most this many minutes ahead counts as a claim. The limit is longer than `CLAIM`: `now()` is the
 * start of a transaction, so a claim lies more than `CLAIM` minutes ahead of a transaction that began before the
 * claim's.
 */
const CLAIM_HORIZON = 2 * CLAIM;

/** A key that expires soon, and the email address that the notice goes to. */
export interface ExpiryNotice {
  id: string;
  name: string;
  expiresAt: Date;
  email: string;
}

/**
 * Lists the ids of organizations that have a key which expires within `days` and whose notice is not recorded as sent.
 */
export async function listOrganizationsToNotify(db: Kysely<Schema>, days: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select introzy_organizations_to_notify(${days}) as id`.execute(db);
  return rows.map(({ id }) => id);
}

/**
 * Claims the next due notice of an organization: the notice of the due key with the lowest id after the id `after`.
 * Gives `undefined` where no notice is due. The notice goes to the member who issued the key. Where another key issued
 * the key, or the member has left, the notice goes to the organization's first owner.
 */
export async function claimExpiryNotice(
  db: Tenant,
  { organizationId, days, after = BEFORE_ALL }: { organizationId: string; days: number; after?: string | undefined },
): Promise<ExpiryNotice | undefined> {
  const { rows } = await sql<ExpiryNotice>`
    update api_keys k set expiry_notice_for = now() + make_interval(mins => ${CLAIM})
      from (
        select due.id from api_keys due
          where due.organization_id = ${organizationId} and due.id > ${after} and due.revoked_at is null
            and due.expires_at > now() and due.expires_at <= now() + make_interval(hours => ${days * 24})
            and due.expiry_notice_for is distinct from due.expires_at
            and (due.expiry_notice_for between now() and now() + make_interval(mins => ${CLAIM_HORIZON})) is not true
          order by due.id limit 1 for no key update skip locked
      ) next
      where k.organization_id = ${organizationId} and k.id = next.id
      returning k.id, k.name, k.expires_at as "expiresAt", (
        select u.email from members m join users u on u.id = m.user_id
          where m.organization_id = k.organization_id and (m.role = 'owner' or m.user_id::text = k.created_by_id)
          order by m.user_id::text = k.created_by_id desc, m.created_at limit 1) as email`.execute(db);
  return rows[0];
}

/** An id that sorts before every key's id. */
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/** Records that the notice of the expiry at `expiresAt` was sent. */
export async function markExpiryNotice(
  db: Tenant,
  { organizationId, id, expiresAt }: { organizationId: string; id: string; expiresAt: Date },
): Promise<void> {
  await db
    .updateTable('api_keys')
    .set({ expiry_notice_for: expiresAt })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .execute();
}

/** Gives up the claim of a notice that could not be sent: the notice is due again. */
export async function returnExpiryNotice(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<void> {
  await db
    .updateTable('api_keys')
    .set({ expiry_notice_for: null })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .whereRef('expiry_notice_for', 'is distinct from', 'expires_at')
    .execute();
}
