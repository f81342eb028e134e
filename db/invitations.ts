import { sql } from 'kysely';
import { v4 as uuidv4 } from 'uuid';
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
  /**
   * When the inviter asked, in milliseconds of `performance.now()`; now unless given. An invitation that was made since is
   * the same invitation.
   */
  askedAt?: number;
}

/**
 * An invitation, and the secret that opens the invitation. Only the invited address may receive the secret, of which the
 * database keeps a digest alone. Without a secret, another call made the invitation meanwhile, and mails its secret.
 */
export interface SentInvitation {
  invitation: Invitation;
  secret: string | undefined;
}

/** The most invitations in an hour: of an address to an organization, and of an organization. */
export const INVITATIONS_AN_HOUR = { address: 20, organization: 200 } as const;

/**
 * Invites an email address, and cancels an earlier pending invitation of the same address. Invitations of an organization
 * take turns, so that each finds those before it counted; those of an address that come at the same time are a single
 * invitation. Failures: `outranked`, `alreadyMember` where a
 * member has the address, and `tooManyInvitations`.
 */
export async function insertInvitation(
  db: Tenant,
  { organizationId, email, role, inviterId, by, askedAt = performance.now() }: NewInvitation,
): Promise<Outcome<SentInvitation>> {
  if (!mayGive(by, role)) return { failure: 'outranked' };
  const address = toAccountAddress(email);
  return await inTransaction(db, async (trx) => {
    const waited = (performance.now() - askedAt) / 1000;
    const { rows } = await sql<{ asked: string }>`
      select (clock_timestamp() - make_interval(secs => ${waited}))::text as asked,
        pg_advisory_xact_lock(hashtextextended(${`introzy invitation ${organizationId}`}, 0))`.execute(trx);
    const asked = rows[0]?.asked;
    const member = await trx
      .selectFrom('members')
      .innerJoin('users', 'users.id', 'members.user_id')
      .select('members.id')
      .where('members.organization_id', '=', organizationId)
      .where('users.email', '=', address)
      .executeTakeFirst();
    if (member) return { failure: 'alreadyMember' };
    const meanwhile = await trx
      .selectFrom('invitations')
      .select(columns)
      .where('organization_id', '=', organizationId)
      .where('email', '=', address)
      .where('status', '=', 'pending')
      .where('role', '=', role)
      // Made while this call waited for its turn.
      .where('created_at', '>', sql<Date>`${asked}::timestamptz`)
      .executeTakeFirst();
    if (meanwhile) return { invitation: meanwhile, secret: undefined };
    const retryAfterSeconds = await secondsToWait(trx, { organizationId, address });
    if (retryAfterSeconds !== null) return { failure: 'tooManyInvitations', retryAfterSeconds };
    await trx
      .updateTable('invitations')
      .set({ status: 'canceled' })
      .where('organization_id', '=', organizationId)
      .where('email', '=', address)
      .where('status', '=', 'pending')
      .execute();
    // A UUID of version 4 has 122 random bits. A trigger keeps a digest in its place.
    const secret = uuidv4();
    const invitation = await trx
      .insertInto('invitations')
      .values({
        organization_id: organizationId,
        id: secret,
        email: address,
        role,
        inviter_id: inviterId,
        created_at: sql<Date>`clock_timestamp()`,
        expires_at: sql<Date>`now() + make_interval(hours => ${INVITATION_DAYS * 24})`,
      })
      .returning(columns)
      .executeTakeFirstOrThrow();
    return { invitation, secret };
  });
}

/**
 * The seconds until the organization may invite the address; `null` where the organization may do so now. Whoever waits
 * has as many invitations in the last hour as are allowed, of the address or altogether: the oldest of these must be an
 * hour old.
 */
async function secondsToWait(trx: Tenant, { organizationId, address }: { organizationId: string; address: string }) {
  const { rows } = await sql<{ seconds: number | null }>`
    select ceil(extract(epoch from greatest(
        (array_agg(created_at order by created_at desc) filter (where email = ${address}))[${INVITATIONS_AN_HOUR.address}::int],
        (array_agg(created_at order by created_at desc))[${INVITATIONS_AN_HOUR.organization}::int]
      ) + interval '1 hour' - now()))::int as seconds
      from invitations where organization_id = ${organizationId} and created_at > now() - interval '1 hour'`.execute(
    trx,
  );
  const seconds = rows[0]?.seconds ?? null;
  return seconds === null ? null : Math.max(seconds, 1);
}

/** Cancels a pending invitation for ever. `id` is the invitation's reference, not its secret. Failure: `absent`. */
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
