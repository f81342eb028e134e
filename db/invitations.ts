import { sql } from 'kysely';
import { v4 as uuidv4 } from 'uuid';
import type { Invitation, Role } from '../shared/people.ts';
import { mayGive } from '../shared/roles.ts';
import { inTransaction, type Tenant } from './admission.ts';
import type { Outcome } from './outcome.ts';

/** Days in which an invitation can be accepted. */
const INVITATION_DAYS = 7;

const columns = [
  'reference as id',
  'email',
  'role',
  sql<Invitation['state']>`case when expires_at <= now() then 'expired' else 'pending' end`.as('state'),
  sql<string>`coalesce((select users.email from users where users.id = inviter_id), '')`.as('invitedBy'),
  'invitations.created_at as createdAt',
  'expires_at as expiresAt',
] as const;

/** The invitations that nobody accepted or took back, oldest first. */
export async function listInvitations(db: Tenant, organizationId: string): Promise<Invitation[]> {
  return await db
    .selectFrom('invitations')
    .select(columns)
    .where('organization_id', '=', organizationId)
    .where('status', '=', 'pending')
    .orderBy('created_at')
    .execute();
}

export interface NewInvitation {
  organizationId: string;
  email: string;
  role: Role;
  /** The person who invites, and their role: nobody invites to a rank above their own. */
  inviterId: string;
  by: Role;
}

/** An invitation, and what opens it: for whom it was sent to, and nobody else. */
export interface SentInvitation {
  invitation: Invitation;
  secret: string;
}

/** Invites an address; an earlier invitation of it is taken back. */
export async function insertInvitation(
  db: Tenant,
  { organizationId, email, role, inviterId, by }: NewInvitation,
): Promise<Outcome<SentInvitation>> {
  if (!mayGive(by, role)) return { failure: 'outranked' };
  const address = email.toLowerCase();
  return await inTransaction(db, async (trx) => {
    const member = await trx
      .selectFrom('members')
      .innerJoin('users', 'users.id', 'members.user_id')
      .select('members.id')
      .where('members.organization_id', '=', organizationId)
      .where('users.email', '=', address)
      .executeTakeFirst();
    if (member) return { failure: 'alreadyMember' };
    await trx
      .updateTable('invitations')
      .set({ status: 'canceled' })
      .where('organization_id', '=', organizationId)
      .where('email', '=', address)
      .where('status', '=', 'pending')
      .execute();
    // 122 random bits.
    const secret = uuidv4();
    const invitation = await trx
      .insertInto('invitations')
      .values({
        organization_id: organizationId,
        id: secret,
        email: address,
        role,
        inviter_id: inviterId,
        expires_at: sql<Date>`now() + make_interval(hours => ${INVITATION_DAYS * 24})`,
      })
      .returning(columns)
      .executeTakeFirstOrThrow();
    return { invitation, secret };
  });
}

/** Takes an invitation back, for good. `id` is what the organization knows it by. */
export async function cancelInvitation(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<Outcome<Invitation>> {
  const invitation = await db
    .updateTable('invitations')
    .set({ status: 'canceled' })
    .where('organization_id', '=', organizationId)
    .where('reference', '=', id)
    .where('status', '=', 'pending')
    .returning(columns)
    .executeTakeFirst();
  return invitation ?? { failure: 'absent' };
}
