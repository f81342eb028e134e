import { CompiledQuery, type Kysely, type QueryResult, sql } from 'kysely';
import { createKysely, type Statement } from './driver/connection.ts';
import { isLockFailure } from './errors.ts';
import type { Schema } from './schema.ts';

/*
 * `introzy_migrations` records the migrations that have a kind. Unknown names are left alone: an instance starts on the
 * schema of a newer version. `kysely_migration` has the first migrations alone, because instances of older versions use
 * Kysely's Migrator, and the Migrator refuses unknown names.
 */

/** Makes the table of migrations. The caller holds the lock of migrations. */
export async function createLog(trx: Kysely<Schema>): Promise<void> {
  await sql`create table if not exists introzy_migrations (
    name text primary key, progress jsonb, finished_at timestamptz(3))`.execute(trx);
}

/** Reads the names of the finished migrations. */
export async function readFinished(db: Kysely<Schema>): Promise<Set<string>> {
  const { rows: tables } = await sql<{ source: string }>`
    select source from (values ('kysely_migration', 'select name from kysely_migration'),
      ('introzy_migrations', 'select name from introzy_migrations where finished_at is not null')) t (name, source)
      where to_regclass(name) is not null`.execute(db);
  if (tables.length === 0) return new Set();
  const { rows } = await sql.raw<{ name: string }>(tables.map(({ source }) => source).join(' union all ')).execute(db);
  return new Set(rows.map(({ name }) => name));
}

/** Takes the migration's row for this transaction, and gives its progress. `finished` where nothing is left to do. */
export async function lockProgress(
  trx: Kysely<Schema>,
  name: string,
): Promise<{ progress: unknown; finished: boolean }> {
  await sql`insert into introzy_migrations (name) values (${name}) on conflict do nothing`.execute(trx);
  const { rows } = await sql<{ progress: unknown; finished: boolean }>`
    select progress, finished_at is not null as finished from introzy_migrations
      where name = ${name} for update`.execute(trx);
  return rows[0] ?? { progress: null, finished: false };
}

/** Records the progress of a migration. Without progress left, `null`, the migration is finished. */
export async function recordProgress(trx: Kysely<Schema>, name: string, progress: unknown): Promise<void> {
  const json = progress === null ? null : JSON.stringify(progress);
  await sql`
    insert into introzy_migrations (name, progress, finished_at)
      values (${name}, ${json}::jsonb, case when ${json}::jsonb is null then now() end)
      on conflict (name) do update set progress = excluded.progress, finished_at = excluded.finished_at`.execute(trx);
}

/**
 * Milliseconds of a wait for a table, and of all waits of an attempt together (`inOneWait`). Requests that need a table of
 * the migration wait behind the migration, so the wait is shorter than the limits of a request.
 */
const WAIT_FOR_TABLE = 400;
/** Milliseconds of a wait for a table once `WAIT_FOR_TABLE` is over: most requests hold a table for less. */
const LAST_WAIT = 50;
/** Milliseconds between two attempts. Meanwhile the requests that waited go on. */
const PAUSE = 600;
/** Milliseconds after which no further attempt begins. */
export const PATIENCE = 60_000;

export const setLockTimeout = (trx: Kysely<Schema>, milliseconds: number = WAIT_FOR_TABLE) =>
  sql`select set_config('lock_timeout', ${String(milliseconds)}, true)`.execute(trx);

/**
 * Gives `trx` to a migration of several tables. `lock_timeout` counts anew for each table, and the transaction keeps
 * the tables that are locked already during the wait for the next table. So each statement may wait only until `WAIT_FOR_TABLE` after
 * the call of this function. A statement that takes several tables at once may wait as long for each.
 */
export function inOneWait(trx: Kysely<Schema>): Kysely<unknown> {
  const end = performance.now() + WAIT_FOR_TABLE;
  const send = async (statements: readonly Statement[]) => {
    const answers: QueryResult<unknown>[] = [];
    for (const { sql: text, parameters } of statements) {
      await setLockTimeout(trx, Math.max(Math.ceil(end - performance.now()), LAST_WAIT));
      answers.push(await trx.executeQuery(CompiledQuery.raw(text, [...parameters])));
    }
    return answers;
  };
  const connections = { acquire: async () => ({ send }), release() {}, share: send };
  return createKysely<unknown>(connections);
}

/** Runs `work` in a transaction that waits for tables for a short time only, again and again, for up to a minute. */
export async function inShortLocks<T>(db: Kysely<Schema>, work: (trx: Kysely<Schema>) => Promise<T>): Promise<T> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    try {
      return await db.transaction().execute(async (trx) => {
        await setLockTimeout(trx);
        return await work(trx);
      });
    } catch (error) {
      if (!isLockFailure(error) || performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}
