import { type Kysely, sql } from 'kysely';

/**
 * The audit log, and the places that keys are used from.
 *
 * Triggers write the audit log, in the transaction of the change. So every change is recorded, whoever makes the
 * change, and a change that cannot be recorded fails. No role of the service has the right to change or delete an
 * entry.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const part of [tables, policies, functions, triggers]) {
    for (const statement of part) await sql.raw(statement).execute(db);
  }
}

const tables = [
  // A UUID of version 7 (RFC 9562, section 5.7) with a counter in rand_a (section 6.2, method 1), so that the entries
  // of a transaction keep their order.
  'create sequence introzy_uuid_counter as smallint minvalue 0 maxvalue 4095 cycle',
  `create function introzy_uuid_v7() returns uuid language sql volatile
    return encode(
      overlay(
        overlay(uuid_send(gen_random_uuid())
          placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6)
        placing int2send((28672 + nextval('introzy_uuid_counter'))::int2) from 7 for 2),
      'hex')::uuid`,
  `create table audit_log (
    organization_id uuid not null references organizations on delete cascade,
    id uuid not null default introzy_uuid_v7(),
    at timestamptz(3) not null default clock_timestamp(),
    actor jsonb not null,
    action text not null,
    subject jsonb not null,
    details jsonb not null default '{}',
    primary key (organization_id, id)
  )`,
  `create index audit_log_subject on audit_log (organization_id, (subject->>'id'), id)`,
  `create table api_key_places (
    organization_id uuid not null,
    api_key_id uuid not null,
    address text not null,
    user_agent text not null,
    first_used_at timestamptz(3) not null,
    last_used_at timestamptz(3) not null,
    primary key (organization_id, api_key_id, address, user_agent),
    foreign key (organization_id, api_key_id) references api_keys on delete cascade
  )`,
  'alter table api_keys add kept_at timestamptz(3)',
];

const iso = (date: string) => `to_char(${date} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const IS_OWN = 'organization_id = introzy_organization_id()';

const policies = [
  ...['audit_log', 'api_key_places'].flatMap((table) => [
    `alter table ${table} enable row level security`,
    `alter table ${table} force row level security`,
    `create policy tenant on ${table} using (${IS_OWN}) with check (${IS_OWN})`,
  ]),
  `create policy auth on audit_log for insert to introzy_auth with check (current_user = 'introzy_auth')`,
  'grant select, insert on audit_log to introzy_app',
  'grant usage on sequence introzy_uuid_counter to introzy_app, introzy_auth',
  'grant insert on audit_log to introzy_auth',
  'grant select, insert, update on api_key_places to introzy_app',
];

const selectKey = (condition: string) => `select s.secret_id, k.id, k.revoked_at, s.expires_at into v_key
      from api_key_secrets s
      join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
      where s.organization_id = p_organization_id and ${condition}`;

const functions = [
  // The function of migration 0001, which now also sets `introzy.actor`.
  `create or replace function introzy_admit(
    p_organization_id uuid, p_digests bytea[], p_statement_timeout int, p_lock_timeout int)
  returns text language plpgsql as $$
  declare
    v_key record;
  begin
    perform set_config('introzy.organization_id', p_organization_id::text, true),
            set_config('role', 'introzy_app', true),
            set_config('statement_timeout', p_statement_timeout::text, true),
            set_config('lock_timeout', p_lock_timeout::text, true);
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
    perform set_config('introzy.actor', 'key:' || v_key.id, true);
    return v_key.secret_id;
  end $$`,

  // The actor of the transaction. The admission of a key or a person sets `introzy.actor`; without a value the actor is
  // the operator.
  `create function introzy_actor() returns jsonb language plpgsql stable as $$
  declare
    v_actor text[] := regexp_match(current_setting('introzy.actor', true), '^(key|person):([^:]+):?(.*)$');
  begin
    if v_actor[1] = 'key' then
      return jsonb_build_object('type', 'key', 'id', v_actor[2], 'name', (
        select name from api_keys where organization_id = introzy_organization_id() and id = v_actor[2]::uuid));
    elsif v_actor[1] = 'person' then
      return jsonb_build_object('type', 'person', 'id', v_actor[2], 'name', v_actor[3]);
    end if;
    return jsonb_build_object('type', 'operator', 'id', null, 'name', 'The operator');
  end $$`,

  `create function introzy_audit_api_key() returns trigger language plpgsql as $$
  declare
    v_subject jsonb := jsonb_build_object('type', 'apiKey', 'id', new.id, 'name', new.name);
    v_actor jsonb := introzy_actor();
  begin
    if tg_op = 'INSERT' then
      insert into audit_log (organization_id, actor, action, subject, details) values (new.organization_id,
        v_actor, 'apiKey.issued', v_subject,
        jsonb_build_object('hint', new.hint, 'scopes', new.scopes, 'expiresAt', ${iso('new.expires_at')}));
      return null;
    end if;
    if new.name is distinct from old.name then
      insert into audit_log (organization_id, actor, action, subject, details) values (new.organization_id,
        v_actor, 'apiKey.renamed', v_subject, jsonb_build_object('from', old.name, 'to', new.name));
    end if;
    if new.hint is distinct from old.hint or new.expires_at is distinct from old.expires_at then
      insert into audit_log (organization_id, actor, action, subject, details) values (new.organization_id,
        v_actor, 'apiKey.rotated', v_subject,
        jsonb_build_object('hint', new.hint, 'expiresAt', ${iso('new.expires_at')}, 'oldSecretsEndAt', (
          select ${iso('max(expires_at)')} from (
            select expires_at, row_number() over (order by created_at desc) as place from api_key_secrets
              where organization_id = new.organization_id and api_key_id = new.id
          ) secrets where place > 1 and expires_at > now()::timestamptz(3))));
    end if;
    if new.kept_at is not null and old.kept_at is null then
      insert into audit_log (organization_id, actor, action, subject) values (new.organization_id,
        v_actor, 'apiKey.kept', v_subject);
    end if;
    if new.revoked_at is not null and old.revoked_at is null then
      insert into audit_log (organization_id, actor, action, subject) values (new.organization_id,
        v_actor, 'apiKey.revoked', v_subject);
    end if;
    return null;
  end $$`,

  `create function introzy_audit_place() returns trigger language plpgsql as $$
  declare
    v_name text := (select name from api_keys where organization_id = new.organization_id and id = new.api_key_id);
  begin
    insert into audit_log (organization_id, actor, action, subject, details) values (new.organization_id,
      jsonb_build_object('type', 'key', 'id', new.api_key_id, 'name', v_name), 'apiKey.usedFrom',
      jsonb_build_object('type', 'apiKey', 'id', new.api_key_id, 'name', v_name),
      jsonb_build_object('address', new.address, 'userAgent', new.user_agent));
    return null;
  end $$`,

  // Runs before a removal, because the tenant cannot see the person afterwards. Where the whole organization is
  // deleted, the function records nothing.
  `create function introzy_audit_member() returns trigger language plpgsql as $$
  declare
    v_row members := case when tg_op = 'DELETE' then old else new end;
    v_subject jsonb := jsonb_build_object('type', 'person', 'id', v_row.user_id, 'name',
      (select email from users where id = v_row.user_id));
    -- Who accepts an invitation, or makes an organization, does it for themselves.
    v_actor jsonb := case when current_user = 'introzy_auth' then v_subject else introzy_actor() end;
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

  `create function introzy_audit_invitation() returns trigger language plpgsql as $$
  declare
    v_subject jsonb := jsonb_build_object('type', 'invitation', 'id', new.reference, 'name', new.email);
  begin
    -- That one was accepted, the new member says.
    if tg_op = 'INSERT' or new.status = 'canceled' and old.status = 'pending' then
      insert into audit_log (organization_id, actor, action, subject, details) values (new.organization_id,
        introzy_actor(), case when tg_op = 'INSERT' then 'member.invited' else 'member.invitationCancelled' end, v_subject,
        jsonb_build_object('role', new.role));
    end if;
    return null;
  end $$`,

  // Records a sign-in in each organization of the person.
  `create function introzy_audit_session() returns trigger language plpgsql as $$
  declare
    v_person jsonb := jsonb_build_object('type', 'person', 'id', new.user_id, 'name',
      (select email from users where id = new.user_id));
  begin
    insert into audit_log (organization_id, actor, action, subject, details)
      select organization_id, v_person, 'person.signedIn', v_person,
          jsonb_build_object('address', new.ip_address, 'userAgent', new.user_agent)
        from members where user_id = new.user_id;
    return null;
  end $$`,
];

const triggers = [
  `create trigger audit_issue after insert on api_keys for each row execute function introzy_audit_api_key()`,
  `create trigger audit_change after update of name, hint, expires_at, kept_at, revoked_at on api_keys
    for each row execute function introzy_audit_api_key()`,
  `create trigger audit after insert on api_key_places for each row execute function introzy_audit_place()`,
  `create trigger audit_change after insert or update of role on members
    for each row execute function introzy_audit_member()`,
  `create trigger audit_removal before delete on members for each row execute function introzy_audit_member()`,
  `create trigger audit after insert or update of status on invitations
    for each row execute function introzy_audit_invitation()`,
  `create trigger audit after insert on sessions for each row execute function introzy_audit_session()`,
];
