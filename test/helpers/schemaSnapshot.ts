import type { Connection } from '../../db/driver/connection.ts';

export type Fact = Record<string, string | boolean | null>;
/** A schema: by kind and name of each part, the facts of the part. */
export type Snapshot = Map<string, { kind: string; name: string; fact: Fact }>;

/** Reads the schema of the connection, and the rights in the schema and in the database. */
export async function takeSnapshot(connection: Connection): Promise<Snapshot> {
  const [answer] = await connection.send([{ sql: SNAPSHOT, parameters: [] }]);
  const rows = answer?.rows as { kind: string; name: string; fact: Fact }[];
  return new Map(rows.map((row) => [`${row.kind} ${row.name}`, row]));
}

/** A row for each part of the schema. `scans` counts the reads of the whole table in this transaction. */
const OURS = `relnamespace = current_schema()::regnamespace`;
const SNAPSHOT = `
  select case relkind when 'r' then 'table' when 'S' then 'sequence' else 'view' end as kind, relname::text as name,
      jsonb_build_object('file', relfilenode::text, 'security', concat(relrowsecurity, relforcerowsecurity),
        'scans', concat(pg_stat_get_xact_numscans(oid), ' ', pg_stat_get_xact_tuples_updated(oid), ' ',
          pg_stat_get_xact_tuples_deleted(oid)),
        'owner', relowner::regrole, 'definition', case when relkind in ('v', 'm') then pg_get_viewdef(oid) end) as fact
    from pg_class where ${OURS} and relkind in ('r', 'S', 'v', 'm')
  union all
  select 'column', relname || '.' || attname, jsonb_build_object('table', relname, 'type', format_type(atttypid, atttypmod),
      'required', attnotnull, 'generated', attgenerated <> '', 'default',
      case when attidentity <> '' then 'identity' else pg_get_expr(adbin, adrelid) end)
    from pg_class join pg_attribute on attrelid = pg_class.oid
    left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where ${OURS} and relkind = 'r' and attnum > 0 and not attisdropped
  union all
  select 'index', c.relname, jsonb_build_object('table', t.relname, 'unique', indisunique)
    from pg_class c join pg_index on indexrelid = c.oid join pg_class t on indrelid = t.oid
    where c.${OURS} and not indisprimary
  union all
  select 'constraint', relname || '.' || conname, jsonb_build_object('table', relname, 'valid', convalidated, 'columns',
      (select string_agg(attname, ' ') from pg_attribute where attrelid = conrelid and attnum = any (conkey)))
    from pg_constraint join pg_class on conrelid = pg_class.oid where ${OURS} and contype <> 'n'
  union all
  select 'function', p.oid::regprocedure::text, jsonb_build_object('function', proname, 'owner', proowner::regrole,
      'definition', pg_get_functiondef(p.oid))
    from pg_proc p where prokind in ('f', 'p') and pronamespace = current_schema()::regnamespace
      and not exists (select from pg_depend where objid = p.oid and deptype = 'e')
  union all
  select 'type', typname, jsonb_build_object('definition',
      (select string_agg(enumlabel, ',' order by enumlabel) from pg_enum where enumtypid = pg_type.oid))
    from pg_type where typnamespace = current_schema()::regnamespace and typtype in ('e', 'd', 'c') and typrelid = 0
  union all
  select 'policy', tablename || '.' || policyname, jsonb_build_object('table', tablename,
      'restrictive', permissive = 'RESTRICTIVE', 'definition', concat_ws(' ', permissive, roles, cmd, qual, with_check))
    from pg_policies where schemaname = current_schema()
  union all
  select 'trigger', relname || '.' || tgname, jsonb_build_object('table', relname,
      'definition', pg_get_triggerdef(pg_trigger.oid))
    from pg_trigger join pg_class on tgrelid = pg_class.oid where ${OURS} and not tgisinternal and tgenabled in ('O', 'A')
  union all
  select 'rule', relname || '.' || rulename, jsonb_build_object('table', relname, 'definition', pg_get_ruledef(pg_rewrite.oid))
    from pg_rewrite join pg_class on ev_class = pg_class.oid where ${OURS} and relkind = 'r'
  union all
  select 'grant', concat_ws(' ', case when grantee = 0 then 'public' else grantee::regrole::text end, privilege_type, name), '{}'
    from (
      select relname::text as name, relacl as acl from pg_class where ${OURS}
      union all select relname || '.' || attname, attacl from pg_class join pg_attribute on attrelid = pg_class.oid where ${OURS}
      union all select p.oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner)) from pg_proc p
        where pronamespace = current_schema()::regnamespace
      union all select 'the schema ' || nspname, coalesce(nspacl, acldefault('n', nspowner)) from pg_namespace
        where nspname = current_schema()
      union all select 'the database', coalesce(datacl, acldefault('d', datdba)) from pg_database
        where datname = current_database()
    ) granted, aclexplode(acl)
  union all
  select 'membership', roleid::regrole || ' of ' || member::regrole, '{}' from pg_auth_members
  union all
  select 'extension', extname, '{}' from pg_extension`;
