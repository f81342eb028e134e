import { type Kysely, sql } from 'kysely';
import { isLockFailure } from './errors.ts';
import { type Background, type Contract, type Index, type MigrateOptions, migrations } from './migrationList.ts';
import { inOneWait, inShortLocks, lockProgress, readFinished, recordProgress, setLockTimeout } from './migrationLog.ts';
import type { Database } from './open.ts';

/**
 * Does the migrations that run beside the service, in the order of their names. Of several processes one works, and the
 * others wait. Gives the names of the migrations that the call finished. `signal` ends the call between two steps; the
 * next call resumes the work.
 */
export async function runBackground(
  db: Database,
  { to, list = migrations, signal }: MigrateOptions = {},
): Promise<string[]> {
  const wanted = Object.entries(list).flatMap(([name, migration]) =>
    migration.kind !== 'expand' && (to === undefined || name <= to) ? [{ name, migration }] : [],
  );
  const findPending = async () => {
    const finished = await readFinished(db.root);
    return wanted.filter(({ name }) => !finished.has(name));
  };
  if ((await findPending()).length === 0) return [];
  const work = async () => {
    const done: string[] = [];
    for (const { name, migration } of await findPending()) {
      if (await runOne(db, { name, migration, signal })) done.push(name);
      else break;
    }
    return done;
  };
  return db.kind === 'embedded' ? await work() : await alone(db, { work, signal });
}

/** Milliseconds of a single wait for a lock that keeps nobody else from the table. */
const WAIT_BESIDE = 2_000;

/**
 * Runs `work` while a second connection holds a lock, in a transaction that does nothing else. The lock ends with the
 * connection, so a killed process leaves no lock; and the lock belongs to the transaction, so a transaction pooler keeps
 * the lock. The transaction has no snapshot while the transaction waits: `create index concurrently` waits for all older
 * snapshots, and would wait for ever.
 */
async function alone(
  { root }: Database,
  { work, signal }: { work: () => Promise<string[]>; signal: AbortSignal | undefined },
): Promise<string[]> {
  let isHeld = false;
  let done: string[] | undefined;
  while (!signal?.aborted && !isHeld) {
    try {
      await root.transaction().execute(async (trx) => {
        await setLockTimeout(trx, WAIT_BESIDE);
        await sql`select set_config('idle_in_transaction_session_timeout', '0', true)`.execute(trx);
        await sql`lock table introzy_migrations in share update exclusive mode`.execute(trx);
        isHeld = true;
        done = await work();
      });
    } catch (error) {
      // The work is done even where the connection that held the lock was lost. Every step excludes others by itself.
      if (done === undefined && (isHeld || !isLockFailure(error))) throw error;
    }
  }
  return done ?? [];
}

interface Step {
  name: string;
  migration: Background | Contract;
  signal: AbortSignal | undefined;
}

/** Runs a migration. False where `signal` came before the end. */
async function runOne(db: Database, { name, migration, signal }: Step): Promise<boolean> {
  if (migration.kind === 'contract') {
    await inShortLocks(db.root, async (trx) => {
      const { finished } = await lockProgress(trx, name);
      if (finished) return;
      await migration.up(inOneWait(trx));
      await recordProgress(trx, name, null);
    });
    return true;
  }
  for (const index of migration.indexes ?? []) {
    if (signal?.aborted) return false;
    await buildIndex(db, index, signal);
  }
  for (let isDone = false; !isDone; ) {
    if (signal?.aborted) return false;
    // The row of the migration is locked during the batch: no other process does the same batch.
    isDone = await inShortLocks(db.root, async (trx) => {
      const { progress, finished } = await lockProgress(trx, name);
      if (finished) return true;
      const next = (await migration.batch?.(trx as Kysely<unknown>, progress)) ?? null;
      await recordProgress(trx, name, next);
      return next === null;
    });
  }
  return true;
}

/** Builds an index beside the service. An index that a killed process has left half-built is built anew. */
async function buildIndex({ root, kind }: Database, { name, table, as }: Index, signal: AbortSignal | undefined) {
  const run = (statement: string) => sql.raw(statement).execute(root);
  if (kind === 'embedded') return void (await run(`create index if not exists ${name} on ${table} ${as}`));
  while (!signal?.aborted) {
    try {
      const state = await readIndex(root, { name, table });
      if (state === 'built') return;
      if (state === 'invalid') await run(`drop index concurrently if exists ${name}`);
      await run(`create index concurrently ${name} on ${table} ${as}`);
    } catch (error) {
      if (!isLockFailure(error)) throw error;
    }
  }
}

/**
 * Reads the state of an index. PostgreSQL goes on building an index after the process that asked for the index was
 * killed, and holds this lock on the table meanwhile. Reads and writes of the table do not wait for the lock.
 */
async function readIndex(
  root: Database['root'],
  { name, table }: Pick<Index, 'name' | 'table'>,
): Promise<'absent' | 'invalid' | 'built'> {
  return await root.transaction().execute(async (trx) => {
    await setLockTimeout(trx, WAIT_BESIDE);
    await sql`lock table ${sql.table(table)} in share update exclusive mode`.execute(trx);
    const { rows } = await sql<{ isBuilt: boolean }>`
      select indisvalid as "isBuilt" from pg_index where indexrelid = to_regclass(${name})`.execute(trx);
    if (!rows[0]) return 'absent';
    return rows[0].isBuilt ? 'built' : 'invalid';
  });
}
