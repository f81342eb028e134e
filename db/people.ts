import { type Kysely, sql } from 'kysely';
import type { CurrentSession, Role } from '../shared/people.ts';
import { scopesOf } from '../shared/roles.ts';
import type { Tenant } from './admission.ts';
import type { Outcome } from './outcome.ts';
import type { Schema } from './schema.ts';

/** Who a session is: a member of the organization that it is about. */
export interface SessionPerson {
  organizationId: string;
  userId: string;
  role: Role;
}

/** Who a session is; `undefined` where it is over, or the person is no member of its organization. */
export async function findSessionPerson(db: Kysely<Schema>, sessionId: string): Promise<SessionPerson | undefined> {
  const { rows } = await sql<SessionPerson>`
    select organization_id as "organizationId", user_id as "userId", role
      from introzy_session_person(${sessionId})`.execute(db);
  return rows[0];
}

/** A person in the organization, as they see themselves. */
export async function getCurrentSession(
  db: Tenant,
  { organizationId, userId }: { organizationId: string; userId: string },
): Promise<Outcome<CurrentSession>> {
  const row = await db
    .selectFrom('members')
    .innerJoin('users', 'users.id', 'members.user_id')
    .innerJoin('organizations', 'organizations.id', 'members.organization_id')
    .select([
      'users.id',
      'users.name',
      'users.email',
      'members.role',
      'organizations.id as organizationId',
      'organizations.name as organizationName',
    ])
    .where('members.organization_id', '=', organizationId)
    .where('members.user_id', '=', userId)
    .executeTakeFirst();
  if (!row) return { failure: 'absent' };
  const { id, name, email, role } = row;
  const organization = { id: row.organizationId, name: row.organizationName };
  return { person: { id, name, email }, organization, role, scopes: scopesOf(role) };
}

/** The organization's first owner: in whose name the operator issues keys. */
export async function getOwner(db: Tenant, organizationId: string): Promise<{ id: string }> {
  return await db
    .selectFrom('members')
    .select('user_id as id')
    .where('organization_id', '=', organizationId)
    .where('role', '=', 'owner')
    .orderBy('created_at')
    .orderBy('members.id')
    .limit(1)
    .executeTakeFirstOrThrow();
}
