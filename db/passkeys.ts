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

/** Records that a passkey began a session, by the database's clock. False where the passkey has been removed meanwhile. */
export async function recordPasskeyUse(
  db: Kysely<Schema>,
  { sessionId, credentialId }: { sessionId: string; credentialId: string },
): Promise<boolean> {
  const { rows } = await sql`
    with used as (update passkeys set last_used_at = now() where credential_id = ${credentialId} returning id)
    insert into session_proofs (session_id, with_passkey) select ${sessionId}::uuid, true from used
      returning session_id`.execute(db);
  return rows.length > 0;
}

/**
 * True where a person has passkeys, and an organization of theirs requires a second factor, but the session came by the
 * password alone. Whoever knows the password alone must not make a second factor of their own.
 */
export async function isHeldByPasskey(
  db: Kysely<Schema>,
  { userId, sessionId }: { userId: string; sessionId: string },
): Promise<boolean> {
  const { rows } = await sql`
    select where exists (select from passkeys where user_id = ${userId})
      and exists (select from members m join organization_settings o on o.id = m.organization_id
        where m.user_id = ${userId} and o.requires_factor)
      and not exists (select from two_factors where user_id = ${userId} and verified)
      and not exists (select from session_proofs where session_id = ${sessionId} and with_passkey)`.execute(db);
  return rows.length > 0;
}
