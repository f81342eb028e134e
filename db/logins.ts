import { type Kysely, sql } from 'kysely';
import type { Schema } from './schema.ts';

/** The roles that a login may stand for, and be a member of. */
export type ServingRole = 'introzy_app' | 'introzy_auth';

interface Login {
  name: string;
  isSuperuser: boolean;
  makesRoles: boolean;
  mayAct: boolean;
  /** Our other roles that the login is a member of. */
  otherRoles: string[];
  isOwner: boolean;
  mayCreate: boolean;
  mayCreateTemporary: boolean;
  /** Names of time limits that are not set. */
  limitless: string[];
  searchPath: string;
}

/**
 * Says what keeps the login of `db` from serving as `role` with separate logins: every privilege beyond the role's, and every
 * limit that the login lacks, because no statement of a request sets limits there. Gives the login's name, and a
 * sentence without a subject for each fault, such as `is a superuser`.
 */
export async function findLoginFaults(
  db: Kysely<Schema>,
  role: ServingRole,
): Promise<{ name: string; faults: string[] }> {
  const { rows } = await sql<Login>`
    select current_user as name, rolsuper or rolbypassrls as "isSuperuser", rolcreaterole as "makesRoles",
      pg_has_role(${role}, 'usage') as "mayAct",
      array(select o.rolname::text from pg_roles o
        where o.rolname in ('introzy_app', 'introzy_auth', 'introzy_lookup') and o.rolname <> ${role}
          and pg_has_role(o.oid, 'member') order by 1) as "otherRoles",
      exists (select from pg_class c where c.relnamespace = ours.id and pg_has_role(c.relowner, 'member'))
        or exists (select from pg_proc p where p.pronamespace = ours.id and pg_has_role(p.proowner, 'member'))
        or pg_has_role(nspowner, 'member') as "isOwner",
      has_schema_privilege(ours.id, 'create') as "mayCreate",
      has_database_privilege(current_database(), 'temporary') as "mayCreateTemporary",
      array(select s.name from pg_settings s
        where s.name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')
          and s.setting = '0' order by 1) as limitless,
      current_setting('search_path') as "searchPath"
    from pg_roles, (select relnamespace as id from pg_class where oid = 'api_keys'::regclass) ours, pg_namespace
    where rolname = current_user and pg_namespace.oid = ours.id`.execute(db);
  const login = rows[0] as Login;
  return { name: login.name, faults: faultsOf(login, role) };
}

function faultsOf(login: Login, role: ServingRole): string[] {
  // A superuser is a member of every role, so the other faults would say nothing.
  if (login.isSuperuser) return ['is a superuser, or bypasses row-level security'];
  const { otherRoles, limitless, searchPath } = login;
  const faults: [boolean, string][] = [
    [!login.mayAct, `is no member of ${role}`],
    [otherRoles.length > 0, `is a member of ${otherRoles.join(' and ')}`],
    [login.makesRoles, 'may create roles'],
    [login.isOwner, 'owns tables or functions, or is a member of their owner'],
    [login.mayCreate, 'may create tables and functions'],
    [login.mayCreateTemporary, 'may create temporary tables'],
    [limitless.length > 0, `has no ${limitless.join(', ')}`],
    [!/(^|,)\s*pg_temp\s*$/.test(searchPath), `has the search_path ${searchPath}, which does not end with pg_temp`],
  ];
  return faults.filter(([isFault]) => isFault).map(([, fault]) => fault);
}
