import type { Kysely } from 'kysely';
import type { Schema } from './schema.ts';

/** Finds the id of the invitation that a token opens; `digests` are the token's digests under each server secret. */
export async function findInvitationId(db: Kysely<Schema>, digests: string[]): Promise<string | undefined> {
  const found = await db.selectFrom('invitations').select('id').where('token_digest', 'in', digests).executeTakeFirst();
  return found?.id;
}

/**
 * Finds an accepted invitation, and the membership that the acceptance made, for the session's person. `isAccepted`
 * without a membership: the acceptance is under way, or the person has left the organization since.
 */
export async function findAcceptance(db: Kysely<Schema>, { id, sessionId }: { id: string; sessionId: string }) {
  const invitation = await db
    .selectFrom('invitations')
    .innerJoin('users', 'users.email', 'invitations.email')
    .innerJoin('sessions', 'sessions.user_id', 'users.id')
    .select([
      'invitations.id',
      'invitations.organization_id as organizationId',
      'invitations.email',
      'invitations.role',
      'invitations.status',
      'invitations.inviter_id as inviterId',
      'invitations.expires_at as expiresAt',
      'invitations.created_at as createdAt',
      'users.id as userId',
    ])
    .where('invitations.id', '=', id)
    .where('invitations.status', '=', 'accepted')
    .where('sessions.id', '=', sessionId)
    .executeTakeFirst();
  if (!invitation) return { isAccepted: false };
  const { userId, ...accepted } = invitation;
  const member = await db
    .selectFrom('members')
    .select(['id', 'organization_id as organizationId', 'user_id as userId', 'role', 'created_at as createdAt'])
    .where('organization_id', '=', accepted.organizationId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return { isAccepted: true, ...(member && { acceptance: { invitation: accepted, member } }) };
}
