import { type Kysely, sql } from 'kysely';
import type { CurrentSession, Role } from '../shared/people.ts';
import { scopesOf } from '../shared/roles.ts';
import type { Tenant } from './admission.ts';
import type { Outcome } from './outcome.ts';
import type { Schema } from './schema.ts';

/** The person of a session, as a member of the session's active organization. */
export interface SessionPerson {
  organizationId: string;
  userId: string;
  role: Role;
  hasFactor: boolean;
  /** The organization requires a second factor of every member. */
  requiresFactor: boolean;
}

/**
 * Finds the person of a session; `undefined` where the session has expired, or the person is not a member of the
 * session's active organization.
 */
export async function findSessionPerson(db: Kysely<Schema>, sessionId: string): Promise<SessionPerson | undefined> {
  const { rows } = await sql<SessionPerson>`
    select organization_id as "organizationId", user_id as "userId", role,
        has_factor as "hasFactor", requires_factor as "requiresFactor"
      from introzy_session_member(${sessionId})`.execute(db);
  return rows[0];
}

/** What a signed-in person sees of their own account: the person, the organization, the role and the role's scopes. */
export async function getCurrentSession(
  db: Tenant,
  { organizationId, userId }: { organizationId: string; userId: string },
): Promise<Outcome<CurrentSession>> {
  const row = await db
    .selectFrom('members')
    .innerJoin('users', 'users.id', 'members.user_id')
    .innerJoin('organizations', 'organizations.id', 'members.organization_id')
    .leftJoin('organization_settings', 'organization_settings.id', 'organizations.id')
    .select([
      'users.id',
      'users.name',
      'users.email',
      'members.role',
      'organizations.id as organizationId',
      'organizations.name as organizationName',
      sql<boolean>`coalesce(requires_factor, false)`.as('requiresFactor'),
    ])
    .where('members.organization_id', '=', organizationId)
    .where('members.user_id', '=', userId)
    .executeTakeFirst();
  if (!row) return { failure: 'absent' };
  const { id, name, email, role } = row;
  const organization = { id: row.organizationId, name: row.organizationName, requiresFactor: row.requiresFactor };
  return { person: { id, name, email }, organization, role, scopes: scopesOf(role) };
}

/**
 * The organization's first owner. The operator issues keys in this owner's name. Where the only owner is still to verify
 * their address, the owner to be, with the address as `name`.
 */
export async function getOwner(db: Tenant, organizationId: string): Promise<{ id: string; name?: string | undefined }> {
  const owner = await db
    .selectFrom('members')
    .select('user_id as id')
    .where('organization_id', '=', organizationId)
    .where('role', '=', 'owner')
    .orderBy('created_at')
    .orderBy('members.id')
    .limit(1)
    .executeTakeFirst();
  if (owner) return owner;
  return await db
    .selectFrom('invitations')
    .select(['inviter_id as id', 'email as name'])
    .where('organization_id', '=', organizationId)
    .where('role', '=', 'owner')
    .orderBy('created_at')
    .limit(1)
    .executeTakeFirstOrThrow();
}
