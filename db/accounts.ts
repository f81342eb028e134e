import { type Kysely, sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { toAccountAddress } from '../shared/text.ts';
import type { Schema } from './schema.ts';

/**
 * Finds the account of an email address, or makes the account. A new account without a `passwordHash` has no password:
 * its person sets a password by a password reset. `isNew` is false for an account that existed; its password stays.
 */
export async function insertUser(
  db: Kysely<Schema>,
  { email, passwordHash }: { email: string; passwordHash: string | undefined },
): Promise<{ id: string; isNew: boolean }> {
  const address = toAccountAddress(email);
  const made = await db
    .insertInto('users')
    .values({ id: uuidv7(), name: address, email: address })
    .onConflict((conflict) => conflict.column('email').doNothing())
    .returning('id')
    .executeTakeFirst();
  if (!made) {
    const { id } = await db.selectFrom('users').select('id').where('email', '=', address).executeTakeFirstOrThrow();
    return { id, isNew: false };
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
  return { id: made.id, isNew: true };
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
 * Records a failed sign-in to the account of an email address, in the audit log of each organization of the account's
 * person. Without an account, or without an organization, nothing is recorded.
 */
export async function recordFailedSignIn(
  db: Kysely<Schema>,
  { email, address, userAgent }: { email: string; address: string; userAgent: string },
): Promise<void> {
  await sql`
    insert into audit_log (organization_id, actor, action, subject, details)
      select m.organization_id, person, 'person.signInFailed', person,
          jsonb_build_object('address', ${address}::text, 'userAgent', ${userAgent}::text)
        from users u
        join members m on m.user_id = u.id,
        jsonb_build_object('type', 'person', 'id', u.id, 'name', u.email) person
        where u.email = ${toAccountAddress(email)}`.execute(db);
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
