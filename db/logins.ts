import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Database } from './open.ts';
import type { Schema } from './schema.ts';

/** The roles that a login may stand for, and be a member of. */
export type ServingRole = 'introzy_app' | 'introzy_auth';

/** The place that a connection leads to. */
export interface Place {
  /** Tells databases apart, on all servers: the database's oid, and the moment at which the server started. */
  identity: string;
  login: string;
  database: string;
  schema: string | null;
}

/**
 * Reads where `db` leads to. Every login may read the identity. A copy of the server's files has another identity, and a
 * pooler in front of the server changes nothing.
 */
export async function readPlace(db: Kysely<Schema>): Promise<Place> {
  const { rows } = await sql<Place>`
    select oid || ' ' || extract(epoch from pg_postmaster_start_time()) as identity, current_user as login,
      datname::text as database, current_schema()::text as schema
    from pg_database where datname = current_database()`.execute(db);
  return rows[0] as Place;
}

/** A sentence without a subject, such as `may create roles`, and the SQL that takes the fault away. */
export interface LoginFault {
  fault: string;
  mend: string;
}

interface Wanted {
  role: ServingRole;
  /** The owner of the tables, and the tables' schema. */
  owner: Pick<Place, 'login' | 'schema'>;
  /** The highest milliseconds of each limit. */
  limits: Record<'statement_timeout' | 'lock_timeout' | 'idle_in_transaction_session_timeout', number>;
}

/**
 * Says what keeps the login of `db` from serving with separate logins: every privilege beyond those of the role, and
 * every limit that is missing or higher than wanted, because no statement of a request sets limits there.
 */
export async function findLoginFaults(db: Kysely<Schema>, wanted: Wanted): Promise<LoginFault[]> {
  const checks = [attributes, memberships, possessions, grants, rights, limits, searchPath].map((check) =>
    check(wanted),
  );
  // A superuser has every right, so faults beyond the attributes would say nothing.
  const { rows } = await sql<LoginFault>`
    with parties as (
      select oid, rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
        case rolname when current_user then '' else 'may act as ' || rolname || ', which ' end as subject
      from pg_roles where rolname in (current_user, ${wanted.role}))
    select fault, mend from (${sql.join(checks, sql` union all `)}) found (place, fault, mend)
      where place = 1 or not exists (select from parties where rolsuper)
      order by place, fault collate "C", mend collate "C"`.execute(db);
  return rows;
}

/** Gives rows of an order, a fault and its SQL. */
type Check = (wanted: Wanted) => RawBuilder<unknown>;

const attributes: Check = () => sql`
  select 1, subject || fault, format('alter role %I %s', rolname, mend)
    from parties, lateral (values
      (rolsuper, 'has all rights as a superuser', 'nosuperuser'),
      (rolbypassrls, 'is held by no row-level security', 'nobypassrls'),
      (rolcreaterole, 'may create roles', 'nocreaterole'),
      (rolcreatedb, 'may create databases', 'nocreatedb'),
      (rolreplication, 'may read all data by replication', 'noreplication')) attribute (is_fault, fault, mend)
    where is_fault`;

/** From version 16 on, a membership is its grantor's, and `with inherit` is a choice of the membership. */
const IS_GRANTORS = sql`current_setting('server_version_num')::int >= 160000`;
const grantedBy = sql`case when ${IS_GRANTORS} then format(' granted by %I', pg_get_userbyid(m.grantor)) else '' end`;

const memberships: Check = ({ role }) => sql`
  select 2, subject || 'is a member of ' || r.rolname, format('revoke %I from %I', r.rolname, p.rolname) || ${grantedBy}
    from pg_auth_members m join pg_roles r on r.oid = m.roleid join parties p on p.oid = m.member
    where r.rolname <> ${role}
  union all
  select 2, 'may make others members of ' || r.rolname,
      format('revoke admin option for %I from %I', r.rolname, p.rolname) || ${grantedBy}
    from pg_auth_members m join pg_roles r on r.oid = m.roleid join parties p on p.oid = m.member
    where r.rolname = ${role} and m.admin_option
  union all
  select 2, 'is no member of ' || ${role}::text, case
      when ${IS_GRANTORS} then format('grant %I to %I with inherit true', ${role}::text, current_user)
      else format('alter role %2$I inherit; grant %1$I to %2$I', ${role}::text, current_user) end
    where not pg_has_role(${role}, 'usage')`;

const HERE = sql`(select oid from pg_database where datname = current_database())`;

const possessions: Check = ({ owner }) => sql`
  select 3, subject || 'owns the ' || array_to_string((array_agg(name order by name))[1:3], ', ')
        || case when count(*) > 3 then format(' and %s more', count(*) - 3) else '' end,
      format('reassign owned by %I to %I', rolname, ${owner.login}::text)
    from (select p.*, pg_describe_object(d.classid, d.objid, d.objsubid) collate "C" as name
      from pg_shdepend d join parties p on d.refobjid = p.oid
      where d.refclassid = 'pg_authid'::regclass and d.deptype = 'o' and d.dbid in (0, ${HERE})) objects
    group by subject, rolname`;

/** A login has the rights of its role, and no rights of its own on tables and functions. */
const grants: Check = () => sql`
  select distinct 4, 'has rights of its own on ' || identity, format('revoke all on %s %s from %I',
      case d.classid when 'pg_proc'::regclass then 'routine' else 'table' end, identity, p.rolname)
    from pg_shdepend d join parties p on d.refobjid = p.oid, pg_identify_object(d.classid, d.objid, 0)
    where p.subject = '' and d.refclassid = 'pg_authid'::regclass and d.deptype = 'a' and d.dbid = ${HERE}
      and d.classid in ('pg_class'::regclass, 'pg_proc'::regclass)`;

const rights: Check = ({ role }) => {
  const from = (text: string) => sql`format(${`${text} from public, %2$I, %3$I`}, place, current_user, ${role}::text)`;
  return sql`
  select 5, 'may create schemas', ${from('revoke create on database %1$I')}
    from current_database() place where has_database_privilege(place, 'create')
  union all
  select 5, 'may create temporary tables', ${from('revoke temporary on database %1$I')}
    from current_database() place where has_database_privilege(place, 'temporary')
  union all
  select 5, 'may create tables and functions in the schema ' || place, ${from('revoke create on schema %1$I')}
    from (select nspname as place, oid from pg_namespace where nspname !~ '^pg_(toast_)?temp_') schemas
    where has_schema_privilege(oid, 'create')`;
};

/** The defaults of a login in one database win over the login's defaults in all databases. */
const setDefault = (setting: RawBuilder<unknown>) =>
  sql`format('alter role %I in database %I set ', current_user, current_database()) || ${setting}`;

const limits: Check = (wanted) => sql`
  select 6, format('has the %s %s, and not one from 1ms to %sms', name, current_setting(name), value),
      ${setDefault(sql`format('%s = %L', name, value || 'ms')`)}
    from json_each_text(${JSON.stringify(wanted.limits)}::json) limits (name, value)
    where current_setting(name)::interval not between interval '1 ms' and (value || ' ms')::interval`;

const searchPath: Check = ({ owner }) => sql`
  select 7, fault, ${setDefault(sql`format('search_path = %I, pg_temp', ${owner.schema ?? 'public'}::text)`)}
    from (values
      (to_regclass('api_keys') is null, 'does not find the tables by its search_path ' || current_setting('search_path')),
      (current_setting('search_path') !~ '(^|,)\\s*pg_temp\\s*$',
        format('has the search_path %s, which does not end with pg_temp', current_setting('search_path'))))
      path (is_fault, fault)
    where is_fault`;

/**
 * Puts back what a dump does not carry to another database: nobody makes temporary tables, and the owner of the tables
 * has a search path and a limit. The owner of the tables calls this; only an owner of the database may take rights of the
 * database away. Many instances may start at once, so the lock of migrations is taken where something is missing.
 */
export async function restoreRights({ root, kind }: Database): Promise<void> {
  if (kind === 'embedded') return;
  await sql`do $introzy$
    declare
      v_database pg_database := (select d from pg_database d where datname = current_database());
      v_settings text[] := (select setconfig from pg_db_role_setting
        where setdatabase = v_database.oid and setrole = (select oid from pg_roles where rolname = current_user));
    begin
      if has_database_privilege('public', v_database.oid, 'temporary') and pg_has_role(v_database.datdba, 'usage') then
        lock table introzy_migration_lock in exclusive mode;
        execute format('revoke temporary on database %I from public', v_database.datname);
      end if;
      if v_settings is null then
        lock table introzy_migration_lock in exclusive mode;
        execute format('alter role current_user in database %I set search_path = %I, pg_temp',
          v_database.datname, current_schema());
        execute format('alter role current_user in database %I set idle_in_transaction_session_timeout = %L',
          v_database.datname, '15min');
      end if;
    end $introzy$`.execute(root);
}
