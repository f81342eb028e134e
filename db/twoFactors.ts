import { type Kysely, sql } from 'kysely';
import { toAccountAddress } from '../shared/text.ts';
import type { Schema } from './schema.ts';

/** A person's authenticator app. `isConfirmed`: a code of the app has shown that the app knows the seed. */
export interface TwoFactor {
  /** Sealed for the purpose `two_factors.secret`. */
  sealedSeed: string;
  isConfirmed: boolean;
}

/** Finds the authenticator app of a person. */
export async function findTwoFactor(db: Kysely<Schema>, userId: string): Promise<TwoFactor | undefined> {
  return await db
    .selectFrom('two_factors')
    .select(['secret as sealedSeed', 'verified as isConfirmed'])
    .where('user_id', '=', userId)
    .executeTakeFirst();
}

/** True where a person's password alone opens no session: the person has a confirmed authenticator app. */
export async function hasSecondFactor(db: Kysely<Schema>, userId: string): Promise<boolean> {
  return (await findTwoFactor(db, userId))?.isConfirmed ?? false;
}

/**
 * Takes the code of a time step for good. Gives false where a code of the step, or of a later step, was taken before: of
 * requests at once with the same code, one is served.
 */
export async function takeStep(
  db: Kysely<Schema>,
  { userId, step }: { userId: string; step: number },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('two_factors')
    .set({ last_step: step })
    .where('user_id', '=', userId)
    .where('last_step', '<', step)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Writes what a person did with their recovery codes into the audit log of each of their organizations. */
export async function recordRecovery(
  db: Kysely<Schema>,
  { userId, action, details }: { userId: string; action: string; details: { address: string; userAgent: string } },
): Promise<void> {
  await sql`
    insert into audit_log (organization_id, actor, action, subject, details)
      select m.organization_id, person, ${action}, person, ${JSON.stringify(details)}::jsonb
        from users u
        join members m on m.user_id = u.id,
        jsonb_build_object('type', 'person', 'id', u.id, 'name', u.email) person
        where u.id = ${userId}::uuid`.execute(db);
}

/**
 * Takes the second factor of the account of an email address away, and ends the account's sessions and sign-ins that are
 * under way. For the operator. `undefined` where the address has no account.
 */
export async function removeSecondFactor(
  db: Kysely<Schema>,
  email: string,
): Promise<{ hadFactor: boolean; sessions: number } | undefined> {
  return await db.transaction().execute(async (trx) => {
    const { id } =
      (await trx
        .selectFrom('users')
        .select('id')
        .where('email', '=', toAccountAddress(email))
        .forUpdate()
        .executeTakeFirst()) ?? {};
    if (id === undefined) return undefined;
    await sql`select set_config('introzy.actor', 'operator', true)`.execute(trx);
    const hadFactor = await hasSecondFactor(trx, id);
    await trx.deleteFrom('two_factors').where('user_id', '=', id).execute();
    await trx.deleteFrom('verifications').where('value', '=', id).execute();
    const ended = await trx.deleteFrom('sessions').where('user_id', '=', id).executeTakeFirst();
    return { hadFactor, sessions: Number(ended.numDeletedRows) };
  });
}
