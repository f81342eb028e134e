import { type Kysely, sql } from 'kysely';
import { asAccounts } from './admission.ts';
import type { Database } from './open.ts';
import type { Schema } from './schema.ts';

/**
 * The columns of the accounts' tables that hold the digest of a text that opens something. The name of a column is the
 * purpose of its digests: `sessions.token`.
 */
export const DIGESTED_COLUMNS = [
  { table: 'sessions', column: 'token' },
  { table: 'verifications', column: 'identifier' },
] as const;

/** The form of a digest, as a regular expression of PostgreSQL: see server/auth/textDigest.ts. */
export const IS_DIGEST = '^[a-zA-Z0-9_-]{1,64}:[a-zA-Z0-9_-]{43}$';

/** How much hangs on a server secret by digests, which cannot be made anew under another secret. */
export interface DigestsInUse {
  /** `null`: texts in clear, which the version before has written. */
  secretId: string | null;
  what: 'apiKeys' | 'tokens' | (typeof DIGESTED_COLUMNS)[number]['table'];
  live: number;
  /** When the last of them ends, unless it ends or is prolonged before. */
  lastExpiresAt: Date;
}

/** Counts the digests that still open something, by server secret, in all organizations. For the operator. */
export async function countDigests(db: Database): Promise<DigestsInUse[]> {
  const { rows } = await sql<DigestsInUse>`
    select secret_id as "secretId", what, live::int, last_expires_at as "lastExpiresAt"
      from introzy_server_secrets()`.execute(db.root);
  const others = await Promise.all(DIGESTED_COLUMNS.map((column) => countColumn(asAccounts(db), column)));
  return [...rows, ...others.flat()];
}

async function countColumn(db: Kysely<Schema>, { table, column }: (typeof DIGESTED_COLUMNS)[number]) {
  const { rows } = await sql<DigestsInUse>`
    select case when ${sql.ref(column)} ~ ${IS_DIGEST} then split_part(${sql.ref(column)}, ':', 1) end as "secretId",
        ${table}::text as what, count(*)::int as live, max(expires_at) as "lastExpiresAt"
      from ${sql.table(table)} where expires_at > now() group by 1`.execute(db);
  return rows;
}
