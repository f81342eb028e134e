import { type Kysely, sql } from 'kysely';
import type { Tenant } from './admission.ts';
import type { Schema } from './schema.ts';

/** A key that expires before long, and whom to tell. */
export interface ExpiryNotice {
  id: string;
  name: string;
  expiresAt: Date;
  email: string;
}

/** The organizations in which a key expires within `days`, and nobody was told. */
export async function listOrganizationsToNotify(db: Kysely<Schema>, days: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select introzy_organizations_to_notify(${days}) as id`.execute(db);
  return rows.map(({ id }) => id);
}

/**
 * Takes the notices of an organization that are due, so that no other instance sends them too. To the member who issued
 * the key; where that was a key, or the person has left, to the owners' first.
 */
export async function takeExpiryNotices(
  db: Tenant,
  { organizationId, days }: { organizationId: string; days: number },
): Promise<ExpiryNotice[]> {
  const { rows } = await sql<ExpiryNotice>`
    update api_keys k set expiry_notice_for = k.expires_at
      where k.organization_id = ${organizationId} and k.revoked_at is null and k.expires_at > now()
        and k.expires_at <= now() + make_interval(hours => ${days * 24})
        and k.expiry_notice_for is distinct from k.expires_at
      returning k.id, k.name, k.expires_at as "expiresAt", (
        select u.email from members m join users u on u.id = m.user_id
          where m.organization_id = k.organization_id and (m.role = 'owner' or m.user_id::text = k.created_by_id)
          order by m.user_id::text = k.created_by_id desc, m.created_at limit 1) as email`.execute(db);
  return rows;
}

/** Gives a notice back that could not be sent: it is due again. */
export async function returnExpiryNotice(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<void> {
  await db
    .updateTable('api_keys')
    .set({ expiry_notice_for: null })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .execute();
}
