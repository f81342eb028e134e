import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

export const accepts = [
  {
    effect: 'adds the trigger api_keys.suspend',
    because: 'raises nothing, and changes only keys of organizations that are deleted',
  },
  {
    effect: 'adds the trigger organizations.audit',
    because: 'follows changes of a name, and the version before makes none',
  },
  ...['members', 'invitations'].map((table) => ({
    effect: `changes the policy ${table}.auth`,
    because: 'hides only rows of organizations that are deleted',
  })),
  {
    effect: 'changes the function introzy_session_person(uuid)',
    because: 'differs only for organizations that are deleted: their sessions are over',
  },
  {
    effect: 'changes the function introzy_audit_api_key()',
    because: 'writes the same entries for the version before, which suspends no key',
  },
  {
    effect: 'changes the function introzy_revoke_keys(uuid,uuid[])',
    because: 'differs only for keys of organizations that are deleted',
  },
  {
    effect: 'changes the function introzy_audit_erasure()',
    because: 'differs only for organizations that are being erased',
  },
];

/**
 * An organization that is deleted can be restored for 30 days. Its keys are revoked meanwhile, so that the admissions of
 * this version and of the version before refuse the keys with no more to read: `suspended_at` tells the restoration which
 * keys were not revoked before. Sessions do not enter the organization, as `introzy_session_person` does not find it, and
 * the accounts' role sees neither its memberships nor its invitations. The work of an account that a restoration must find
 * done, such as the proof of an address, sees them by the setting `introzy.with_deleted` of its transaction.
 *
 * What is set for an organization has a table of its own, by the organization's id. An organization without a row has the
 * defaults. better-auth reads all columns of `organizations` in prepared statements, which fail on the open connections
 * of the version before once there is a further column.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const statements = [...settings, ...suspension, ...auditing(rows[0]?.schema ?? 'public'), ...sessions];
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const settings = [
  `create table organization_settings (
    id uuid primary key references organizations on delete cascade,
    deleted_at timestamptz(3)
  )`,
  'alter table organization_settings enable row level security',
  `create policy tenant on organization_settings to introzy_app
    using (id = introzy_organization_id()) with check (id = introzy_organization_id())`,
  'create policy auth on organization_settings for select to introzy_auth using (introzy_for_accounts())',
  'create policy lookup on organization_settings for select to introzy_lookup using (true)',
  'grant select, insert, update on organization_settings to introzy_app',
  'grant select (id, deleted_at) on organization_settings to introzy_auth',
  'grant select (id, deleted_at) on organization_settings to introzy_lookup',
  'alter table api_keys add column suspended_at timestamptz(3)',
  'grant update (name) on organizations to introzy_app',
  `create policy tenant_change on organizations for update to introzy_app
    using (id = introzy_organization_id()) with check (id = introzy_organization_id())`,
  ...['members', 'invitations'].map(
    (table) => `alter policy auth on ${table} using (introzy_for_accounts() and not exists (
      select from organization_settings s where s.id = organization_id and s.deleted_at is not null
        and current_setting('introzy.with_deleted', true) is distinct from 'on'))
      with check (introzy_for_accounts())`,
  ),
];

const suspension = [
  // The lock is in the way of a deletion alone: either the deletion sees the new key, or the key sees the deletion.
  `create function introzy_suspend_key() returns trigger language plpgsql as $$
  declare
    v_deleted_at timestamptz(3);
  begin
    perform from organizations where id = new.organization_id for share;
    select deleted_at into v_deleted_at from organization_settings where id = new.organization_id;
    if v_deleted_at is not null and new.revoked_at is null then
      new.revoked_at := v_deleted_at;
      new.suspended_at := v_deleted_at;
    end if;
    return new;
  end $$`,
  'create trigger suspend before insert on api_keys for each row execute function introzy_suspend_key()',

  // The function of migration 0007. A key that is revoked while its organization is deleted stays revoked.
  `create or replace function introzy_revoke_keys(p_organization_id uuid, p_ids uuid[]) returns setof uuid
  language plpgsql as $$
  begin
    perform pg_advisory_xact_lock(hashtextextended('introzy key families ' || p_organization_id, 0));
    return query update api_keys k set revoked_at = now(), suspended_at = null
      where k.organization_id = p_organization_id and (k.revoked_at is null or k.suspended_at is not null)
        and k.id = any (array(
          select f.id from introzy_key_families(p_organization_id, array(
            select root.id from api_keys root where root.organization_id = p_organization_id and root.id = any (p_ids)
              and (root.revoked_at is null or root.suspended_at is not null))) f))
      returning k.id;
  end $$`,
];

const iso = (timestamp: string) => `to_char(${timestamp} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const auditing = (schema: string) => [
  // The function of migration 0007. A suspension is no revocation of each key: the log would show revocations that a
  // restoration takes back.
  `create or replace function introzy_audit_api_key() returns trigger language plpgsql as $$
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
    if new.kept_at is not null and new.kept_at is distinct from old.kept_at then
      insert into audit_log (organization_id, actor, action, subject) values (new.organization_id,
        v_actor, 'apiKey.kept', v_subject);
    end if;
    if new.revoked_at is not null and new.suspended_at is null
        and (old.revoked_at is null or old.suspended_at is not null) then
      insert into audit_log (organization_id, actor, action, subject) values (new.organization_id,
        v_actor, 'apiKey.revoked', v_subject);
    end if;
    return null;
  end $$`,

  `create function introzy_audit_organization() returns trigger language plpgsql as $$
  declare
    v_subject jsonb := jsonb_build_object('type', 'organization', 'id', new.id, 'name', new.name);
  begin
    if new.name is distinct from old.name then
      insert into audit_log (organization_id, actor, action, subject, details) values (new.id,
        introzy_actor(), 'organization.renamed', v_subject, jsonb_build_object('from', old.name, 'to', new.name));
    end if;
    return null;
  end $$`,
  `create trigger audit after update of name on organizations
    for each row execute function introzy_audit_organization()`,

  `create function introzy_audit_deletion() returns trigger language plpgsql as $$
  begin
    if tg_op = 'INSERT' and new.deleted_at is null
        or tg_op = 'UPDATE' and (new.deleted_at is null) = (old.deleted_at is null) then
      return null;
    end if;
    insert into audit_log (organization_id, actor, action, subject)
      select id, introzy_actor(),
          case when new.deleted_at is null then 'organization.restored' else 'organization.deleted' end,
          jsonb_build_object('type', 'organization', 'id', id, 'name', name)
        from organizations where id = new.id;
    return null;
  end $$`,
  `create trigger audit after insert or update of deleted_at on organization_settings
    for each row execute function introzy_audit_deletion()`,

  // The function of migration 0019. The contacts of an organization that is being erased leave no entry: the log is
  // erased with them.
  `create or replace function introzy_audit_erasure() returns trigger
  language plpgsql set search_path = ${schema}, pg_temp as $$
  begin
    insert into audit_log (organization_id, actor, action, subject)
      select o.id, introzy_actor(), 'contact.erased',
          jsonb_build_object('type', 'contact', 'id', old.id, 'name', old.id)
        from organizations o left join organization_settings s on s.id = o.id
        where o.id = old.organization_id
          and (s.deleted_at is null or s.deleted_at > now() - interval '720 hours');
    return null;
  end $$`,
];

const sessions = [
  'grant introzy_lookup to current_user',
  // The function of migration 0002, which now does not find an organization that is deleted.
  `create or replace function introzy_session_person(p_session_id uuid)
  returns table (organization_id uuid, organization_name text, user_id uuid, name text, email text, role text)
  language sql stable security definer
  begin atomic
    select o.id, o.name, u.id, u.name, u.email, m.role
      from sessions s
      join members m on m.organization_id = s.active_organization_id and m.user_id = s.user_id
      join users u on u.id = s.user_id
      join organizations o on o.id = m.organization_id
      where s.id = p_session_id and s.expires_at > now()
        and not exists (select from organization_settings d where d.id = o.id and d.deleted_at is not null);
  end`,
  'revoke introzy_lookup from current_user',
];
