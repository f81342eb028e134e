import { type Kysely, sql } from 'kysely';
import { CODE_PERIOD } from '../shared/codePeriod.ts';
import { toAccountAddress } from '../shared/text.ts';
import type { Schema } from './schema.ts';

/** What is kept of a person, as JSON: dates are texts. No secret and no digest of a secret is among it. */
export interface PersonData {
  /**
   * `null` where no account has the address. `underWay`: password resets, and sign-ins that wait for the second factor.
   */
  account: Record<string, unknown> | null;
  sessions: unknown[];
  /** Without the keys. */
  passkeys: unknown[];
  /** By organization: what an organization has of the person. Organizations without anything are left out. */
  organizations: OrganizationsData[];
}

interface OrganizationsData {
  id: string;
  name: string;
  membership: { role: string; joinedAt: string } | null;
  /** Invitations to the person's address, and by the person. */
  invitations: unknown[];
  /** Keys that the person has issued, or of which the person holds a secret. */
  keys: unknown[];
  failedSignIns: unknown[];
  /** Mails to the person that a key expires. */
  expiryNotices: unknown[];
  /** Entries of the audit log by the person or about the person, oldest first. */
  auditLog: unknown[];
}

/** Reads everything that is kept of the person of an address, in all organizations. `db` is the owner's of the tables. */
export async function readPerson(db: Kysely<Schema>, email: string): Promise<PersonData> {
  const address = toAccountAddress(email);
  return await db.transaction().execute(async (trx) => {
    const person = await findPerson(trx, address);
    const sessions = await sql<{ session: unknown }>`
      select jsonb_build_object('id', id, 'createdAt', created_at, 'updatedAt', updated_at, 'expiresAt', expires_at,
          'address', ip_address, 'userAgent', user_agent, 'organizationId', active_organization_id,
          'provedAt', proved_at, 'failedProofs', coalesce(failed_proofs, 0)) as session
        from sessions left join session_proofs on session_id = id where user_id = ${person.id} order by created_at`.execute(
      trx,
    );
    const passkeys = await sql<{ passkey: unknown }>`
      select jsonb_build_object('id', id, 'name', name, 'createdAt', created_at, 'lastUsedAt', last_used_at) as passkey
        from passkeys where user_id = ${person.id} order by created_at`.execute(trx);
    const organizations: OrganizationsData[] = [];
    for (const { id, name } of await trx.selectFrom('organizations').select(['id', 'name']).orderBy('id').execute()) {
      const data = await readInOrganization(trx, { organizationId: id, userId: person.id, address });
      if (Object.values(data).some((part) => part !== null && Object.keys(part).length > 0)) {
        organizations.push({ id, name, ...data });
      }
    }
    return {
      account: person.account,
      sessions: sessions.rows.map(({ session }) => session),
      passkeys: passkeys.rows.map(({ passkey }) => passkey),
      organizations,
    };
  });
}

async function findPerson(trx: Kysely<Schema>, address: string) {
  const { rows } = await sql<{ id: string; account: Record<string, unknown> }>`
    select u.id, jsonb_build_object('id', u.id, 'name', u.name, 'email', u.email, 'emailVerified', u.email_verified,
        'image', u.image, 'createdAt', u.created_at, 'updatedAt', u.updated_at,
        'secondFactor', (select jsonb_build_object('isConfirmed', f.verified,
            'lastCodeAt', case when f.last_step > 0 then to_timestamp(f.last_step * ${CODE_PERIOD}) end)
          from two_factors f where f.user_id = u.id),
        'underWay', (select coalesce(jsonb_agg(jsonb_build_object('createdAt', v.created_at, 'expiresAt', v.expires_at)
            order by v.created_at), '[]') from verifications v where v.value = u.id::text),
        'signInWith', (select coalesce(jsonb_agg(jsonb_build_object('provider', a.provider_id,
            'hasPassword', a.password is not null, 'createdAt', a.created_at, 'updatedAt', a.updated_at)), '[]')
          from accounts a where a.user_id = u.id)) as account
      from users u where u.email = ${address}`.execute(trx);
  return rows[0] ?? { id: null, account: null };
}

async function readInOrganization(
  trx: Kysely<Schema>,
  { organizationId, userId, address }: { organizationId: string; userId: string | null; address: string },
): Promise<Omit<OrganizationsData, 'id' | 'name'>> {
  await sql`select set_config('introzy.organization_id', ${organizationId}, true)`.execute(trx);
  const { rows } = await sql<Omit<OrganizationsData, 'id' | 'name'>>`
    select
      (select jsonb_build_object('role', m.role, 'joinedAt', m.created_at) from members m
        where m.organization_id = ${organizationId} and m.user_id = ${userId}) as membership,
      (select coalesce(jsonb_agg(jsonb_build_object('id', i.reference, 'email', i.email, 'role', i.role,
            'status', i.status, 'isBySelf', coalesce(i.inviter_id = ${userId}, false), 'createdAt', i.created_at,
            'expiresAt', i.expires_at) order by i.created_at), '[]') from invitations i
        where i.organization_id = ${organizationId} and (i.email = ${address} or i.inviter_id = ${userId})) as invitations,
      (select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'name', k.name, 'hint', k.hint, 'scopes', k.scopes,
            'isIssuer', k.created_by_type = 'person' and k.created_by_id = ${userId}::text, 'isHolder', held.is_held,
            'createdAt', k.created_at, 'expiresAt', k.expires_at, 'revokedAt', k.revoked_at,
            'lastUsedAt', k.last_used_at) order by k.created_at), '[]')
        from api_keys k
        cross join lateral (select exists (select from api_key_secrets s
          where s.organization_id = k.organization_id and s.api_key_id = k.id and introzy_holder(s) = ${userId}) as is_held) held
        where k.organization_id = ${organizationId}
          and (held.is_held or k.created_by_type = 'person' and k.created_by_id = ${userId}::text)) as keys,
      (select coalesce(jsonb_agg(jsonb_build_object('hour', f.hour, 'address', f.address, 'userAgent', f.user_agent,
            'count', f.count) order by f.hour), '[]') from failed_sign_ins f
        where f.organization_id = ${organizationId} and f.user_id = ${userId}) as "failedSignIns",
      (select coalesce(jsonb_agg(jsonb_build_object('keyId', n.api_key_id, 'expiresAt', n.expires_at, 'days', n.days,
            'sentAt', n.sent_at) order by n.expires_at, n.days desc), '[]') from api_key_notices n
        where n.organization_id = ${organizationId} and n.user_id = ${userId}) as "expiryNotices",
      (select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'at', a.at, 'actor', a.actor, 'action', a.action,
            'subject', a.subject, 'details', a.details) order by a.id), '[]') from audit_log a
        where a.organization_id = ${organizationId} and (a.actor->>'id' = ${userId}::text
          or a.subject->>'id' = ${userId}::text or a.subject->>'name' = ${address})) as "auditLog"`.execute(trx);
  return rows[0] as Omit<OrganizationsData, 'id' | 'name'>;
}
