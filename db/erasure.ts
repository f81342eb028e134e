import { type Kysely, sql } from 'kysely';
import { DAYS_TO_RESTORE } from '../shared/organizations.ts';
import type { Schema } from './schema.ts';

/** The most rows that a transaction deletes, so that its locks are short. */
const BATCH = 1_000;

/** What a call has erased. */
export interface Erased {
  /** The ids of the organizations that are gone. */
  organizations: string[];
  /** The number of contacts that were deleted long ago, and are gone. */
  contacts: number;
}

/**
 * Erases organizations whose days to restore are over, and contacts that were deleted more than `deletedDays` ago;
 * without `deletedDays` such contacts stay. Works in batches that commit one by one; `signal` ends the call between two
 * batches. Where another instance erases already, the call leaves the work to that instance. `db` is the owner of the
 * tables.
 */
export async function erase(
  db: Kysely<Schema>,
  { deletedDays, signal }: { deletedDays?: number | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Erased> {
  const organizations: string[] = [];
  for (const id of await listDue(db)) {
    if (await eraseOrganization(db, id, signal)) organizations.push(id);
  }
  let contacts = 0;
  if (deletedDays === undefined) return { organizations, contacts };
  const all = await db.selectFrom('organizations').select('id').orderBy('id').execute();
  for (const { id } of all) {
    for (let isFull = true; isFull && !signal?.aborted; ) {
      const count = await inOrganization(db, id, (trx) => eraseDeletedContacts(trx, id, deletedDays));
      isFull = count === BATCH;
      contacts += count ?? 0;
    }
  }
  return { organizations, contacts };
}

const IS_DUE = sql<boolean>`deleted_at <= now() - make_interval(hours => ${sql.lit(24 * DAYS_TO_RESTORE)})`;

async function listDue(db: Kysely<Schema>): Promise<string[]> {
  const due = await db.selectFrom('organizations').select('id').where(IS_DUE).orderBy('id').execute();
  return due.map(({ id }) => id);
}

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
  const gone = await inOrganization(db, id, async (trx) => {
    const { numDeletedRows } = await trx
      .deleteFrom('organizations')
      .where('id', '=', id)
      .where(IS_DUE)
      .executeTakeFirstOrThrow();
    return Number(numDeletedRows);
  });
  return gone === 1;
}

/**
 * The tables of organizations: first the tables to which no other table of the list refers, and at last the audit log,
 * to which the deletion of members adds.
 */
async function listTables(db: Kysely<Schema>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select c.relname as name from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id'
      where c.relkind = 'r' and c.relnamespace = (select relnamespace from pg_class where oid = 'organizations'::regclass)
      order by c.relname = 'audit_log',
        exists (select from pg_constraint f where f.contype = 'f' and f.confrelid = c.oid), c.relname`.execute(db);
  return rows.map(({ name }) => name);
}

/**
 * Runs a batch in a transaction of the organization. `undefined`, and no batch, where another instance erases.
 */
async function inOrganization(
  db: Kysely<Schema>,
  id: string,
  batch: (trx: Kysely<Schema>) => Promise<number>,
): Promise<number | undefined> {
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
        select from organizations where id = ${id} and ${IS_DUE}) limit ${BATCH}))`.execute(trx);
  return Number(numAffectedRows);
}

async function eraseDeletedContacts(trx: Kysely<Schema>, id: string, days: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from contacts where organization_id = ${id} and id in (
      select id from contacts where organization_id = ${id} and deleted_at < now() - make_interval(days => ${days}::int)
        order by deleted_at limit ${BATCH} for update skip locked)
      and deleted_at < now() - make_interval(days => ${days}::int)`.execute(trx);
  return Number(numAffectedRows);
}
