import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import * as initial from './migrations/0001_initial.ts';
import * as accounts from './migrations/0002_accounts.ts';
import * as auditLog from './migrations/0003_audit_log.ts';
import * as admission from './migrations/0004_admission.ts';
import type { Schema } from './schema.ts';

/** Append-only: a released migration is never edited. Imports by name put every migration into a bundle. */
const migrations: Record<string, Migration> = {
  '0001_initial': initial,
  '0002_accounts': accounts,
  '0003_audit_log': auditLog,
  '0004_admission': admission,
};

/** Milliseconds that an instance waits for another instance to finish its migrations. */
const WAIT_FOR_PEERS = 60_000;
/** Milliseconds that a migration waits for a table in use. */
const WAIT_FOR_TABLES = 5_000;

/**
 * Brings the database to the newest schema, or to the migration named `to`, such as `0002_accounts`. A lock lets each
 * migration run once, however many processes start together. A failure undoes the whole call.
 * Answers with the names of the migrations that the call ran.
 */
export async function migrate(db: Kysely<Schema>, to?: string): Promise<string[]> {
  await createLockTable(db);
  return db.transaction().execute(async (trx) => {
    await setLockTimeout(trx, WAIT_FOR_PEERS);
    await sql`lock table introzy_migration_lock in exclusive mode`.execute(trx);
    await setLockTimeout(trx, WAIT_FOR_TABLES);
    const migrator = new Migrator({ db: trx, provider: { getMigrations: async () => migrations } });
    const { error, results = [] } = await (to === undefined ? migrator.migrateToLatest() : migrator.migrateTo(to));
    if (error) throw error;
    return results.map(({ migrationName }) => migrationName);
  });
}

const setLockTimeout = (trx: Kysely<Schema>, milliseconds: number) =>
  sql`select set_config('lock_timeout', ${String(milliseconds)}, true)`.execute(trx);

async function createLockTable(db: Kysely<Schema>) {
  try {
    await sql`create table if not exists introzy_migration_lock ()`.execute(db);
  } catch (error) {
    // `if not exists` fails where another process creates the table at the same moment. Then the table exists by now.
    const { rows } = await sql<{ found: boolean }>`
      select to_regclass('introzy_migration_lock') is not null as found`.execute(db);
    if (!rows[0]?.found) throw error;
  }
}
