import { type Kysely, sql } from 'kysely';
import { DAYS_TO_RESTORE } from '../shared/daysToRestore.ts';
import { eraseAuditLog } from './auditErasure.ts';
import type { Schema } from './schema.ts';

/** The most rows that a transaction deletes, so that its locks are short. */
const BATCH = 1_000;

/**
 * Erases the organizations whose days to restore are over, with every row of theirs, and gives the ids of those that are
 * gone. Works in batches that commit one by one; `signal` ends the call between two batches, and a later call goes on.
 * Where another instance erases already, the call leaves the work to that instance. An organization that cannot be erased
 * holds up no other: throws an `AggregateError` at the end. `db` is the owner's of the tables.
 */
export async function eraseOrganizations(db: Kysely<Schema>, signal?: AbortSignal): Promise<string[]> {
  const due = await db.selectFrom('organization_settings').select('id').where(IS_DUE).orderBy('id').execute();
  const erased: string[] = [];
  const failures: unknown[] = [];
  for (const { id } of due) {
    try {
      if (await eraseOrganization(db, id, signal)) erased.push(id);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) {
    throw new AggregateError(
      failures,
      `Organizations not erased: ${failures.length}; erased: ${erased.join(' ') || 'none'}`,
    );
  }
  return erased;
}

const IS_DUE = sql<boolean>`deleted_at <= now() - make_interval(hours => ${sql.lit(24 * DAYS_TO_RESTORE)})`;

/** Erases an organization with all rows. False where the organization is not gone yet. */
async function eraseOrganization(db: Kysely<Schema>, id: string, signal: AbortSignal | undefined): Promise<boolean> {
  for (const table of await listTables(db)) {
    for (let isFull = true; isFull; ) {
      if (signal?.aborted) return false;
      const count = await inOrganization(db, id, (trx) => eraseRows(trx, table, id));
      if (count === undefined) return false;
      isFull = count === BATCH;
    }
  }
  return (await inOrganization(db, id, (trx) => eraseRest(trx, id))) ?? false;
}

/**
 * The tables of organizations, first the tables to which no other table refers. The tables of the audit log are left out:
 * triggers refuse their deletions, and the erasure of members adds to the log.
 */
async function listTables(db: Kysely<Schema>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select c.relname as name from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id'
      where c.relkind = 'r' and c.relnamespace = (select relnamespace from pg_class where oid = 'organizations'::regclass)
        and c.relname not like 'audit%'
      order by exists (select from pg_constraint f where f.contype = 'f' and f.confrelid = c.oid), c.relname`.execute(
    db,
  );
  return rows.map(({ name }) => name);
}

/** Runs a batch in a transaction of the organization. `undefined`, and no batch, where another instance erases. */
async function inOrganization<T>(
  db: Kysely<Schema>,
  id: string,
  batch: (trx: Kysely<Schema>) => Promise<T>,
): Promise<T | undefined> {
  return await db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ isFree: boolean }>`
      select pg_try_advisory_xact_lock(hashtextextended('introzy erase', 0)) as "isFree",
        set_config('introzy.organization_id', ${id}, true)`.execute(trx);
    return rows[0]?.isFree ? await batch(trx) : undefined;
  });
}

async function eraseRows(trx: Kysely<Schema>, table: string, id: string): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from ${sql.table(table)} where ctid = any (array(
      select ctid from ${sql.table(table)} where organization_id = ${id} and exists (
        select from organization_settings where id = ${id} and ${IS_DUE}) limit ${BATCH}))`.execute(trx);
  return Number(numAffectedRows);
}

/** Erases the audit log and the organization's own row. Whatever writes meanwhile waits, and then finds no organization. */
async function eraseRest(trx: Kysely<Schema>, id: string): Promise<boolean> {
  // The lock of a seal comes first, as an instance that seals takes it before the seal's row refers to the organization.
  await sql`select pg_advisory_xact_lock(hashtextextended('introzy audit ' || ${id}::uuid, 0))`.execute(trx);
  await trx.selectFrom('organizations').select('id').where('id', '=', id).forUpdate().execute();
  const due = trx.selectFrom('organization_settings').select('id').where('id', '=', id).where(IS_DUE);
  if (!(await due.executeTakeFirst())) return false;
  await eraseAuditLog(trx, id);
  await trx.deleteFrom('organizations').where('id', '=', id).execute();
  return true;
}
