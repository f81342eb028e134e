import { type Kysely, sql } from 'kysely';

/**
 * Organizations, their keys and their contacts.
 *
 * Nobody logs in as either of two roles. A tenant's transaction runs as `introzy_app`, which owns nothing and bypasses
 * nothing. `introzy_lookup` owns the few functions that look across a policy, and may read no more than the functions
 * need.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const schema = rows[0]?.schema ?? 'public';
  for (const part of [extensions, roles, documents, tables, indexes, policies, functions, lookups(schema)]) {
    for (const statement of part) await sql.raw(statement).execute(db);
  }
}

const extensions = ['create extension if not exists pg_trgm', 'create extension if not exists btree_gin'];

// Roles belong to the server, not to the database: another database may have made the roles, even at this moment.
const roles = [
  ...['introzy_app', 'introzy_lookup'].map(
    (role) => `do $$ begin
      if not exists (select from pg_roles where rolname = '${role}') then
        create role ${role} nologin;
      end if;
    exception when duplicate_object or unique_violation then null;
    end $$`,
  ),
  `do $$ begin
    grant introzy_app, introzy_lookup to current_user;
  exception when insufficient_privilege then
    raise exception using errcode = '42501',
      message = format('%s may not act as the roles introzy_app and introzy_lookup, which another user made', current_user),
      hint = format('As a superuser: grant introzy_app, introzy_lookup to %I with admin option', current_user);
  end $$`,
];

// Makes the JSON text of a contact as the API shows the contact. The text is made when the contact is written: a
// contact is read many times, and making JSON at each reading would cost the database more than finding the contact.
// PostgreSQL must assume that dates and JSON in general depend on settings; the result of this function depends on no
// setting, so the function is declared immutable. The function uses nothing of this schema: restoring a dump writes the
// rows anew, and PostgreSQL's own schema is then the only schema on the search path.
const iso = (date: string) => `to_char(${date} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const documents = [
  `create function introzy_contact_document(
    p_id uuid, p_organization_id uuid, p_name text, p_email text, p_phone text, p_company text, p_title text,
    p_location text, p_linkedin_url text, p_notes text, p_tags text[], p_custom_fields jsonb,
    p_created_at timestamptz, p_updated_at timestamptz, p_deleted_at timestamptz, p_version int)
  returns text language plpgsql immutable parallel safe as $$
  begin
    return (
      select row_to_json(contact)::text from (
        select p_id as "id", p_organization_id as "organizationId", p_name as "name", p_email as "email",
          p_phone as "phone", p_company as "company", p_title as "title", p_location as "location",
          p_linkedin_url as "linkedinUrl", p_notes as "notes", p_tags as "tags", p_custom_fields as "customFields",
          ${iso('p_created_at')} as "createdAt", ${iso('p_updated_at')} as "updatedAt",
          ${iso('p_deleted_at')} as "deletedAt", p_version as "version"
      ) contact
    );
  end $$`,
];

// A regular expression: control characters and punctuation that are directly before a word. The column `search` gets a
// blank behind the match, because the column's index finds a word of one or two letters only behind a blank.
const BREAKS_BEFORE_WORD =
  '([\\t-\\r!-/:-@\\[-`{-~\\u00a0-\\u00bf\\u2000-\\u206f\\u3000-\\u303f]+)(?=[^ \\t-\\r!-/:-@\\[-`{-~\\u00a0-\\u00bf\\u2000-\\u206f\\u3000-\\u303f])';

const tables = [
  `create table organizations (
    id uuid primary key,
    name text not null unique check (char_length(name) between 1 and 100),
    owner_email text not null,
    created_at timestamptz(3) not null default now()
  )`,
  `create table api_keys (
    organization_id uuid not null references organizations on delete cascade,
    id uuid not null,
    name text not null check (char_length(name) between 1 and 100),
    hint text not null,
    scopes text[] not null,
    created_by_type text not null check (created_by_type in ('person', 'key')),
    created_by_id text not null,
    created_by_name text not null,
    created_at timestamptz(3) not null default now(),
    expires_at timestamptz(3) not null,
    revoked_at timestamptz(3),
    last_used_at timestamptz(3),
    primary key (organization_id, id)
  )`,
  `create table api_key_secrets (
    organization_id uuid not null,
    api_key_id uuid not null,
    digest bytea not null constraint api_key_secrets_digest unique check (octet_length(digest) = 32),
    secret_id text not null,
    created_at timestamptz(3) not null default now(),
    expires_at timestamptz(3) not null,
    primary key (organization_id, api_key_id, digest),
    foreign key (organization_id, api_key_id) references api_keys on delete cascade
  )`,
  `create table contacts (
    organization_id uuid not null references organizations on delete cascade,
    id uuid not null,
    name text not null,
    email text,
    phone text,
    company text,
    title text,
    location text,
    linkedin_url text,
    notes text,
    tags text[] not null default '{}',
    custom_fields jsonb not null default '{}' check (jsonb_typeof(custom_fields) = 'object'),
    name_key text not null,
    email_key text,
    company_key text,
    search text generated always as (regexp_replace(
      ' ' || name_key || ' ' || coalesce(email_key, '') || ' ' || coalesce(company_key, ''),
      '${BREAKS_BEFORE_WORD}', '\\1 ', 'g')) stored,
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now(),
    deleted_at timestamptz(3),
    version integer not null default 1,
    document text generated always as (introzy_contact_document(
      id, organization_id, name, email, phone, company, title, location, linkedin_url, notes, tags, custom_fields,
      created_at, updated_at, deleted_at, version)) stored,
    primary key (organization_id, id)
  )`,
];

const indexes = [
  // These two indexes find an id in all organizations. An id that this organization does not have is answered with 403
  // where another organization has the id, and with 404 where no organization does. The indexes are hashed: to list the
  // newest contacts of one organization, the planner would walk an ordered index through all organizations.
  'create index api_keys_id on api_keys using hash (id)',
  'create index contacts_id on contacts using hash (id)',
  'create unique index contacts_email on contacts (organization_id, email_key) where deleted_at is null',
  'create index contacts_email_deleted on contacts (organization_id, email_key) where deleted_at is not null',
  'create index contacts_updated_at on contacts (organization_id, updated_at)',
  // The pending list is short (256 kB), because each search reads the whole list.
  `create index contacts_search on contacts using gin (organization_id, search gin_trgm_ops, tags)
    with (gin_pending_list_limit = 256)`,
];

const tenantTables = ['api_keys', 'api_key_secrets', 'contacts'];

const policies = [
  `create function introzy_organization_id() returns uuid language sql stable parallel safe
    return nullif(current_setting('introzy.organization_id', true), '')::uuid`,
  ...tenantTables.flatMap((table) => [
    `alter table ${table} enable row level security`,
    `alter table ${table} force row level security`,
    `create policy tenant on ${table} using (organization_id = introzy_organization_id())
      with check (organization_id = introzy_organization_id())`,
    `create policy lookup on ${table} for select to introzy_lookup using (true)`,
  ]),
  // Row-level security is not forced here: the operator owns the table, and finds organizations by name.
  'alter table organizations enable row level security',
  'create policy tenant on organizations for select to introzy_app using (id = introzy_organization_id())',
  'grant select on organizations to introzy_app',
  'grant select, insert, update on api_keys, api_key_secrets, contacts to introzy_app',
  'grant select (organization_id, id, scopes) on api_keys to introzy_lookup',
  'grant select (organization_id, api_key_id, digest) on api_key_secrets to introzy_lookup',
  'grant select (organization_id, id, search, tags, updated_at, deleted_at) on contacts to introzy_lookup',
];

const ENTER = `set_config('introzy.organization_id', p_organization_id::text, true),
            set_config('role', 'introzy_app', true),
            set_config('statement_timeout', p_statement_timeout::text, true),
            set_config('lock_timeout', p_lock_timeout::text, true)`;

const selectKey = (condition: string) => `select s.secret_id, k.revoked_at, s.expires_at into v_key
      from api_key_secrets s
      join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
      where s.organization_id = p_organization_id and ${condition}`;

const functions = [
  // `introzy_enter` and `introzy_admit` set values of the transaction alone: nothing is left behind in a pooled
  // session.
  `create function introzy_enter(p_organization_id uuid, p_statement_timeout int, p_lock_timeout int)
  returns void language plpgsql as $$
  begin
    perform ${ENTER};
  end $$`,
  // A refusal is raised as an error, so that later statements of the same transaction do nothing. The first digest,
  // under the newest server secret, is looked up alone: for a list of unknown length PostgreSQL would make a new plan
  // at each call.
  `create function introzy_admit(
    p_organization_id uuid, p_digests bytea[], p_statement_timeout int, p_lock_timeout int)
  returns text language plpgsql as $$
  declare
    v_key record;
  begin
    perform ${ENTER};
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
    end if;
    return v_key.secret_id;
  end $$`,
];

const lookups = (schema: string) => [
  // Finds the key that a digest belongs to, valid or not. A request needs the key's organization before the request can
  // begin a transaction in the organization.
  `create function introzy_identify(p_digests bytea[])
  returns table (organization_id uuid, api_key_id uuid, scopes text[]) language sql stable security definer
  begin atomic
    select k.organization_id, k.id, k.scopes
      from api_key_secrets s
      join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
      where s.digest = any (p_digests);
  end`,
  `create function introzy_api_key_exists(p_id uuid) returns boolean language sql stable security definer
    return exists (select from api_keys where id = p_id)`,
  `create function introzy_contact_exists(p_id uuid) returns boolean language sql stable security definer
    return exists (select from contacts where id = p_id)`,
  // Finds the newest matching contacts of the transaction's organization by an index. Under row-level security
  // PostgreSQL uses an index only for operators that are known not to leak, and neither LIKE nor @> is known not to
  // leak. The function gives ids alone, and its caller reads the rows under the policy. EXECUTE makes a plan for the
  // actual values. OFFSET 0 keeps the planner from walking the primary key in the hope of an early match.
  `create function introzy_matching_contacts(
    p_patterns text[], p_tag text, p_updated_since timestamptz, p_include_deleted boolean, p_from uuid, p_limit int)
  returns setof uuid language plpgsql stable security definer set search_path = ${schema}, pg_temp as $$
  begin
    return query execute
      'select id from (select id from contacts where organization_id = introzy_organization_id()'
      || coalesce((select string_agg(format(' and search like $1[%s]', n), '') from generate_subscripts(p_patterns, 1) n), '')
      || case when p_tag is null then '' else ' and tags @> array[$2]' end
      || case when p_updated_since is null then '' else ' and updated_at >= $3' end
      || case when p_include_deleted then '' else ' and deleted_at is null' end
      || case when p_from is null then '' else ' and id <= $4' end
      || ' offset 0) matches order by id desc limit $5'
      using p_patterns, p_tag, p_updated_since, p_from, p_limit;
  end $$`,
  `grant create on schema ${schema} to introzy_lookup`,
  ...[
    'introzy_identify(bytea[])',
    'introzy_api_key_exists(uuid)',
    'introzy_contact_exists(uuid)',
    'introzy_matching_contacts(text[], text, timestamptz, boolean, uuid, int)',
  ].flatMap((signature) => [
    `revoke execute on function ${signature} from public`,
    `grant execute on function ${signature} to introzy_app`,
    `alter function ${signature} owner to introzy_lookup`,
  ]),
  `revoke create on schema ${schema} from introzy_lookup`,
  // The policies of introzy_lookup, which allow reading every row, would also apply to a member of the role.
  'revoke introzy_lookup from current_user',
];
