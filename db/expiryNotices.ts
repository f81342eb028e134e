import { type Kysely, sql } from 'kysely';
import type { Tenant } from './admission.ts';
import type { Schema } from './schema.ts';

/*
 * `api_keys.expiry_notice_for` says whether a key's issuer was told of its expiry. It is
 * - the key's `expires_at`: the notice of this expiry was sent;
 * - a time in the near future: an instance has claimed the notice until then, and is sending it;
 * - null or anything else: no notice of this expiry was sent.
 * A claim is no lock, as sending may take longer than any transaction should. Where an instance ends before it has said
 * how the sending went, its claim runs out and the notice is due again: a notice may come twice, and is never lost.
 */

/** Minutes that a claim holds: longer than a mail server may take to refuse, shorter than the hour between two rounds. */
const CLAIM = 15;
/** Minutes ahead that a time counts as a claim: transactions that began earlier have an earlier `now()`. */
const CLAIM_HORIZON = 2 * CLAIM;

/** A key that expires before long, and the person to tell. */
export interface ExpiryNotice {
  id: string;
  name: string;
  expiresAt: Date;
  email: string;
}

/** The organizations in which a key expires within `days`, and the notice of that was not sent. */
export async function listOrganizationsToNotify(db: Kysely<Schema>, days: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select introzy_organizations_to_notify(${days}) as id`.execute(db);
  return rows.map(({ id }) => id);
}

/**
 * Claims an organization's next notice that is due, in the order of the keys' ids: of the first key `after` the given one.
 * The notice goes to the member who issued the key; where a key issued it, or that member has left, to the first owner.
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

const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/** Records that the notice of this expiry was sent. */
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
