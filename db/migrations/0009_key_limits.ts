import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

export const accepts = [
  {
    effect: 'changes the function introzy_admit_key(uuid,bytea[],text[])',
    because: 'refuses further keys, by the errors that the version before knows',
  },
  {
    effect: 'adds the trigger api_keys.audit_settings',
    because: 'follows new columns alone',
  },
  {
    effect: 'adds the trigger api_key_places.audit_report',
    because: 'follows a new column alone',
  },
];

/**
 * A key gets settings: a description, an environment, the right to rotate itself, a rate of its own, and the addresses
 * from which the key may be used.
 *
 * A key mints tokens: short-lived credentials with at most the scopes of the key. A token works only while the secret
 * that minted the token works, and has that secret's holder.
 *
 * `introzy_admit_key_from` judges the holder, the caller's address and tokens. Instances of the version before call
 * `introzy_admit_key`, which knows no address, and so refuses every key that is bound to addresses.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const schema = rows[0]?.schema ?? 'public';
  for (const part of [columns, tokens, admission, identification(schema), audit]) {
    for (const statement of part) await sql.raw(statement).execute(db);
  }
}

const columns = [
  `alter table api_keys add description text, add environment text, add self_rotate boolean not null default false,
    add grace_ended_at timestamptz(3), add rate_limit int, add allowed_addresses cidr[],
    add address_mode text not null default 'enforce'`,
  `alter table api_keys add constraint api_keys_settings check (char_length(description) <= 500
    and environment in ('development', 'staging', 'production') and rate_limit > 0
    and cardinality(allowed_addresses) between 1 and 50 and address_mode in ('enforce', 'report')) not valid`,
  'alter table api_key_places add reported_at timestamptz(3)',
];

const IS_OWN = 'organization_id = introzy_organization_id()';

const tokens = [
  `create table api_key_tokens (
    organization_id uuid not null,
    api_key_id uuid not null,
    minted_by uuid not null,
    digest bytea not null constraint api_key_tokens_digest unique check (octet_length(digest) = 32),
    secret_id text not null,
    hint text not null,
    scopes text[] not null,
    created_at timestamptz(3) not null default now(),
    expires_at timestamptz(3) not null,
    last_used_at timestamptz(3),
    primary key (organization_id, api_key_id, digest),
    foreign key (organization_id, api_key_id) references api_keys on delete cascade
  )`,
  'alter table api_key_tokens enable row level security',
  'alter table api_key_tokens force row level security',
  `create policy tenant on api_key_tokens using (${IS_OWN}) with check (${IS_OWN})`,
  'create policy lookup on api_key_tokens for select to introzy_lookup using (true)',
  'grant select, insert, delete, update (expires_at, last_used_at) on api_key_tokens to introzy_app',
  'grant select (organization_id, api_key_id, digest, scopes) on api_key_tokens to introzy_lookup',
  'grant select (rate_limit) on api_keys to introzy_lookup',
];

// As `introzy_holder`, without a query of its own.
const HOLDER = `case when s.id is not null then s.holder_id when k.created_by_type = 'person' then k.created_by_id::uuid end`;
const OF_KEY = `join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
      left join members m on m.organization_id = s.organization_id and m.user_id = ${HOLDER}`;
const COLUMNS = `s.id as secret, s.created_at, s.expires_at, ${HOLDER} as holder_id, m.role, k.id, k.revoked_at, k.allowed_addresses, k.address_mode`;

const admission = [
  // Names the transaction's organization and checks a key or a token of the organization. Gives the id of the server
  // secret that made a key's digest; null for a token, which ends before its digest needs another server secret. A
  // refusal is raised as an error, so that later statements of the same transaction do nothing; the error's hint tells
  // more. Sets `introzy.secret` to the key's secret that calls or that minted the token, `introzy.token` to the token's
  // digest, and `introzy.outside` where the address of the call is to be reported.
  //
  // Nothing speaks against most calls. Such a call takes the first query alone, and no expression between queries, since
  // PL/pgSQL prepares each expression anew in every transaction. The first digest, under the newest server secret, is
  // looked up alone: see migration 0004. Whatever the first query does not admit goes through the checks in turn.
  `create function introzy_admit_key_from(p_organization_id uuid, p_digests bytea[], p_scopes text[], p_address inet)
  returns text language plpgsql as $$
  declare
    v_key record;
    v_set text := set_config('introzy.organization_id', p_organization_id::text, true);
  begin
    select s.secret_id, set_config('introzy.actor', 'key:' || k.id, true),
        set_config('introzy.secret', s.id::text, true)
      into v_key from api_key_secrets s
      join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
      left join members m on m.organization_id = s.organization_id and m.user_id = s.holder_id
      where s.organization_id = p_organization_id and s.digest = p_digests[1] and s.id is not null
        and s.expires_at > now() and k.revoked_at is null and k.allowed_addresses is null and p_scopes <@ k.scopes
        and (s.holder_id is null or p_scopes <@ introzy_role_scopes(m.role));
    if found then
      return v_key.secret_id;
    end if;
    select ${COLUMNS}, s.secret_id, k.scopes, null::bytea as token, null::timestamptz as token_expires_at
      into v_key from api_key_secrets s ${OF_KEY}
      where s.organization_id = p_organization_id and s.digest = any (p_digests);
    if not found then
      select ${COLUMNS}, null as secret_id, t.scopes, t.digest as token, t.expires_at as token_expires_at
      into v_key from api_key_tokens t
      join api_key_secrets s on s.organization_id = t.organization_id and s.api_key_id = t.api_key_id
        and s.id = t.minted_by
      ${OF_KEY}
      where t.organization_id = p_organization_id and t.digest = any (p_digests);
    end if;
    if not found then
      raise exception using errcode = 'IZ401', message = 'unknown';
    elsif v_key.revoked_at is not null or v_key.holder_id is not null and v_key.role is null then
      raise exception using errcode = 'IZ401', message = 'revoked';
    elsif v_key.token_expires_at <= now() then
      raise exception using errcode = 'IZ401', message = 'expired';
    elsif v_key.expires_at <= now() then
      raise exception using errcode = 'IZ401', message = 'expired', hint = case
        when v_key.token_expires_at is not null then 'minted'
        when exists (select from api_key_secrets newer where newer.organization_id = p_organization_id
          and newer.api_key_id = v_key.id and newer.created_at > v_key.created_at) then 'rotated'
        else '' end;
    elsif v_key.allowed_addresses is not null and (p_address <<= any (v_key.allowed_addresses)) is not true then
      if v_key.address_mode = 'enforce' then
        -- The version before reads the message as a lacking scope.
        raise exception using errcode = 'IZ403', message = 'key allowed-address', hint = 'address';
      end if;
      v_set := set_config('introzy.outside', 'true', true);
    end if;
    if not p_scopes <@ v_key.scopes then
      perform introzy_require_scopes(case when v_key.token_expires_at is null then 'key' else 'token' end,
        v_key.scopes, p_scopes);
    elsif v_key.holder_id is not null and p_scopes <@ introzy_role_scopes(v_key.role) is not true then
      perform introzy_require_scopes('holder', introzy_role_scopes(v_key.role), p_scopes);
    end if;
    v_set := set_config('introzy.actor', 'key:' || v_key.id, true);
    v_set := set_config('introzy.secret', v_key.secret::text, true);
    if v_key.token is not null then
      v_set := set_config('introzy.token', encode(v_key.token, 'hex'), true);
    end if;
    return v_key.secret_id;
  end $$`,

  // The function of migration 0004, for the version before.
  `create or replace function introzy_admit_key(p_organization_id uuid, p_digests bytea[], p_scopes text[])
  returns text language plpgsql as $$
  begin
    return introzy_admit_key_from(p_organization_id, p_digests, p_scopes, null);
  end $$`,
];

const identification = (schema: string) => [
  // The counterpart of `introzy_identify` that also knows tokens and the rate of a key.
  `create function introzy_identify_key(p_digests bytea[])
  returns table (organization_id uuid, api_key_id uuid, scopes text[], rate_limit int, is_token boolean)
  language sql stable security definer
  begin atomic
    select k.organization_id, k.id, k.scopes, k.rate_limit, false
      from api_key_secrets s
      join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
      where s.digest = any (p_digests)
    union all
    select k.organization_id, k.id, t.scopes, k.rate_limit, true
      from api_key_tokens t
      join api_keys k on k.organization_id = t.organization_id and k.id = t.api_key_id
      where t.digest = any (p_digests);
  end`,
  'revoke execute on function introzy_identify_key(bytea[]) from public',
  'grant execute on function introzy_identify_key(bytea[]) to introzy_app',
  'grant introzy_lookup to current_user',
  `grant create on schema ${schema} to introzy_lookup`,
  'alter function introzy_identify_key(bytea[]) owner to introzy_lookup',
  `revoke create on schema ${schema} from introzy_lookup`,
  'revoke introzy_lookup from current_user',
];

const iso = (date: string) => `to_char(${date} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const settingsOf = (row: string) => `jsonb_build_object('description', ${row}.description,
      'environment', ${row}.environment, 'selfRotate', ${row}.self_rotate, 'rateLimit', ${row}.rate_limit,
      'allowedAddresses', coalesce(to_jsonb(${row}.allowed_addresses::text[]), '[]'), 'addressMode', ${row}.address_mode)`;

const audit = [
  `create function introzy_audit_key_settings() returns trigger language plpgsql as $$
  declare
    v_subject jsonb := jsonb_build_object('type', 'apiKey', 'id', new.id, 'name', new.name);
    v_old jsonb := ${settingsOf('old')};
    v_new jsonb := ${settingsOf('new')};
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
  `create trigger audit_settings after update of description, environment, self_rotate, grace_ended_at, rate_limit,
    allowed_addresses, address_mode on api_keys for each row execute function introzy_audit_key_settings()`,

  `create function introzy_audit_token() returns trigger language plpgsql as $$
  begin
    insert into audit_log (organization_id, actor, action, subject, details)
      select new.organization_id, introzy_actor(), 'apiKey.tokenMinted',
          jsonb_build_object('type', 'apiKey', 'id', id, 'name', name),
          jsonb_build_object('hint', new.hint, 'scopes', new.scopes, 'expiresAt', ${iso('new.expires_at')})
        from api_keys where organization_id = new.organization_id and id = new.api_key_id;
    return null;
  end $$`,
  'create trigger audit after insert on api_key_tokens for each row execute function introzy_audit_token()',

  // The actor is the key: the service writes the report beside the call.
  `create function introzy_audit_report() returns trigger language plpgsql as $$
  begin
    insert into audit_log (organization_id, actor, action, subject, details)
      select new.organization_id, jsonb_build_object('type', 'key', 'id', id, 'name', name), 'apiKey.usedOutside',
          jsonb_build_object('type', 'apiKey', 'id', id, 'name', name),
          jsonb_build_object('address', new.address, 'userAgent', new.user_agent)
        from api_keys where organization_id = new.organization_id and id = new.api_key_id;
    return null;
  end $$`,
  `create trigger audit_report after insert or update of reported_at on api_key_places
    for each row when (new.reported_at is not null) execute function introzy_audit_report()`,
];
