import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { Invitation, Role } from '../shared/people.ts';
import { mayGive } from '../shared/roles.ts';
import { toAccountAddress } from '../shared/text.ts';
import { inTransaction, type Tenant } from './admission.ts';
import type { Outcome } from './outcome.ts';

/** Days of 24 hours in which an invitation can be accepted. */
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

/** Lists the invitations that were neither accepted nor cancelled, oldest first. Expired invitations are included. */
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
  inviterId: string;
  /** The inviter's role. An invitation may not give a role above the inviter's own. */
  by: Role;
  /** The digest of the token that opens the invitation. */
  tokenDigest: string;
}

/**
 * Invites an email address. An address has a single pending invitation: inviting the address again changes the role, the
 * inviter and the expiry, and ends the token of before. Failures: `outranked`, and `alreadyMember` where a member has the
 * address.
 */
export async function insertInvitation(
  db: Tenant,
  { organizationId, email, role, inviterId, by, tokenDigest }: NewInvitation,
): Promise<Outcome<Invitation>> {
  if (!mayGive(by, role)) return { failure: 'outranked' };
  const address = toAccountAddress(email);
  const given = {
    role,
    inviter_id: inviterId,
    token_digest: tokenDigest,
    expires_at: sql<Date>`now() + make_interval(hours => ${INVITATION_DAYS * 24})`,
  };
  return await inTransaction(db, async (trx) => {
    const member = await trx
      .selectFrom('members')
      .innerJoin('users', 'users.id', 'members.user_id')
      .select('members.id')
      .where('members.organization_id', '=', organizationId)
      .where('users.email', '=', address)
      .executeTakeFirst();
    if (member) return { failure: 'alreadyMember' };
    return await trx
      .insertInto('invitations')
      .values({ organization_id: organizationId, id: uuidv7(), email: address, ...given })
      .onConflict((conflict) =>
        conflict
          .columns(['organization_id', 'email'])
          .where('status', '=', sql.lit('pending'))
          // The status stays as it is. Naming it lets the audit log's trigger see the new invitation.
          .doUpdateSet({ ...given, status: 'pending' }),
      )
      .returning(columns)
      .executeTakeFirstOrThrow();
  });
}

/** Cancels a pending invitation for ever. `id` is the invitation's reference. Failure: `absent`. */
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
