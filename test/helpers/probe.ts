import { type Kysely, sql } from 'kysely';
import type { Schema } from '../../db/schema.ts';
import { runAsAdmin, runAsRoot } from './tables.ts';
import type { TestApp } from './testApp.ts';

/**
 * Runs a statement in a transaction that is rolled back. Gives the rows and their count, or the SQLSTATE of the
 * failure.
 */
export async function probe(db: Kysely<Schema>, [statement, ...before]: [string, ...string[]]) {
  const done = new Error('rolled back');
  let outcome: { rows: Record<string, unknown>[]; count: number } | undefined;
  try {
    await db.transaction().execute(async (trx) => {
      for (const each of before) await sql.raw(each).execute(trx);
      const { rows, numAffectedRows } = await sql.raw<Record<string, unknown>>(statement).execute(trx);
      outcome = { rows, count: Number(numAffectedRows ?? rows.length) };
      throw done;
    });
  } catch (error) {
    if (error !== done) return { code: (error as { code?: string }).code };
  }
  return outcome;
}

/** The tables with a column `organization_id`. */
export async function tenantTables({ db }: TestApp): Promise<string[]> {
  const rows = await runAsRoot(
    db.root,
    `select relname from pg_class c join pg_attribute on attrelid = c.oid
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and attname = 'organization_id'
      order by relname`,
  );
  return rows.map(({ relname }) => String(relname));
}

/** By table: the columns, without the generated columns. */
export async function listColumns(app: TestApp, tables: string[]): Promise<Map<string, string[]>> {
  const rows = await runAsAdmin(
    app,
    `select attrelid::regclass::text as table_name, attname from pg_attribute
      where attrelid = any ('{${tables}}'::regclass[]) and attnum > 0 and not attisdropped and attgenerated = ''
      order by attnum`,
  );
  const byTable = Map.groupBy(rows, ({ table_name }) => String(table_name));
  return new Map([...byTable].map(([table, some]) => [table, some.map(({ attname }) => String(attname))]));
}

/** A statement that inserts a copy of one of the organization's rows. */
export async function insertLike(app: TestApp, table: string, organizationId: string): Promise<string> {
  const columns = (await listColumns(app, [table])).get(table)?.join();
  const [row] = await runAsAdmin(
    app,
    `select to_jsonb(t)::text as json from ${table} t where organization_id = '${organizationId}' limit 1`,
  );
  return `insert into ${table} (${columns}) select ${columns} from jsonb_populate_record(null::${table}, '${row?.json}')`;
}
