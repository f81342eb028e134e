import { type Kysely, sql } from 'kysely';
import { v4 as uuidv4 } from 'uuid';
import { toAccountAddress } from '../shared/text.ts';
import { withDeleted } from './accounts.ts';
import { asOperator, inTransaction, type Tenant } from './admission.ts';
import { settleHeldKeys } from './heldKeys.ts';
import { lockFamilies } from './keyFamily.ts';
import type { CallDatabase } from './open.ts';
import type { Schema } from './schema.ts';

/** The account of an email address, and whether its person has proved that mail to the address reaches them. */
export async function findAccount(
  db: Kysely<Schema>,
  email: string,
): Promise<{ id: string; isVerified: boolean } | undefined> {
  return await db
    .selectFrom('users')
    .select(['id', 'email_verified as isVerified'])
    .where('email', '=', toAccountAddress(email))
    .executeTakeFirst();
}

/** True where the person of an account has proved that mail to their address reaches them. */
export async function isVerified(db: Kysely<Schema>, userId: string): Promise<boolean> {
  const user = await db.selectFrom('users').select('email_verified').where('id', '=', userId).executeTakeFirst();
  return user?.email_verified ?? false;
}

/**
 * Makes a person an owner once their address is verified. Until then the person is no member, and the organization has
 * an invitation of the person by themselves, whose secret nobody knows.
 */
export async function insertAwaitedOwner(
  db: Tenant,
  { organizationId, userId, email }: { organizationId: string; userId: string; email: string },
): Promise<void> {
  await db
    .insertInto('invitations')
    .values({
      organization_id: organizationId,
      id: uuidv4(),
      email: toAccountAddress(email),
      role: 'owner',
      inviter_id: userId,
      expires_at: sql<Date>`now() + interval '10 years'`,
    })
    .execute();
}

/**
 * Records that a person has proved their address, and gives the memberships that await the proof, in deleted
 * organizations too. Also ends what the mails before can open: every password reset of the person that is under way; and,
 * with the first proof, every session.
 */
export async function verifyAddress(db: Kysely<Schema>, userId: string): Promise<void> {
  await withDeleted(db, async (trx) => {
    // Waits for a `setup` under way. A statement does not see what another transaction commits while the statement waits:
    // the next statement sees the invitation that the `setup` has left.
    await trx.selectFrom('users').select('id').where('id', '=', userId).forUpdate().execute();
    await sql`
      with unproved as (
        select id from users where id = ${userId} and not email_verified),
      signed_out as (
        delete from sessions s using unproved where s.user_id = unproved.id),
      verified as (
        update users set email_verified = true, updated_at = now() where id = ${userId} returning id, email),
      ended as (
        delete from verifications where value = ${userId}),
      taken as (
        update invitations i set status = 'accepted' from verified v
          where i.inviter_id = v.id and i.email = v.email and i.status = 'pending' and i.expires_at > now()
          returning i.organization_id, i.role)
      insert into members (organization_id, id, user_id, role)
        select organization_id, gen_random_uuid(), ${userId}::uuid, role from taken
        on conflict (organization_id, user_id) do nothing`.execute(trx);
  });
}

/**
 * Ends what may be a stranger's in an account whose address is not verified, before its person sets a password of their
 * own: the keys that the account holds, with the keys that those have issued, and the invitations that the account has
 * sent, also in deleted organizations, which may be restored. `accounts` finds the organizations. An account that is
 * verified keeps its keys and invitations.
 */
export async function endUnprovedAccess(
  { accounts, db }: { accounts: Kysely<Schema>; db: CallDatabase },
  userId: string,
): Promise<void> {
  if (await isVerified(accounts, userId)) return;
  const { rows } = await withDeleted(accounts, async (trx) => {
    await trx
      .updateTable('invitations')
      .set({ status: 'canceled' })
      .where('inviter_id', '=', userId)
      .where('status', '=', 'pending')
      .where('email', '<>', (users) => users.selectFrom('users').select('email').where('id', '=', userId))
      .execute();
    return await sql<{ organizationId: string }>`
      select organization_id as "organizationId" from members where user_id = ${userId}
        union select organization_id from invitations where inviter_id = ${userId}`.execute(trx);
  });
  for (const { organizationId } of rows) {
    await inTransaction(asOperator(db, organizationId), async (trx) => {
      await lockFamilies(trx, organizationId);
      await settleHeldKeys(trx, { organizationId, userId, keep: [] });
    });
  }
}

/**
 * Gives an account whose address was not verified to the person who has now proved the address: with that person's name
 * and password. Every session of the account ends. An account that is verified meanwhile stays as it is.
 */
export async function takeOverAccount(
  db: Kysely<Schema>,
  { userId, name, passwordHash }: { userId: string; name: string; passwordHash: string },
): Promise<void> {
  await sql`
    with taken as (
      update users set name = ${name} where id = ${userId} and not email_verified returning id),
    ended as (
      delete from sessions s using taken t where s.user_id = t.id)
    insert into accounts (id, user_id, account_id, provider_id, password)
      select gen_random_uuid(), id, id::text, 'credential', ${passwordHash} from taken
      on conflict (provider_id, account_id) do update set password = excluded.password, updated_at = now()`.execute(db);
  await verifyAddress(db, userId);
}

/** Ends every password reset of a person that is under way. */
export async function endResets(db: Kysely<Schema>, userId: string): Promise<void> {
  await db.deleteFrom('verifications').where('value', '=', userId).execute();
}
