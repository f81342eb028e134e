import pg from 'pg';
import { runAsRoot } from './tables.ts';
import type { TestApp } from './testApp.ts';

/** The rows of all tables of an app's own database, as they were. */
export interface SavedRows {
  /**
   * Undoes all changes since the rows were saved. Gives the changed rows as texts: an added row, a removed row, and a row
   * before and after its change.
   */
  restore(): Promise<string[]>;
  close(): Promise<void>;
}

/**
 * `saved` has a copy of each table, and in `marks` for each table the newest transaction that wrote a row, and the number of
 * rows: a change of the table changes one of the two. `restore` puts each changed table back to its copy. The role of a
 * replica fires no trigger and follows no foreign key.
 */
const SAVE = [
  'create schema saved',
  'create table saved.marks (name text primary key, newest bigint not null, rows bigint not null)',
  `create function saved.tables() returns setof text language sql as $$
    select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' $$`,
  `create function saved.mark(p_table text) returns saved.marks language plpgsql as $$
    declare v_mark saved.marks;
    begin
      execute format('select %1$L, coalesce(max(xmin::text::bigint), 0), count(*) from public.%1$I', p_table) into v_mark;
      return v_mark;
    end $$`,
  `create function saved.restore() returns setof text language plpgsql set session_replication_role = replica as $$
    declare
      v_table text;
      v_columns text;
    begin
      for v_table in select name from saved.marks m where m is distinct from saved.mark(name) loop
        select string_agg(quote_ident(attname), ',' order by attnum) into v_columns from pg_attribute
          where attrelid = format('public.%I', v_table)::regclass and attnum > 0 and not attisdropped and attgenerated = '';
        return query execute format(
          'delete from public.%1$I t where t::text not in (select s::text from saved.%1$I s) returning t::text', v_table);
        return query execute format(
          'insert into public.%1$I as t (%2$s) select %2$s from saved.%1$I s
            where s::text not in (select p::text from public.%1$I p) returning t::text', v_table, v_columns);
        delete from saved.marks where name = v_table;
        insert into saved.marks select * from saved.mark(v_table);
      end loop;
    end $$`,
  `do $$
    declare v_table text;
    begin
      for v_table in select saved.tables() loop
        execute format('create table saved.%1$I as select * from public.%1$I', v_table);
      end loop;
    end $$`,
  'insert into saved.marks select mark.* from saved.tables() name, saved.mark(name) mark',
];

/** Saves the rows of all tables of the app's own database. */
export async function saveRows(app: TestApp): Promise<SavedRows> {
  const admin = app.adminUrl === undefined ? undefined : new pg.Client(app.adminUrl);
  await admin?.connect();
  const run = async (statement: string): Promise<Record<string, unknown>[]> => {
    await app.deps.lastUse.flush();
    return admin ? (await admin.query(statement)).rows : await runAsRoot(app.db.root, statement);
  };
  for (const statement of SAVE) await run(statement);
  return {
    restore: async () => (await run('select restore as row from saved.restore()')).map(({ row }) => String(row)),
    close: async () => await admin?.end(),
  };
}
