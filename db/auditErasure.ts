import { type Kysely, sql } from 'kysely';
import type { Schema } from './schema.ts';

/*
 * The erasures that the audit log allows. The owner of the tables alone may call the functions of SQL behind them: `db` is
 * the owner's.
 */

/**
 * Erases the seals whose entries are all older than `days`, with their entries, of all organizations. Gives the number of
 * entries. Each part is a transaction; `signal` ends the call between two parts.
 */
export async function eraseOldEntries(
  db: Kysely<Schema>,
  { days, signal }: { days: number; signal?: AbortSignal | undefined },
): Promise<number> {
  let erased = 0;
  while (!signal?.aborted) {
    const { rows } = await sql<{ count: number }>`
      select introzy_erase_audit_log(null, ${days})::int as count`.execute(db);
    const count = rows[0]?.count ?? 0;
    if (count === 0) break;
    erased += count;
  }
  return erased;
}

/**
 * Erases all entries and seals of an organization, in the transaction `trx` that deletes the organization. Lock the
 * organization's row for update before, so that nobody adds an entry meanwhile.
 */
export async function eraseAuditLog(trx: Kysely<Schema>, organizationId: string): Promise<void> {
  await sql`select introzy_erase_audit_log(${organizationId}, null)`.execute(trx);
}

/**
 * Erases a person's name, places and addresses out of the entries of all organizations; the seals still hold. `names`:
 * what the person was called, such as the account's name and email addresses. Gives the number of entries. An entry of a
 * transaction that is still open is not found: db/personErasure.ts waits for such transactions, and then calls again.
 */
export async function eraseAuditNames(
  db: Kysely<Schema>,
  { userId, names }: { userId: string | null; names: string[] },
): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select introzy_erase_audit_person(${userId}, ${names})::int as count`.execute(db);
  return rows[0]?.count ?? 0;
}
