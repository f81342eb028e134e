import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

export const accepts = [
  {
    effect: 'changes the function introzy_admit_key(uuid,bytea[],text[])',
    because: 'refuses further keys, by the errors that the version before knows',
  },
  {
    effect: 'changes the function introzy_audit_api_key()',
    because: 'writes the same entries for the version before',
  },
  {
    effect: 'adds the trigger api_key_secrets.hold',
    because: 'raises nothing, and fills the columns that the version before leaves out',
  },
  {
    effect: 'adds the trigger api_keys.audit_settings',
    because: 'follows new columns alone',
  },
];

/**
 * Each secret of a key has a holder: the person to whom the secret was shown. `introzy_admit_key` asks at each call
 * whether the holder is a member, and what the holder's role allows.
 *
 * A secret also tells its uses, who made the secret, and the grace that its first use gives the older secrets; a place
 * tells the latest use of each secret. A key gets a description, an environment, and the right to rotate itself.
 *
 * A trigger finds the holder from the transaction's actor, so that the version before, which does not know the columns,
 * makes secrets with holders as well. A secret without an `id` is from before this migration, and has no holder yet:
 * migration 0008 gives such a secret its holder.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [...columns, ...functions, ...settings, ...triggers]) await sql.raw(statement).execute(db);
}

const columns = [
  `alter table api_key_secrets add id uuid, add hint text, add holder_id uuid, add made_by text,
    add first_used_at timestamptz(3), add last_used_at timestamptz(3), add grace_hours smallint`,
  `alter table api_key_places add secrets jsonb not null default '{}'`,
  `alter table api_keys add description text, add environment text, add grace_ended_at timestamptz(3),
    add self_rotate boolean not null default false`,
  `alter table api_keys add constraint api_keys_settings check (char_length(description) <= 500
    and environment in ('development', 'staging', 'production')) not valid`,
  // The default is for new rows alone: to fill the rows so far would rewrite the table.
  'alter table api_key_secrets alter id set default gen_random_uuid()',
];

const iso = (date: string) => `to_char(${date} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const selectKey = (
  condition: string,
) => `select s.secret_id, s.id as secret, s.created_at, s.expires_at, s.holder_id, k.id, k.scopes,
        k.revoked_at, m.role into v_key
      from api_key_secrets s
      join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
      left join members m on m.organization_id = s.organization_id and m.user_id = s.holder_id
      where s.organization_id = p_organization_id and ${condition}`;

const functions = [
  // The function of migration 0004, which now also judges the holder, names the secret in `introzy.secret`, and says of
  // an expired secret in the error's hint whether a rotation replaced the secret.
  `create or replace function introzy_admit_key(p_organization_id uuid, p_digests bytea[], p_scopes text[])
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
    elsif v_key.revoked_at is not null or v_key.holder_id is not null and v_key.role is null then
      raise exception using errcode = 'IZ401', message = 'revoked';
    elsif v_key.expires_at <= now() then
      raise exception using errcode = 'IZ401', message = 'expired', hint = case when exists (
        select from api_key_secrets newer where newer.organization_id = p_organization_id
          and newer.api_key_id = v_key.id and newer.created_at > v_key.created_at) then 'rotated' else '' end;
    elsif not p_scopes <@ v_key.scopes then
      perform introzy_require_scopes('key', v_key.scopes, p_scopes);
    elsif v_key.holder_id is not null and p_scopes <@ introzy_role_scopes(v_key.role) is not true then
      perform introzy_require_scopes('holder', introzy_role_scopes(v_key.role), p_scopes);
    end if;
    v_set := set_config('introzy.actor', 'key:' || v_key.id, true);
    v_set := set_config('introzy.secret', v_key.secret::text, true);
    return v_key.secret_id;
  end $$`,

  // The secret that calls in this transaction, such as the secret of the key that issues another key. The version
  // before names the key alone: the newest secret of the key then stands for the secret.
  `create function introzy_calling_secret() returns api_key_secrets language sql stable as $$
    select s from api_key_secrets s
      where s.organization_id = introzy_organization_id()
        and s.api_key_id = substring(current_setting('introzy.actor', true) from '^key:(.*)$')::uuid
      order by s.id::text = current_setting('introzy.secret', true) desc nulls last, s.created_at desc limit 1
  $$`,

  // The person to whom the transaction's answer is shown: the person who calls, or the holder of the secret that calls.
  // Null for the operator.
  `create function introzy_actor_holder() returns uuid language sql stable as $$
    select coalesce(substring(current_setting('introzy.actor', true) from '^person:([^:]+)')::uuid,
      (introzy_calling_secret()).holder_id)
  $$`,

  // The holder of a secret. Until migration 0008 the issuer of the key stands for the holder of an older secret.
  `create function introzy_holder(p_secret api_key_secrets) returns uuid language sql stable as $$
    select case when p_secret.id is not null then p_secret.holder_id else (
      select k.created_by_id::uuid from api_keys k
        where k.organization_id = p_secret.organization_id and k.id = p_secret.api_key_id
          and k.created_by_type = 'person') end
  $$`,

  `create function introzy_hold_secret() returns trigger language plpgsql as $$
  declare
    v_calling api_key_secrets;
  begin
    -- A row from a dump has its maker.
    if new.made_by is not null then
      return new;
    end if;
    v_calling := introzy_calling_secret();
    new.holder_id := introzy_actor_holder();
    new.made_by := coalesce(substring(current_setting('introzy.actor', true) from '^(?:key|person):[^:]+'), 'operator');
    -- The calling secret waits for its holder: migration 0008 gives both secrets the same holder.
    if v_calling.digest is not null and v_calling.id is null then
      new.id := null;
    end if;
    return new;
  end $$`,

  // The function of migration 0003. A key that was kept once may be kept again, when the new holder leaves.
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
    if new.revoked_at is not null and old.revoked_at is null then
      insert into audit_log (organization_id, actor, action, subject) values (new.organization_id,
        v_actor, 'apiKey.revoked', v_subject);
    end if;
    return null;
  end $$`,
];

const settings = [
  `create function introzy_audit_key_settings() returns trigger language plpgsql as $$
  declare
    v_subject jsonb := jsonb_build_object('type', 'apiKey', 'id', new.id, 'name', new.name);
    v_old jsonb := jsonb_build_object('description', old.description, 'environment', old.environment,
      'selfRotate', old.self_rotate);
    v_new jsonb := jsonb_build_object('description', new.description, 'environment', new.environment,
      'selfRotate', new.self_rotate);
  begin
    if v_new <> v_old then
      insert into audit_log (organization_id, actor, action, subject, details) values (new.organization_id,
        introzy_actor(), 'apiKey.changed', v_subject, jsonb_build_object('from', v_old, 'to', v_new));
    end if;
    if new.grace_ended_at is distinct from old.grace_ended_at then
      insert into audit_log (organization_id, actor, action, subject) values (new.organization_id,
        introzy_actor(), 'apiKey.graceEnded', v_subject);
    end if;
    return null;
  end $$`,
];

const triggers = [
  `create trigger audit_settings after update of description, environment, self_rotate, grace_ended_at on api_keys
    for each row execute function introzy_audit_key_settings()`,
  'create trigger hold before insert on api_key_secrets for each row execute function introzy_hold_secret()',
];
