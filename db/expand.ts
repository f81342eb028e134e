import { type Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { first, type MigrateOptions, migrations } from './migrationList.ts';
import {
  createLog,
  inOneWait,
  inShortLocks,
  PATIENCE,
  readFinished,
  recordProgress,
  setLockTimeout,
} from './migrationLog.ts';
import type { Database } from './open.ts';
import type { Schema } from './schema.ts';

/**
 * Runs the migrations that come before serving. A lock lets each migration run once, however many processes start
 * together. A failure undoes the migration that failed; the next call goes on from there. Gives the names of the
 * migrations that the call ran.
 */
export async function expand({ root }: Database, { to, list = migrations }: MigrateOptions = {}): Promise<string[]> {
  const isWanted = (name: string) => to === undefined || name <= to;
  const wantedFirst = Object.keys(first).filter(isWanted);
  const wanted = Object.entries(list).flatMap(([name, { kind, ...rest }]) =>
    kind === 'expand' && 'up' in rest && isWanted(name) ? [{ name, up: rest.up }] : [],
  );
  const finished = await readFinished(root);
  if ([...wantedFirst, ...wanted.map(({ name }) => name)].every((name) => finished.has(name))) return [];

  await createLockTable(root);
  const ran = await inTurn(root, async (trx, done) =>
    wantedFirst.every((name) => done.has(name)) ? [] : await runFirst(trx, wantedFirst.at(-1) as string),
  );
  for (const { name, up } of wanted) {
    const added = await inTurn(root, async (trx, done) => {
      await createLog(trx);
      if (done.has(name)) return [];
      await up(inOneWait(trx));
      await recordProgress(trx, name, null);
      return [name];
    });
    ran.push(...added);
  }
  return ran;
}

/**
 * Runs `work` in a transaction of its own, while no other process migrates. `done`: the names of the finished
 * migrations.
 *
 * A transaction has one migration: requests hold a key's tables and wait for other tables, so a transaction with the
 * tables of all migrations would hold some tables and never get the others while instances of the version before serve.
 */
async function inTurn(
  root: Database['root'],
  work: (trx: Kysely<Schema>, done: Set<string>) => Promise<string[]>,
): Promise<string[]> {
  return await inShortLocks(root, async (trx) => {
    await setLockTimeout(trx, PATIENCE);
    await sql`lock table introzy_migration_lock in exclusive mode`.execute(trx);
    await setLockTimeout(trx);
    return await work(trx, await readFinished(trx));
  });
}

/** Runs the first migrations by Kysely's Migrator, which records the migrations where older versions look. */
async function runFirst(trx: Kysely<Schema>, to: string): Promise<string[]> {
  const migrator = new Migrator({ db: trx, provider: { getMigrations: async () => ({ ...first }) } });
  const { error, results = [] } = await migrator.migrateTo(to);
  if (error) throw error;
  return results.map(({ migrationName }) => migrationName);
}

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
