import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Database } from '../../db/open.ts';
import type { Schema } from '../../db/schema.ts';
import { runAs } from './database.ts';

const TABLES = [
  ...([
    'organizations',
    'organization_settings',
    'api_keys',
    'api_key_secrets',
    'api_key_tokens',
    'api_key_places',
    'api_key_days',
    'api_key_notices',
    'contacts',
    'contact_emails',
    'contact_tags',
    'contact_words',
    'contact_words_left',
    'kept_answers',
    'audit_log',
    'audit_seals',
    'audit_seal_entries',
    'audit_chains',
    'failed_sign_ins',
  ] as const),
  ...(['members', 'invitations', 'users', 'accounts', 'sessions', 'session_proofs'] as const),
  ...(['verifications', 'two_factors', 'passkeys'] as const),
];

/**
 * A test's database. `adminUrl` is a superuser's URL, and `undefined` for the embedded database, whose only user is a
 * superuser.
 */
export interface Opened {
  db: Database;
  adminUrl: string | undefined;
}

/** A row, as PostgreSQL's `to_jsonb` writes a row. */
export type Row = Record<string, unknown> & { organization_id: string };

/** Reads every row of every table, in one statement. The policies hide no row from this reader. */
export async function readTables(app: Opened): Promise<Record<(typeof TABLES)[number], Row[]>> {
  const all = TABLES.map((table) => `select '${table}' as name, to_jsonb(t) as row from ${table} t`);
  const rows = await runAsAdmin(app, `select name, row from (${all.join(' union all ')}) as each order by row::text`);
  const byTable = Map.groupBy(rows, ({ name }) => name);
  const rowsOf = (table: string) => (byTable.get(table) ?? []).map(({ row }) => row as Row);
  return Object.fromEntries(TABLES.map((table) => [table, rowsOf(table)])) as Record<(typeof TABLES)[number], Row[]>;
}

/**
 * Runs a statement as a superuser, whom no policy holds: PostgreSQL's superuser, or the embedded database's only user.
 */
export async function runAsAdmin({ db, adminUrl }: Opened, statement: string): Promise<Record<string, unknown>[]> {
  if (adminUrl !== undefined) return (await runAs(adminUrl, [statement]))[0]?.rows ?? [];
  return await runAsRoot(db.root, statement);
}

/** Runs a statement as the connection's own role. */
export async function runAsRoot(db: Kysely<Schema>, statement: string): Promise<Record<string, unknown>[]> {
  return (await sql.raw<Record<string, unknown>>(statement).execute(db)).rows;
}
