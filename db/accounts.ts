import { type Kysely, sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { toAccountAddress } from '../shared/text.ts';
import { inTransaction } from './admission.ts';
import type { Schema } from './schema.ts';

/**
 * Finds the account of an email address, or makes the account, for the operator, who answers for the address of a new
 * account. A new account without a `passwordHash` has no password: its person sets a password by a password reset. An
 * account that existed keeps its password, and may be a stranger's where its address is not verified.
 */
export async function insertUser(
  db: Kysely<Schema>,
  { email, passwordHash }: { email: string; passwordHash: string | undefined },
): Promise<{ id: string; isNew: boolean; isVerified: boolean }> {
  const address = toAccountAddress(email);
  const made = await db
    .insertInto('users')
    .values({ id: uuidv7(), name: address, email: address, email_verified: true })
    .onConflict((conflict) => conflict.column('email').doNothing())
    .returning('id')
    .executeTakeFirst();
  if (!made) {
    const { id, email_verified: isVerified } = await db
      .selectFrom('users')
      .select(['id', 'email_verified'])
      .where('email', '=', address)
      // A verification at the same time comes before or after the transaction.
      .forUpdate()
      .executeTakeFirstOrThrow();
    return { id, isNew: false, isVerified };
  }
  if (passwordHash !== undefined) {
    await db
      .insertInto('accounts')
      .values({
        id: uuidv7(),
        user_id: made.id,
        account_id: made.id,
        provider_id: 'credential',
        password: passwordHash,
      })
      .execute();
  }
  return { id: made.id, isNew: true, isVerified: true };
}

/** The organization that a person has been a member of for longest. */
export async function findFirstOrganization(db: Kysely<Schema>, userId: string): Promise<string | undefined> {
  const member = await db
    .selectFrom('members')
    .select('organization_id')
    .where('user_id', '=', userId)
    .orderBy('created_at')
    .limit(1)
    .executeTakeFirst();
  return member?.organization_id;
}

/**
 * The number of organizations that a person has made and still owns: those where nobody has been a member for longer.
 * Organizations that others have invited the person to do not count. A deleted organization counts until it is erased:
 * its name stays taken, and it can come back.
 */
export async function countOwnOrganizations(db: Kysely<Schema>, userId: string): Promise<number> {
  return await withDeleted(db, async (trx) => {
    const { rows } = await sql<{ count: number }>`
      select count(*)::int as count from members m
        where m.user_id = ${userId} and m.role = 'owner' and not exists (
          select from members before
            where before.organization_id = m.organization_id and before.created_at < m.created_at)`.execute(trx);
    return rows[0]?.count ?? 0;
  });
}

/** True where the invitation `id` was sent to `email` and can be accepted: pending and not expired. */
export async function isInvited(db: Kysely<Schema>, { id, email }: { id: string; email: string }): Promise<boolean> {
  const invitation = await db
    .selectFrom('invitations')
    .select('id')
    .where('id', '=', id)
    .where('email', '=', toAccountAddress(email))
    .where('status', '=', 'pending')
    .where('expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst();
  return invitation !== undefined;
}

/**
 * Finds an invitation that a person has accepted, by the invitation's id, with the membership; `memberId` is null while
 * the membership is not made yet, or not any more.
 */
export async function findAcceptedInvitation(
  db: Kysely<Schema>,
  { id, userId }: { id: string; userId: string },
): Promise<{ organizationId: string; role: string; memberId: string | null } | undefined> {
  return await db
    .selectFrom('invitations')
    .innerJoin('users', 'users.email', 'invitations.email')
    .leftJoin('members', (join) =>
      join
        .onRef('members.user_id', '=', 'users.id')
        .onRef('members.organization_id', '=', 'invitations.organization_id'),
    )
    .select(['invitations.organization_id as organizationId', 'invitations.role', 'members.id as memberId'])
    .where('invitations.id', '=', id)
    .where('invitations.status', '=', 'accepted')
    .where('users.id', '=', userId)
    .executeTakeFirst();
}

/** The most rows that a statement deletes. A row's deletion is quick, and another instance may delete at the same time. */
const DELETE_BATCH = 1_000;

/**
 * Deletes expired sessions, and expired verifications (the tokens of password resets), in batches that commit one by
 * one. `signal` ends the call between two batches.
 */
export async function deleteExpiredSessions(db: Kysely<Schema>, signal?: AbortSignal): Promise<void> {
  for (const table of ['sessions', 'verifications'] as const) {
    for (let isFull = true; isFull && !signal?.aborted; ) {
      const { numAffectedRows = 0n } = await sql`
        delete from ${sql.table(table)} where id in (
          select id from ${sql.table(table)} where expires_at < now()
            order by expires_at limit ${DELETE_BATCH} for update skip locked)`.execute(db);
      isFull = numAffectedRows === BigInt(DELETE_BATCH);
    }
  }
}

type Work<T> = (trx: Kysely<Schema>) => Promise<T>;

/** Runs work whose new sessions are no sign-ins: the audit log has no entry for these sessions. */
export const withoutSignIn = <T>(db: Kysely<Schema>, work: Work<T>): Promise<T> =>
  withSetting(db, 'introzy.goes_on', work);

/** Runs work that sees the memberships and invitations of deleted organizations too: a restoration must find them right. */
export const withDeleted = <T>(db: Kysely<Schema>, work: Work<T>): Promise<T> =>
  withSetting(db, 'introzy.with_deleted', work);

/** Runs work in a transaction with a setting that the policies and triggers of the accounts read. */
async function withSetting<T>(db: Kysely<Schema>, name: string, work: Work<T>): Promise<T> {
  return await inTransaction(db, async (trx) => {
    await sql`select set_config(${name}, 'on', true)`.execute(trx);
    return await work(trx);
  });
}
