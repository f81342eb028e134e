import type { Kysely } from 'kysely';
import type { Schema } from './schema.ts';

/** True where a person's password still has the hash. */
export async function isCurrentPassword(
  db: Kysely<Schema>,
  { userId, hash }: { userId: string; hash: string },
): Promise<boolean> {
  const account = await db
    .selectFrom('accounts')
    .select('password')
    .where('user_id', '=', userId)
    .where('provider_id', '=', 'credential')
    .executeTakeFirst();
  return account?.password === hash;
}

/** Ends every session of a person, but for the session `except`. */
export async function endSessions(
  db: Kysely<Schema>,
  { userId, except }: { userId: string; except?: string | undefined },
): Promise<void> {
  let ended = db.deleteFrom('sessions').where('user_id', '=', userId);
  if (except !== undefined) ended = ended.where('id', '!=', except);
  await ended.execute();
}

/** Ends a session. */
export async function endSession(db: Kysely<Schema>, id: string): Promise<void> {
  await db.deleteFrom('sessions').where('id', '=', id).execute();
}
