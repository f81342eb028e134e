import { type Kysely, sql } from 'kysely';
import type { Schema } from './schema.ts';

/** A passkey, as its person sees it. */
export interface Passkey {
  id: string;
  name: string;
  createdAt: Date;
  lastUsedAt: Date | null;
}

/** Lists a person's passkeys, oldest first. */
export async function listPasskeys(db: Kysely<Schema>, userId: string): Promise<Passkey[]> {
  return await db
    .selectFrom('passkeys')
    .select(['id', 'name', 'created_at as createdAt', 'last_used_at as lastUsedAt'])
    .where('user_id', '=', userId)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
}

/** Finds the email address of the person whose passkey has the id `credentialId`. */
export async function findPasskeyEmail(db: Kysely<Schema>, credentialId: string): Promise<string | undefined> {
  const person = await db
    .selectFrom('passkeys')
    .innerJoin('users', 'users.id', 'passkeys.user_id')
    .select('users.email')
    .where('passkeys.credential_id', '=', credentialId)
    .executeTakeFirst();
  return person?.email;
}

/** Records that a person has signed in with a passkey, by the database's clock. */
export async function recordPasskeyUse(db: Kysely<Schema>, credentialId: string): Promise<void> {
  await db
    .updateTable('passkeys')
    .set({ last_used_at: sql<Date>`now()` })
    .where('credential_id', '=', credentialId)
    .execute();
}
