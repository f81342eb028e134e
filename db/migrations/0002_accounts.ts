import { type Kysely, sql } from 'kysely';

/**
 * People: accounts and sessions (better-auth's tables, under names in our style), memberships, and invitations to a
 * membership.
 *
 * better-auth works as the role `introzy_auth`. The role reads and writes the tables of people across organizations,
 * and reaches no contact and no key. A tenant's transaction sees only the rows of its own organization.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const schema = rows[0]?.schema ?? 'public';
  for (const part of [role, tables, owners, policies, lookups(schema), functions]) {
    for (const statement of part) await sql.raw(statement).execute(db);
  }
}

const role = [
  `do $$ begin
    if not exists (select from pg_roles where rolname = 'introzy_auth') then
      create role introzy_auth nologin;
    end if;
  exception when duplicate_object or unique_violation then null;
  end $$`,
  `do $$ begin
    grant introzy_auth, introzy_lookup to current_user;
  exception when insufficient_privilege then
    raise exception using errcode = '42501',
      message = format('%s may not act as the roles introzy_auth and introzy_lookup, which another user made', current_user),
      hint = format('As a superuser: grant introzy_auth, introzy_lookup to %I with admin option', current_user);
  end $$`,
];

const tables = [
  `create table users (
    id uuid primary key,
    name text not null,
    email text not null constraint users_email unique,
    email_verified boolean not null default false,
    image text,
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now()
  )`,
  `create table accounts (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    account_id text not null,
    provider_id text not null,
    access_token text,
    refresh_token text,
    id_token text,
    access_token_expires_at timestamptz(3),
    refresh_token_expires_at timestamptz(3),
    scope text,
    password text,
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now(),
    unique (provider_id, account_id)
  )`,
  'create index accounts_user on accounts (user_id)',
  `create table verifications (
    id uuid primary key,
    identifier text not null,
    value text not null,
    expires_at timestamptz(3) not null,
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now()
  )`,
  'create index verifications_identifier on verifications (identifier)',
  `alter table organizations
    add slug text not null default gen_random_uuid()::text constraint organizations_slug unique,
    add logo text,
    add metadata text`,
  `create table sessions (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    token text not null unique,
    expires_at timestamptz(3) not null,
    ip_address text,
    user_agent text,
    active_organization_id uuid references organizations on delete set null,
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now()
  )`,
  'create index sessions_user on sessions (user_id)',
  `create table members (
    organization_id uuid not null references organizations on delete cascade,
    id uuid not null,
    user_id uuid not null references users on delete cascade,
    role text not null check (role in ('member', 'admin', 'owner')),
    created_at timestamptz(3) not null default now(),
    primary key (organization_id, id),
    constraint members_user unique (organization_id, user_id)
  )`,
  // For look-ups without an organization: a person's organizations, and better-auth's own look-ups.
  'create index members_of_user on members (user_id)',
  // The id opens the invitation, and only the mail to the invited address contains the id. The organization's members
  // know the invitation by its reference.
  `create table invitations (
    organization_id uuid not null references organizations on delete cascade,
    id uuid not null,
    reference uuid not null default gen_random_uuid(),
    email text not null,
    role text not null check (role in ('member', 'admin', 'owner')),
    status text not null default 'pending',
    inviter_id uuid not null references users on delete cascade,
    expires_at timestamptz(3) not null,
    created_at timestamptz(3) not null default now(),
    primary key (organization_id, id),
    unique (organization_id, reference)
  )`,
  `create unique index invitations_email on invitations (organization_id, email) where status = 'pending'`,
  'create index invitations_id on invitations using hash (id)',
  // The value of `expires_at` that the last expiry notice told of.
  'alter table api_keys add expiry_notice_for timestamptz(3)',
];

// Makes accounts for the owners of organizations that are older than accounts. Such an owner has no password, and sets
// a password by a password reset.
const owners = [
  `insert into users (id, name, email)
    select gen_random_uuid(), address, address from (select distinct lower(trim(owner_email)) as address from organizations) o`,
  `insert into members (organization_id, id, user_id, role)
    select o.id, gen_random_uuid(), u.id, 'owner' from organizations o join users u on u.email = lower(trim(o.owner_email))`,
  'alter table api_keys no force row level security',
  `update api_keys k set created_by_id = u.id::text from organizations o join users u on u.email = lower(trim(o.owner_email))
    where o.id = k.organization_id and k.created_by_type = 'person' and lower(trim(k.created_by_id)) = u.email`,
  'alter table api_keys force row level security',
  'alter table organizations drop column owner_email',
];

const IS_OWN = 'organization_id = introzy_organization_id()';
/**
 * A policy `to introzy_auth` also applies to every member of the role. The owner of the tables may act as
 * `introzy_auth` and so is a member. `current_user` keeps the owner out of the policy.
 */
const IS_AUTH = `current_user = 'introzy_auth'`;

const policies = [
  ...['members', 'invitations'].flatMap((table) => [
    `alter table ${table} enable row level security`,
    `alter table ${table} force row level security`,
    `create policy tenant on ${table} using (${IS_OWN}) with check (${IS_OWN})`,
    `create policy auth on ${table} to introzy_auth using (${IS_AUTH}) with check (${IS_AUTH})`,
    `create policy lookup on ${table} for select to introzy_lookup using (true)`,
  ]),
  // Row-level security is not forced here: the operator, who owns the tables, makes an organization's owner.
  ...['users', 'sessions', 'accounts', 'verifications'].flatMap((table) => [
    `alter table ${table} enable row level security`,
    `create policy auth on ${table} to introzy_auth using (${IS_AUTH}) with check (${IS_AUTH})`,
  ]),
  `create policy auth on organizations to introzy_auth using (${IS_AUTH}) with check (${IS_AUTH})`,
  'create policy lookup on organizations for select to introzy_lookup using (true)',
  ...['users', 'sessions'].map((table) => `create policy lookup on ${table} for select to introzy_lookup using (true)`),
  `create policy tenant on users for select to introzy_app using (id in (select user_id from members where ${IS_OWN}))`,
  `create policy tenant on sessions to introzy_app using (active_organization_id = introzy_organization_id())`,

  'grant select, insert, update, delete on users, sessions, accounts, verifications to introzy_auth',
  'grant select, insert on organizations, members to introzy_auth',
  'grant select, update on invitations to introzy_auth',
  'grant select (id, name, email) on users to introzy_app',
  'grant select (user_id, active_organization_id), delete on sessions to introzy_app',
  'grant select, insert, update (role), delete on members to introzy_app',
  'grant select, insert, update (status) on invitations to introzy_app',
  'grant select (id, name) on organizations to introzy_lookup',
  'grant select (id, name, email) on users to introzy_lookup',
  'grant select (id, user_id, expires_at, active_organization_id) on sessions to introzy_lookup',
  'grant select (organization_id, user_id, role) on members to introzy_lookup',
];

const lookups = (schema: string) => [
  // The person of a session, with the person's role in the session's active organization. No row where the session has
  // expired, or the person is not a member of the organization.
  `create function introzy_session_person(p_session_id uuid)
  returns table (organization_id uuid, organization_name text, user_id uuid, name text, email text, role text)
  language sql stable security definer
  begin atomic
    select o.id, o.name, u.id, u.name, u.email, m.role
      from sessions s
      join members m on m.organization_id = s.active_organization_id and m.user_id = s.user_id
      join users u on u.id = s.user_id
      join organizations o on o.id = m.organization_id
      where s.id = p_session_id and s.expires_at > now();
  end`,
  // The organizations with a key that expires within `p_days` days and whose expiry no notice has told of.
  `create function introzy_organizations_to_notify(p_days int) returns setof uuid
  language sql stable security definer
  begin atomic
    select distinct organization_id from api_keys
      where revoked_at is null and expires_at > now() and expires_at <= now() + make_interval(hours => 24 * p_days)
        and expiry_notice_for is distinct from expires_at;
  end`,
  'grant select (revoked_at, expires_at, expiry_notice_for) on api_keys to introzy_lookup',
  `grant create on schema ${schema} to introzy_lookup`,
  ...['introzy_session_person(uuid)', 'introzy_organizations_to_notify(int)'].flatMap((signature) => [
    `revoke execute on function ${signature} from public`,
    `grant execute on function ${signature} to introzy_app`,
    `alter function ${signature} owner to introzy_lookup`,
  ]),
  `revoke create on schema ${schema} from introzy_lookup`,
  'revoke introzy_lookup from current_user',
];

const functions = [
  // The counterpart of `introzy_admit` for a person's session: enters the organization, or aborts the transaction.
  // `p_role` is the role by which the request was judged: a role that has changed since is refused.
  `create function introzy_admit_person(
    p_organization_id uuid, p_session_id uuid, p_role text, p_statement_timeout int, p_lock_timeout int)
  returns void language plpgsql as $$
  declare
    v_person record;
  begin
    perform introzy_enter(p_organization_id, p_statement_timeout, p_lock_timeout);
    select * into v_person from introzy_session_person(p_session_id) p where p.organization_id = p_organization_id;
    if not found or v_person.role <> p_role then
      raise exception using errcode = 'IZ401', message = 'missing';
    end if;
    perform set_config('introzy.actor', 'person:' || v_person.user_id || ':' || v_person.email, true);
  end $$`,
];
