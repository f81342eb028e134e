import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

const TABLES_OF_ACCOUNTS = [
  'organizations',
  'members',
  'invitations',
  'users',
  'sessions',
  'accounts',
  'verifications',
];

export const accepts = [
  ...[...TABLES_OF_ACCOUNTS.map((table) => `${table}.auth`), 'audit_log.auth'].map((policy) => ({
    effect: `changes the policy ${policy}`,
    because: 'the version before takes the role introzy_auth, for which the new condition is true as well',
  })),
  {
    effect: 'drops or renames the grant introzy_app EXECUTE introzy_organizations_to_notify(integer)',
    because: 'the version before calls introzy_organizations_to_notify as the owner, a member of introzy_auth',
  },
];

/**
 * Admissions that name an organization and check a caller, and leave role and time limits to the login.
 *
 * Two forms of serving share these functions. With a single login, each transaction takes the role `introzy_app` or
 * `introzy_auth` and its time limits before the admission. With separated logins, the logins of the service are members
 * of these roles and own nothing, so a statement of a request cannot take another role.
 *
 * Instances of the version before call `introzy_enter`, `introzy_admit` and `introzy_admit_person`, which stay as they
 * are.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string; database: string }>`
    select quote_ident(current_schema()) as schema, quote_ident(current_database()) as database`.execute(db);
  const { schema = 'public', database = 'postgres' } = rows[0] ?? {};
  for (const part of [functions, audit, policies, rights(schema, database)]) {
    for (const statement of part) await sql.raw(statement).execute(db);
  }
}

const selectKey = (condition: string) => `select s.secret_id, k.id, k.scopes, k.revoked_at, s.expires_at into v_key
      from api_key_secrets s
      join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
      where s.organization_id = p_organization_id and ${condition}`;

const functions = [
  // True for the accounts' role and for a login that is a member of that role alone. The owner of the tables is a member
  // of both roles: neither the policies of accounts nor those of a tenant may let the owner see every row.
  `create function introzy_for_accounts() returns boolean language sql stable
    return pg_has_role('introzy_auth', 'usage') and not pg_has_role('introzy_app', 'usage')`,

  // The scopes of a person's role: shared/roles.ts has the same list. Null for an unknown role.
  `create function introzy_role_scopes(p_role text) returns text[] language sql immutable parallel safe
    return case when p_role in ('admin', 'owner') then array['contacts:read', 'contacts:write', 'keys:manage']
      when p_role = 'member' then array['contacts:read', 'contacts:write'] end`,

  // Raises IZ403 with the word `key` or `role` and the scopes that are asked for and lacking: `key keys:manage`.
  `create function introzy_require_scopes(p_whose text, p_scopes text[], p_asked text[]) returns void
  language plpgsql immutable as $$
  begin
    raise exception using errcode = 'IZ403', message = p_whose || ' ' || (
      select string_agg(scope, ' ' order by place) from unnest(p_asked) with ordinality asked (scope, place)
        where scope <> all (coalesce(p_scopes, '{}')));
  end $$`,

  // Names the transaction's organization and checks a key of the organization. Gives the id of the server secret that
  // made the key's digest. A refusal is raised as an error, so that later statements of the same transaction do nothing.
  // The first digest, under the newest server secret, is looked up alone: for a list of unknown length PostgreSQL would
  // make a new plan at each call. An assignment evaluates a lone expression without a query's overhead.
  `create function introzy_admit_key(p_organization_id uuid, p_digests bytea[], p_scopes text[])
  returns text language plpgsql as $$
  declare
    v_key record;
    v_set text := set_config('introzy.organization_id', p_organization_id::text, true);
  begin
    ${selectKey('s.digest = p_digests[1]')};
    if not found and cardinality(p_digests) > 1 then
      ${selectKey('s.digest = any (p_digests)')};
    end if;
    if not found then
      raise exception using errcode = 'IZ401', message = 'unknown';
    elsif v_key.revoked_at is not null then
      raise exception using errcode = 'IZ401', message = 'revoked';
    elsif v_key.expires_at <= now() then
      raise exception using errcode = 'IZ401', message = 'expired';
    elsif not p_scopes <@ v_key.scopes then
      perform introzy_require_scopes('key', v_key.scopes, p_scopes);
    end if;
    v_set := set_config('introzy.actor', 'key:' || v_key.id, true);
    return v_key.secret_id;
  end $$`,

  // The counterpart of `introzy_admit_key` for a person's session. `p_role` is the role by which the request was
  // judged: a role that has changed since is refused.
  `create function introzy_admit_session(p_organization_id uuid, p_session_id uuid, p_role text, p_scopes text[])
  returns void language plpgsql as $$
  declare
    v_person record;
    v_set text := set_config('introzy.organization_id', p_organization_id::text, true);
  begin
    select * into v_person from introzy_session_person(p_session_id) p where p.organization_id = p_organization_id;
    if not found or v_person.role <> p_role then
      raise exception using errcode = 'IZ401', message = 'missing';
    elsif p_scopes <@ introzy_role_scopes(p_role) is not true then
      perform introzy_require_scopes('role', introzy_role_scopes(p_role), p_scopes);
    end if;
    v_set := set_config('introzy.actor', 'person:' || v_person.user_id || ':' || v_person.email, true);
  end $$`,
];

const audit = [
  // The function of migration 0003, which now also knows a login of the accounts.
  `create or replace function introzy_audit_member() returns trigger language plpgsql as $$
  declare
    v_row members := case when tg_op = 'DELETE' then old else new end;
    v_subject jsonb := jsonb_build_object('type', 'person', 'id', v_row.user_id, 'name',
      (select email from users where id = v_row.user_id));
    -- A person who accepts an invitation, or makes an organization, is the actor.
    v_actor jsonb := case when introzy_for_accounts() then v_subject else introzy_actor() end;
  begin
    if tg_op = 'INSERT' then
      insert into audit_log (organization_id, actor, action, subject, details) values (new.organization_id,
        v_actor, 'member.joined', v_subject, jsonb_build_object('role', new.role));
      return null;
    elsif tg_op = 'DELETE' then
      if exists (select from organizations where id = old.organization_id) then
        insert into audit_log (organization_id, actor, action, subject, details) values (old.organization_id,
          v_actor, 'member.removed', v_subject, jsonb_build_object('role', old.role));
      end if;
      return old;
    end if;
    insert into audit_log (organization_id, actor, action, subject, details) values (new.organization_id,
      v_actor, 'member.roleChanged', v_subject, jsonb_build_object('from', old.role, 'to', new.role));
    return null;
  end $$`,
];

const ACCOUNTS = 'introzy_for_accounts()';
const policies = [
  ...TABLES_OF_ACCOUNTS.map((table) => `alter policy auth on ${table} using (${ACCOUNTS}) with check (${ACCOUNTS})`),
  `alter policy auth on audit_log with check (${ACCOUNTS})`,
];

const rights = (schema: string, database: string) => [
  // The function belongs to `introzy_lookup`, whose member the owner of the tables is for this change alone.
  `do $$ begin
    grant introzy_lookup to current_user;
  exception when insufficient_privilege then
    raise exception using errcode = '42501',
      message = format('%s may not act as the role introzy_lookup, which another user made', current_user),
      hint = format('As a superuser: grant introzy_lookup to %I with admin option', current_user);
  end $$`,
  // The ids of organizations are for the service's hourly work, and never for a tenant.
  'revoke execute on function introzy_organizations_to_notify(int) from introzy_app',
  'grant execute on function introzy_organizations_to_notify(int) to introzy_auth',
  'revoke introzy_lookup from current_user',
  // A temporary table in the name of a table of ours must not come before the table. Without a search path that names
  // `pg_temp`, temporary tables come first. Where the login does not own the database, PostgreSQL warns and goes on.
  `revoke temporary on database ${database} from public`,
  `alter role current_user in database ${database} set search_path = ${schema}, pg_temp`,
  // A backstop for transactions outside of an admission, such as those of migrations.
  `alter role current_user in database ${database} set idle_in_transaction_session_timeout = '15min'`,
];
