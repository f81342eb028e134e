import { expect, test } from 'vitest';
import { tenantTables } from '../helpers/probe.ts';
import { runAsRoot } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const ask = ({ db }: TestApp, statement: string) => runAsRoot(db.root, statement);
const PUBLIC = `'public'::regnamespace`;

/** Told apart by the caller: the owner of the tables asks for migrations, introzy_app asks for requests. */
const OF_OWNER = [
  'introzy_contacts_before_form(integer,integer)',
  'introzy_erase_audit_log(uuid,integer)',
  'introzy_erase_audit_person(uuid,text[])',
  'introzy_server_secrets()',
];
/** The ids of organizations are for the service's hourly work, and never for a tenant. */
const OF_ACCOUNTS = [
  'introzy_organizations_to_erase_in(integer)',
  'introzy_organizations_to_notify(integer)',
  'introzy_organizations_to_seal(uuid)',
  'introzy_organizations_to_trim(integer)',
  'introzy_organizations_with_notices()',
  'introzy_organizations_with_old_answers()',
  'introzy_organizations_with_words_left()',
];
const LOOKUPS = [
  'introzy_api_key_exists(uuid)',
  'introzy_contact_exists(uuid)',
  'introzy_contacts_before_form(integer,integer)',
  'introzy_erase_audit_log(uuid,integer)',
  'introzy_erase_audit_person(uuid,text[])',
  'introzy_found_contacts(jsonb,integer)',
  'introzy_identify(bytea[])',
  'introzy_identify_key(bytea[])',
  'introzy_matching_contacts(text[],text,timestamp with time zone,boolean,uuid,integer)',
  'introzy_newest_with_words(jsonb,uuid)',
  'introzy_organizations_to_erase_in(integer)',
  'introzy_organizations_to_notify(integer)',
  'introzy_organizations_to_seal(uuid)',
  'introzy_organizations_to_trim(integer)',
  'introzy_organizations_with_notices()',
  'introzy_organizations_with_old_answers()',
  'introzy_organizations_with_words_left()',
  'introzy_server_secrets()',
  'introzy_session_member(uuid)',
  'introzy_session_person(uuid)',
  'introzy_unused_words(text[])',
];

/**
 * better-auth's tables of people. A person may be in several organizations, so that no policy shows a tenant a whole
 * table.
 */
const PEOPLE = ['accounts', 'passkeys', 'session_proofs', 'sessions', 'two_factors', 'users', 'verifications'];
/** By table: the further policies, besides the tenant's policy. */
const BESIDES: Record<string, string[]> = {
  api_key_places: [],
  audit_chains: ['erasure'],
  audit_log: ['auth writes', 'erasure'],
  audit_seal_entries: ['erasure'],
  audit_seals: ['erasure'],
  contact_emails: [],
  contact_tags: [],
  failed_sign_ins: ['auth'],
  invitations: ['auth of living', 'lookup'],
  members: ['auth of living', 'lookup'],
};

test('A table is an organization’s, or is known not to be', async () => {
  await using app = await testApp();
  const rows = await ask(
    app,
    `select relname from pg_class where relnamespace = ${PUBLIC} and relkind in ('r', 'p', 'f', 'm')`,
  );
  const others = [
    'audit_sealing',
    'introzy_migration_lock',
    'introzy_migrations',
    'kysely_migration',
    'kysely_migration_lock',
    'organization_settings',
    'organizations',
    ...PEOPLE,
  ];
  const known = [...(await tenantTables(app)), ...others].sort();
  expect(rows.map(({ relname }) => relname).sort()).toEqual(known);
});

test('Every table of organizations has row-level security, forced, with one policy for tenants', async () => {
  await using app = await testApp();
  for (const table of await tenantTables(app)) {
    const [state] = await ask(
      app,
      `select relrowsecurity, relforcerowsecurity from pg_class where oid = '${table}'::regclass`,
    );
    expect(state, table).toEqual({ relrowsecurity: true, relforcerowsecurity: true });
    const policies = await ask(
      app,
      `select policyname, permissive, roles::text, cmd, qual, with_check from pg_policies
        where schemaname = 'public' and tablename = '${table}' order by policyname`,
    );
    const own = '(organization_id = introzy_organization_id())';
    const permissive = 'PERMISSIVE';
    const isAuth = 'introzy_for_accounts()';
    const auth = { policyname: 'auth', permissive, roles: '{introzy_auth}' };
    const all: Record<string, object> = {
      auth: { ...auth, cmd: 'ALL', qual: isAuth, with_check: isAuth },
      'auth of living': {
        ...auth,
        cmd: 'ALL',
        qual: expect.stringMatching(/^\(introzy_for_accounts\(\) AND \(NOT \(EXISTS [\s\S]*deleted_at IS NOT NULL/),
        with_check: isAuth,
      },
      'auth writes': { ...auth, cmd: 'INSERT', qual: null, with_check: isAuth },
      erasure: {
        policyname: 'erasure',
        permissive,
        roles: '{introzy_lookup}',
        cmd: 'ALL',
        qual: 'true',
        with_check: 'true',
      },
      lookup: {
        policyname: 'lookup',
        permissive,
        roles: '{introzy_lookup}',
        cmd: 'SELECT',
        qual: 'true',
        with_check: null,
      },
    };
    expect(policies, table).toEqual([
      ...(BESIDES[table] ?? ['lookup']).map((name) => all[name]),
      { policyname: 'tenant', permissive, roles: '{public}', cmd: 'ALL', qual: own, with_check: own },
    ]);
  }
  for (const table of ['organization_settings', 'organizations', ...PEOPLE]) {
    const [state] = await ask(app, `select relrowsecurity from pg_class where oid = '${table}'::regclass`);
    expect(state, table).toEqual({ relrowsecurity: true });
  }
  const people = await ask(
    app,
    `select tablename || ' ' || policyname || ' ' || roles::text || ' ' || cmd as policy from pg_policies
      where tablename in ('organization_settings', 'organizations', ${PEOPLE.map((table) => `'${table}'`)}) order by 1`,
  );
  expect(people.map(({ policy }) => policy)).toEqual([
    'accounts auth {introzy_auth} ALL',
    'organization_settings auth {introzy_auth} SELECT',
    'organization_settings lookup {introzy_lookup} SELECT',
    'organization_settings tenant {introzy_app} ALL',
    'organizations auth {introzy_auth} ALL',
    'organizations lookup {introzy_lookup} SELECT',
    'organizations tenant {introzy_app} SELECT',
    'organizations tenant_change {introzy_app} UPDATE',
    'passkeys auth {introzy_auth} ALL',
    'passkeys lookup {introzy_lookup} SELECT',
    'session_proofs auth {introzy_auth} ALL',
    'session_proofs lookup {introzy_lookup} SELECT',
    'session_proofs tenant {introzy_app} SELECT',
    'sessions auth {introzy_auth} ALL',
    'sessions lookup {introzy_lookup} SELECT',
    'sessions tenant {introzy_app} ALL',
    'two_factors auth {introzy_auth} ALL',
    'two_factors lookup {introzy_lookup} SELECT',
    'users auth {introzy_auth} ALL',
    'users lookup {introzy_lookup} SELECT',
    'users tenant {introzy_app} SELECT',
    'verifications auth {introzy_auth} ALL',
  ]);
});

test('Every key of such a table begins with the organization, but for the digest, and for who a person is', async () => {
  await using app = await testApp();
  for (const table of await tenantTables(app)) {
    const keys = await ask(
      app,
      `select i.indexrelid::regclass::text as name, a.attname, a.attnotnull from pg_index i
        left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = '${table}'::regclass and i.indisunique
        union all
        select conname, a.attname, a.attnotnull from pg_constraint c
        join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        where c.conrelid = '${table}'::regclass and c.contype in ('f', 'x')`,
    );
    const excepted = [
      'api_key_secrets_digest',
      'api_key_tokens_digest',
      'members_user_id_fkey',
      'invitations_inviter_id_fkey',
      'failed_sign_ins_user_id_fkey',
    ];
    const others = keys.filter(({ name }) => !excepted.includes(String(name)));
    // A foreign key and a primary key; words may be there twice.
    expect(others.length, table).toBeGreaterThanOrEqual(table.startsWith('contact_words') ? 1 : 2);
    for (const { name, ...column } of others) {
      expect(column, String(name)).toEqual({ attname: 'organization_id', attnotnull: true });
    }
    const references = await ask(
      app,
      `select confrelid::regclass::text as target, f.attname from pg_constraint c
        join pg_attribute f on f.attrelid = c.confrelid and f.attnum = c.confkey[1]
        where c.conrelid = '${table}'::regclass and c.contype = 'f' and c.confrelid <> 'users'::regclass`,
    );
    for (const { target, attname } of references) {
      expect(attname, `${table} to ${target}`).toBe(target === 'organizations' ? 'id' : 'organization_id');
    }
  }
});

test('The role of tenants owns nothing and bypasses nothing, and nobody logs in as it', async () => {
  await using app = await testApp();
  const roles = await ask(
    app,
    `select rolname, rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb, rolreplication from pg_roles
      where rolname in ('introzy_app', 'introzy_auth', 'introzy_lookup') order by 1`,
  );
  const nothing = { rolsuper: false, rolbypassrls: false, rolcanlogin: false };
  const nor = { ...nothing, rolcreaterole: false, rolcreatedb: false, rolreplication: false };
  expect(roles).toEqual([
    { rolname: 'introzy_app', ...nor },
    { rolname: 'introzy_auth', ...nor },
    { rolname: 'introzy_lookup', ...nor },
  ]);
  // pg_shdepend lists the objects that a role owns. introzy_lookup owns the lookups; the other roles own nothing.
  const owned = await ask(
    app,
    `select refobjid::regrole::text as role, classid::regclass::text as kind, objid from pg_shdepend
      where deptype = 'o' and dbid = (select oid from pg_database where datname = current_database())
        and refobjid in ('introzy_app'::regrole, 'introzy_auth'::regrole, 'introzy_lookup'::regrole)`,
  );
  expect(owned.map(({ role, kind }) => [role, kind])).toEqual(LOOKUPS.map(() => ['introzy_lookup', 'pg_proc']));
  // The policies of a role hold its members too, and the policies of introzy_lookup hold nothing back. The role has no
  // members.
  const memberships = await ask(
    app,
    `select rolname from pg_roles where not rolsuper and rolname <> 'introzy_lookup'
      and pg_has_role(rolname, 'introzy_lookup', 'usage')
      union all select roleid::regrole::text from pg_auth_members
        where member in ('introzy_app'::regrole, 'introzy_auth'::regrole)`,
  );
  expect(memberships).toEqual([]);
});

test('The functions that run as another than their caller are the lookups, closed to the public', async () => {
  await using app = await testApp();
  const functions = await ask(
    app,
    `select oid::regprocedure::text as name, proowner::regrole::text as owner, provolatile,
        coalesce(array_to_string(proconfig, ';'), '') as settings, prosqlbody is not null as is_fixed,
        (select string_agg(distinct coalesce(nullif(grantee, 0)::regrole::text, 'public'), ',')
          from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee <> proowner) as callers
      from pg_proc where prosecdef order by 1`,
  );
  expect(functions.map(({ name }) => name)).toEqual(LOOKUPS);
  const [tables] = await ask(app, `select relowner::regrole::text as owner from pg_class where relname = 'contacts'`);
  for (const { name, owner, provolatile, settings, is_fixed, callers } of functions) {
    const service = OF_ACCOUNTS.includes(String(name)) ? 'introzy_auth' : 'introzy_app';
    const caller = OF_OWNER.includes(String(name)) ? tables?.owner : service;
    const isErasure = String(name).startsWith('introzy_erase_');
    expect([owner, provolatile, callers], String(name)).toEqual(['introzy_lookup', isErasure ? 'v' : 's', caller]);
    // The function fixes the meaning of its names: the body was parsed at its creation, or the function sets its own
    // search path.
    expect(is_fixed || /^search_path=public, pg_temp(;|$)/.test(String(settings)), String(name)).toBe(true);
  }
});

test('The grants are those of the migration, to the column', async () => {
  await using app = await testApp();
  const tables = await ask(
    app,
    `select grantee::regrole::text as role, relname, string_agg(privilege_type, ',' order by privilege_type) as may
      from pg_class, aclexplode(relacl) where relnamespace = ${PUBLIC} and grantee <> relowner
      group by 1, 2 order by 1, 2`,
  );
  expect(tables.map(({ role, relname, may }) => `${role} ${relname} ${may}`)).toEqual([
    'introzy_app api_key_days DELETE,INSERT,SELECT,UPDATE',
    'introzy_app api_key_notices DELETE,INSERT,SELECT',
    'introzy_app api_key_notices_due SELECT',
    'introzy_app api_key_places INSERT,SELECT,UPDATE',
    'introzy_app api_key_secrets INSERT,SELECT,UPDATE',
    'introzy_app api_key_tokens DELETE,INSERT,SELECT',
    'introzy_app api_keys INSERT,SELECT,UPDATE',
    'introzy_app audit_chains INSERT,SELECT',
    // No entry of the log can be changed or removed.
    'introzy_app audit_log INSERT,SELECT',
    'introzy_app audit_seal_entries INSERT,SELECT',
    'introzy_app audit_sealing SELECT',
    'introzy_app audit_seals INSERT,SELECT',
    'introzy_app contact_emails DELETE,INSERT,SELECT',
    'introzy_app contact_tags DELETE,INSERT,SELECT',
    'introzy_app contact_words DELETE,INSERT,SELECT',
    'introzy_app contact_words_left DELETE,INSERT,SELECT',
    'introzy_app contacts DELETE,INSERT,SELECT,UPDATE',
    'introzy_app introzy_uuid_counter USAGE',
    'introzy_app invitations INSERT,SELECT',
    'introzy_app kept_answers DELETE,INSERT,SELECT,UPDATE',
    'introzy_app members DELETE,INSERT,SELECT',
    'introzy_app organization_settings INSERT,SELECT,UPDATE',
    'introzy_app organizations SELECT',
    'introzy_app sessions DELETE',
    // The accounts' role gets no contact, no key and no secret.
    'introzy_auth accounts DELETE,INSERT,SELECT,UPDATE',
    'introzy_auth audit_log INSERT',
    'introzy_auth audit_sealing SELECT,UPDATE',
    'introzy_auth failed_sign_ins DELETE,INSERT,SELECT,UPDATE',
    'introzy_auth introzy_uuid_counter USAGE',
    'introzy_auth invitations SELECT,UPDATE',
    'introzy_auth members INSERT,SELECT',
    'introzy_auth organizations INSERT,SELECT',
    'introzy_auth passkeys DELETE,INSERT,SELECT,UPDATE',
    'introzy_auth session_proofs DELETE,INSERT,SELECT,UPDATE',
    'introzy_auth sessions DELETE,INSERT,SELECT,UPDATE',
    'introzy_auth two_factors DELETE,INSERT,SELECT,UPDATE',
    'introzy_auth users DELETE,INSERT,SELECT,UPDATE',
    'introzy_auth verifications DELETE,INSERT,SELECT,UPDATE',
    'introzy_lookup api_key_notices_due SELECT',
    // For the two functions that erase.
    'introzy_lookup audit_chains DELETE,INSERT,SELECT,UPDATE',
    'introzy_lookup audit_log DELETE,SELECT',
    'introzy_lookup audit_seal_entries DELETE,SELECT',
    'introzy_lookup audit_seals DELETE,SELECT',
  ]);
  const columns = await ask(
    app,
    `select grantee::regrole::text as role, relname, privilege_type as may, string_agg(attname, ',' order by attname) as names
      from pg_attribute join pg_class on attrelid = pg_class.oid, aclexplode(attacl)
      where relnamespace = ${PUBLIC} group by 1, 2, 3 order by 1, 2, 3`,
  );
  expect(columns.map(({ role, relname, may, names }) => `${role} ${relname} ${may} ${names}`)).toEqual([
    'introzy_app api_key_notices UPDATE claimed_until,sent_at',
    'introzy_app api_key_tokens UPDATE expires_at,last_used_at',
    'introzy_app audit_chains UPDATE sealed_through',
    'introzy_app contact_tags UPDATE is_deleted,name_fold,updated_at',
    'introzy_app invitations UPDATE status',
    'introzy_app members UPDATE role',
    'introzy_app organizations UPDATE name',
    'introzy_app session_proofs SELECT proved_at,session_id',
    'introzy_app sessions SELECT active_organization_id,created_at,id,user_id',
    'introzy_app users SELECT email,id,name',
    'introzy_auth organization_settings SELECT deleted_at,id,requires_factor',
    'introzy_lookup api_key_days SELECT day,organization_id',
    'introzy_lookup api_key_notices SELECT api_key_id,claimed_until,days,expires_at,organization_id,sent_at,user_id',
    'introzy_lookup api_key_secrets SELECT api_key_id,created_at,digest,expires_at,hint,holder_id,id,organization_id,secret_id',
    'introzy_lookup api_key_tokens SELECT api_key_id,digest,expires_at,minted_by,organization_id,scopes,secret_id',
    'introzy_lookup api_keys SELECT created_by_id,created_by_type,expires_at,expiry_notice_for,hint,id,organization_id,rate_limit,revoked_at,scopes',
    'introzy_lookup audit_log UPDATE actor,details,subject',
    'introzy_lookup audit_seal_entries UPDATE names',
    'introzy_lookup contact_words SELECT organization_id,start,word',
    'introzy_lookup contact_words_left SELECT organization_id',
    'introzy_lookup contacts SELECT company_fold,company_key,created_at,custom_fields,deleted_at,folded,form,id,name_fold,organization_id,phone_keys,search,tag_keys,tags,updated_at',
    'introzy_lookup kept_answers SELECT expires_at,organization_id',
    'introzy_lookup members SELECT created_at,organization_id,role,user_id',
    'introzy_lookup organization_settings SELECT deleted_at,id,requires_factor',
    'introzy_lookup organizations SELECT id,name',
    'introzy_lookup passkeys SELECT user_id',
    'introzy_lookup session_proofs SELECT session_id,with_passkey',
    'introzy_lookup sessions SELECT active_organization_id,expires_at,id,user_id',
    'introzy_lookup two_factors SELECT user_id,verified',
    'introzy_lookup users SELECT email,id,name',
  ]);
  const [schema] = await ask(
    app,
    `select has_schema_privilege('introzy_app', 'public', 'create') as app,
      has_schema_privilege('introzy_auth', 'public', 'create') as auth,
      has_schema_privilege('introzy_lookup', 'public', 'create') as lookup`,
  );
  expect(schema).toEqual({ app: false, auth: false, lookup: false });
});

test('Views and rules, if any, are held by the policies of who asks', async () => {
  await using app = await testApp();
  const views = await ask(
    app,
    `select relname, reloptions::text from pg_class where relnamespace = ${PUBLIC} and relkind = 'v'
      and not coalesce('security_invoker=true' = any (reloptions), false)`,
  );
  expect(views).toEqual([]);
  const materialized = await ask(app, `select relname from pg_class where relnamespace = ${PUBLIC} and relkind = 'm'`);
  expect(materialized).toEqual([]);
});
