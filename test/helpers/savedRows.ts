import { runAsAdmin } from './tables.ts';
import type { TestApp } from './testApp.ts';

/**
 * Puts each table back to its copy in the schema `saved`, and gives the rows that were removed and the rows that were put
 * back, each as a text. The role of a replica fires no trigger and follows no foreign key.
 */
const RESTORE = `create function saved.restore() returns setof text language plpgsql set session_replication_role = replica as $$
  declare
    v_table text;
    v_columns text;
  begin
    for v_table, v_columns in
      select relname, string_agg(quote_ident(attname), ',' order by attnum) from pg_class c join pg_attribute on attrelid = c.oid
        where relnamespace = 'public'::regnamespace and relkind = 'r'
          and attnum > 0 and not attisdropped and attgenerated = '' group by relname
    loop
      return query execute format(
        'delete from public.%1$I t where t::text not in (select s::text from saved.%1$I s) returning t::text', v_table);
      return query execute format(
        'insert into public.%1$I as t (%2$s) select %2$s from saved.%1$I s
          where s::text not in (select p::text from public.%1$I p) returning t::text', v_table, v_columns);
    end loop;
  end $$`;

/** Saves the rows of all tables of the app's own database. */
export async function saveRows(app: TestApp) {
  await app.deps.lastUse.flush();
  await runAsAdmin(app, 'create schema saved');
  await runAsAdmin(
    app,
    `do $$
      declare
        v_table text;
      begin
        for v_table in select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' loop
          execute format('create table saved.%1$I as select * from public.%1$I', v_table);
        end loop;
      end $$`,
  );
  await runAsAdmin(app, RESTORE);
}

/**
 * Undoes all changes since `saveRows`. Gives the changed rows as texts: an added row, a removed row, and a row before and
 * after its change.
 */
export async function restoreRows(app: TestApp): Promise<string[]> {
  await app.deps.lastUse.flush();
  return (await runAsAdmin(app, 'select restore as row from saved.restore()')).map(({ row }) => String(row));
}
