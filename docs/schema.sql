-- The schema of a migrated database. `npm run schema` writes this file, and a test compares it with the migrations.
-- Tables, functions and sequences without an OWNER belong to the user that migrated: here postgres.

CREATE ROLE introzy_app NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT NOLOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT -1;
CREATE ROLE introzy_auth NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT NOLOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT -1;
CREATE ROLE introzy_lookup NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT NOLOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT -1;
GRANT introzy_app TO postgres WITH ADMIN FALSE, INHERIT TRUE, SET TRUE;
GRANT introzy_auth TO postgres WITH ADMIN FALSE, INHERIT TRUE, SET TRUE;

CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA public;

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

CREATE FUNCTION public.introzy_actor() RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $_$
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
  end $_$;

CREATE FUNCTION public.introzy_actor_holder() RETURNS uuid
    LANGUAGE sql STABLE
    AS $$
    select coalesce(substring(current_setting('introzy.actor', true) from '^person:([^:]+)')::uuid,
      (introzy_calling_secret()).holder_id)
  $$;

CREATE FUNCTION public.introzy_admit(p_organization_id uuid, p_digests bytea[], p_statement_timeout integer, p_lock_timeout integer) RETURNS text
    LANGUAGE plpgsql
    AS $$
  declare
    v_key record;
  begin
    perform set_config('introzy.organization_id', p_organization_id::text, true),
            set_config('role', 'introzy_app', true),
            set_config('statement_timeout', p_statement_timeout::text, true),
            set_config('lock_timeout', p_lock_timeout::text, true);
    select s.secret_id, k.id, k.revoked_at, s.expires_at into v_key
      from api_key_secrets s
      join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
      where s.organization_id = p_organization_id and s.digest = p_digests[1];
    if not found and cardinality(p_digests) > 1 then
      select s.secret_id, k.id, k.revoked_at, s.expires_at into v_key
      from api_key_secrets s
      join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
      where s.organization_id = p_organization_id and s.digest = any (p_digests);
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
  end $$;

CREATE FUNCTION public.introzy_admit_key(p_organization_id uuid, p_digests bytea[], p_scopes text[]) RETURNS text
    LANGUAGE plpgsql
    AS $$
  begin
    return introzy_admit_key_from(p_organization_id, p_digests, p_scopes, null);
  end $$;

CREATE FUNCTION public.introzy_admit_key_from(p_organization_id uuid, p_digests bytea[], p_scopes text[], p_address inet) RETURNS text
    LANGUAGE plpgsql
    AS $$
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
    select s.id as secret, s.created_at, s.expires_at, case when s.id is not null then s.holder_id when k.created_by_type = 'person' then k.created_by_id::uuid end as holder_id, m.role, k.id, k.revoked_at, k.allowed_addresses, k.address_mode, s.secret_id, k.scopes, null::bytea as token, null::timestamptz as token_expires_at
      into v_key from api_key_secrets s join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
      left join members m on m.organization_id = s.organization_id and m.user_id = case when s.id is not null then s.holder_id when k.created_by_type = 'person' then k.created_by_id::uuid end
      where s.organization_id = p_organization_id and s.digest = any (p_digests);
    if not found then
      select s.id as secret, s.created_at, s.expires_at, case when s.id is not null then s.holder_id when k.created_by_type = 'person' then k.created_by_id::uuid end as holder_id, m.role, k.id, k.revoked_at, k.allowed_addresses, k.address_mode, null as secret_id, t.scopes, t.digest as token, t.expires_at as token_expires_at
      into v_key from api_key_tokens t
      join api_key_secrets s on s.organization_id = t.organization_id and s.api_key_id = t.api_key_id
        and s.id = t.minted_by
      join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
      left join members m on m.organization_id = s.organization_id and m.user_id = case when s.id is not null then s.holder_id when k.created_by_type = 'person' then k.created_by_id::uuid end
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
  end $$;

CREATE FUNCTION public.introzy_admit_person(p_organization_id uuid, p_session_id uuid, p_role text, p_statement_timeout integer, p_lock_timeout integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
  declare
    v_person record;
  begin
    perform introzy_enter(p_organization_id, p_statement_timeout, p_lock_timeout);
    select * into v_person from introzy_session_person(p_session_id) p where p.organization_id = p_organization_id;
    if not found or v_person.role <> p_role then
      raise exception using errcode = 'IZ401', message = 'missing';
    end if;
    perform set_config('introzy.actor', 'person:' || v_person.user_id || ':' || v_person.email, true);
  end $$;

CREATE FUNCTION public.introzy_admit_session(p_organization_id uuid, p_session_id uuid, p_role text, p_scopes text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
  end $$;

CREATE TABLE public.api_keys (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    hint text NOT NULL,
    scopes text[] NOT NULL,
    created_by_type text NOT NULL,
    created_by_id text NOT NULL,
    created_by_name text NOT NULL,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    expires_at timestamp(3) with time zone NOT NULL,
    revoked_at timestamp(3) with time zone,
    last_used_at timestamp(3) with time zone,
    expiry_notice_for timestamp(3) with time zone,
    kept_at timestamp(3) with time zone,
    kept_keys uuid[],
    description text,
    environment text,
    self_rotate boolean DEFAULT false NOT NULL,
    grace_ended_at timestamp(3) with time zone,
    rate_limit integer,
    allowed_addresses cidr[],
    address_mode text DEFAULT 'enforce'::text NOT NULL,
    suspended_at timestamp(3) with time zone,
    CONSTRAINT api_keys_created_by_type_check CHECK ((created_by_type = ANY (ARRAY['person'::text, 'key'::text]))),
    CONSTRAINT api_keys_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)))
);

ALTER TABLE ONLY public.api_keys FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.introzy_api_key_exists(p_id uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    RETURN (EXISTS (SELECT FROM public.api_keys WHERE (api_keys.id = introzy_api_key_exists.p_id)));

ALTER FUNCTION public.introzy_api_key_exists(p_id uuid) OWNER TO introzy_lookup;

CREATE FUNCTION public.introzy_audit_api_key() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  declare
    v_subject jsonb := jsonb_build_object('type', 'apiKey', 'id', new.id, 'name', new.name);
    v_actor jsonb := introzy_actor();
  begin
    if tg_op = 'INSERT' then
      insert into audit_log (organization_id, actor, action, subject, details) values (new.organization_id,
        v_actor, 'apiKey.issued', v_subject,
        jsonb_build_object('hint', new.hint, 'scopes', new.scopes, 'expiresAt', to_char(new.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')));
      return null;
    end if;
    if new.name is distinct from old.name then
      insert into audit_log (organization_id, actor, action, subject, details) values (new.organization_id,
        v_actor, 'apiKey.renamed', v_subject, jsonb_build_object('from', old.name, 'to', new.name));
    end if;
    if new.hint is distinct from old.hint or new.expires_at is distinct from old.expires_at then
      insert into audit_log (organization_id, actor, action, subject, details) values (new.organization_id,
        v_actor, 'apiKey.rotated', v_subject,
        jsonb_build_object('hint', new.hint, 'expiresAt', to_char(new.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'oldSecretsEndAt', (
          select to_char(max(expires_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') from (
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
  end $$;

CREATE FUNCTION public.introzy_audit_deletion() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
  end $$;

CREATE FUNCTION public.introzy_audit_erasure() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
  begin
    insert into audit_log (organization_id, actor, action, subject)
      select o.id, introzy_actor(), 'contact.erased',
          jsonb_build_object('type', 'contact', 'id', old.id, 'name', old.id)
        from organizations o left join organization_settings s on s.id = o.id
        where o.id = old.organization_id
          and (s.deleted_at is null or s.deleted_at > now() - interval '720 hours');
    return null;
  end $$;

CREATE FUNCTION public.introzy_audit_factor() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  declare
    v_was_on boolean := tg_op <> 'INSERT' and old.verified;
    v_is_on boolean := tg_op <> 'DELETE' and new.verified;
    v_user_id uuid := coalesce(new.user_id, old.user_id);
  begin
    if v_was_on = v_is_on then
      return null;
    end if;
    insert into audit_log (organization_id, actor, action, subject)
      select m.organization_id,
          case when current_setting('introzy.actor', true) = 'operator' then introzy_actor() else person end,
          case when v_is_on then 'person.factorOn' else 'person.factorOff' end, person
        from users u
        join members m on m.user_id = u.id,
        jsonb_build_object('type', 'person', 'id', u.id, 'name', u.email) person
        where u.id = v_user_id;
    return null;
  end $$;

CREATE FUNCTION public.introzy_audit_invitation() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
  end $$;

CREATE FUNCTION public.introzy_audit_key_settings() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  declare
    v_subject jsonb := jsonb_build_object('type', 'apiKey', 'id', new.id, 'name', new.name);
    v_old jsonb := jsonb_build_object('description', old.description,
      'environment', old.environment, 'selfRotate', old.self_rotate, 'rateLimit', old.rate_limit,
      'allowedAddresses', coalesce(to_jsonb(old.allowed_addresses::text[]), '[]'), 'addressMode', old.address_mode);
    v_new jsonb := jsonb_build_object('description', new.description,
      'environment', new.environment, 'selfRotate', new.self_rotate, 'rateLimit', new.rate_limit,
      'allowedAddresses', coalesce(to_jsonb(new.allowed_addresses::text[]), '[]'), 'addressMode', new.address_mode);
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
  end $$;

CREATE FUNCTION public.introzy_audit_member() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
  end $$;

CREATE FUNCTION public.introzy_audit_names_of(p_actor jsonb, p_subject jsonb, p_details jsonb, p_user_id uuid, p_names text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE
    RETURN ARRAY(SELECT place.place FROM unnest(ARRAY['/actor/name'::text, '/subject/name'::text, '/details/address'::text, '/details/userAgent'::text, '/details/from'::text, '/details/to'::text, '/details/from/description'::text, '/details/to/description'::text]) place(place), LATERAL (SELECT (jsonb_build_object('actor', introzy_audit_names_of.p_actor, 'subject', introzy_audit_names_of.p_subject, 'details', introzy_audit_names_of.p_details) #> string_to_array(ltrim(place.place, '/'::text), '/'::text)) AS value) found WHERE ((jsonb_typeof(found.value) = 'string'::text) AND (found.value <> '"(erased)"'::jsonb) AND ((lower((found.value #>> '{}'::text[])) = ANY (introzy_audit_names_of.p_names)) OR ((place.place = '/subject/name'::text) AND ((introzy_audit_names_of.p_subject ->> 'id'::text) = (introzy_audit_names_of.p_user_id)::text)) OR ((place.place = ANY (ARRAY['/actor/name'::text, '/details/address'::text, '/details/userAgent'::text])) AND ((introzy_audit_names_of.p_actor ->> 'id'::text) = (introzy_audit_names_of.p_user_id)::text)))));

CREATE FUNCTION public.introzy_audit_organization() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  declare
    v_subject jsonb := jsonb_build_object('type', 'organization', 'id', new.id, 'name', new.name);
  begin
    if new.name is distinct from old.name then
      insert into audit_log (organization_id, actor, action, subject, details) values (new.id,
        introzy_actor(), 'organization.renamed', v_subject, jsonb_build_object('from', old.name, 'to', new.name));
    end if;
    return null;
  end $$;

CREATE FUNCTION public.introzy_audit_passkey() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  declare
    v_user_id uuid := case tg_op when 'INSERT' then new.user_id else old.user_id end;
  begin
    insert into audit_log (organization_id, actor, action, subject)
      select m.organization_id,
          case when current_setting('introzy.actor', true) = 'operator' then introzy_actor() else person end,
          case tg_op when 'INSERT' then 'person.passkeyAdded' else 'person.passkeyRemoved' end, person
        from users u
        join members m on m.user_id = u.id,
        jsonb_build_object('type', 'person', 'id', u.id, 'name', u.email) person
        where u.id = v_user_id;
    return null;
  end $$;

CREATE FUNCTION public.introzy_audit_place() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  declare
    v_name text := (select name from api_keys where organization_id = new.organization_id and id = new.api_key_id);
  begin
    insert into audit_log (organization_id, actor, action, subject, details) values (new.organization_id,
      jsonb_build_object('type', 'key', 'id', new.api_key_id, 'name', v_name), 'apiKey.usedFrom',
      jsonb_build_object('type', 'apiKey', 'id', new.api_key_id, 'name', v_name),
      jsonb_build_object('address', new.address, 'userAgent', new.user_agent));
    return null;
  end $$;

CREATE FUNCTION public.introzy_audit_report() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  begin
    insert into audit_log (organization_id, actor, action, subject, details)
      select new.organization_id, jsonb_build_object('type', 'key', 'id', id, 'name', name), 'apiKey.usedOutside',
          jsonb_build_object('type', 'apiKey', 'id', id, 'name', name),
          jsonb_build_object('address', new.address, 'userAgent', new.user_agent)
        from api_keys where organization_id = new.organization_id and id = new.api_key_id;
    return null;
  end $$;

CREATE FUNCTION public.introzy_audit_required_factor() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  begin
    if new.requires_factor = (tg_op = 'UPDATE' and old.requires_factor) then
      return null;
    end if;
    insert into audit_log (organization_id, actor, action, subject)
      select id, introzy_actor(),
          case when new.requires_factor then 'organization.factorRequired' else 'organization.factorNotRequired' end,
          jsonb_build_object('type', 'organization', 'id', id, 'name', name)
        from organizations where id = new.id;
    return null;
  end $$;

CREATE FUNCTION public.introzy_audit_session() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  declare
    v_person jsonb := jsonb_build_object('type', 'person', 'id', new.user_id, 'name',
      (select email from users where id = new.user_id));
  begin
    if current_setting('introzy.goes_on', true) = 'on' then
      return null;
    end if;
    insert into audit_log (organization_id, actor, action, subject, details)
      select organization_id, v_person, 'person.signedIn', v_person,
          jsonb_build_object('address', new.ip_address, 'userAgent', new.user_agent)
        from members where user_id = new.user_id;
    return null;
  end $$;

CREATE FUNCTION public.introzy_audit_token() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  begin
    insert into audit_log (organization_id, actor, action, subject, details)
      select new.organization_id, introzy_actor(), 'apiKey.tokenMinted',
          jsonb_build_object('type', 'apiKey', 'id', id, 'name', name),
          jsonb_build_object('hint', new.hint, 'scopes', new.scopes, 'expiresAt', to_char(new.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
        from api_keys where organization_id = new.organization_id and id = new.api_key_id;
    return null;
  end $$;

CREATE TABLE public.api_key_secrets (
    organization_id uuid NOT NULL,
    api_key_id uuid NOT NULL,
    digest bytea NOT NULL,
    secret_id text NOT NULL,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    expires_at timestamp(3) with time zone NOT NULL,
    id uuid DEFAULT gen_random_uuid(),
    hint text,
    holder_id uuid,
    made_by text,
    first_used_at timestamp(3) with time zone,
    last_used_at timestamp(3) with time zone,
    grace_hours smallint,
    CONSTRAINT api_key_secrets_digest_check CHECK ((octet_length(digest) = 32))
);

ALTER TABLE ONLY public.api_key_secrets FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.introzy_calling_secret() RETURNS public.api_key_secrets
    LANGUAGE sql STABLE
    AS $_$
    select s from api_key_secrets s
      where s.organization_id = introzy_organization_id()
        and s.api_key_id = substring(current_setting('introzy.actor', true) from '^key:(.*)$')::uuid
      order by s.id::text = current_setting('introzy.secret', true) desc nulls last, s.created_at desc limit 1
  $_$;

CREATE FUNCTION public.introzy_claim_answer(p_organization_id uuid, p_caller_id uuid, p_key_digest bytea) RETURNS void
    LANGUAGE plpgsql
    AS $$
  begin
    perform pg_advisory_xact_lock(hashtextextended('introzy answer ' || p_caller_id || encode(p_key_digest, 'hex'), 0));
    if exists (select from kept_answers
        where organization_id = p_organization_id and caller_id = p_caller_id and key_digest = p_key_digest
          and expires_at > now()) then
      raise exception 'The answer is kept' using errcode = 'IZ409';
    end if;
  end $$;

CREATE FUNCTION public.introzy_contact_document(p_id uuid, p_organization_id uuid, p_name text, p_email text, p_phone text, p_company text, p_title text, p_location text, p_linkedin_url text, p_notes text, p_tags text[], p_custom_fields jsonb, p_created_at timestamp with time zone, p_updated_at timestamp with time zone, p_deleted_at timestamp with time zone, p_version integer) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
  begin
    return (
      select row_to_json(contact)::text from (
        select p_id as "id", p_organization_id as "organizationId", p_name as "name", p_email as "email",
          p_phone as "phone", p_company as "company", p_title as "title", p_location as "location",
          p_linkedin_url as "linkedinUrl", p_notes as "notes", p_tags as "tags", p_custom_fields as "customFields",
          to_char(p_created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "createdAt", to_char(p_updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "updatedAt",
          to_char(p_deleted_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "deletedAt", p_version as "version"
      ) contact
    );
  end $$;

CREATE TABLE public.contacts (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    email text,
    phone text,
    company text,
    title text,
    location text,
    linkedin_url text,
    notes text,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    custom_fields jsonb DEFAULT '{}'::jsonb NOT NULL,
    name_key text NOT NULL,
    email_key text,
    company_key text,
    search text,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp(3) with time zone,
    version integer DEFAULT 1 NOT NULL,
    document text,
    form smallint DEFAULT 0 NOT NULL,
    folded text,
    tag_keys text[],
    phone_keys text[],
    linkedin_key text,
    other_emails text[] DEFAULT '{}'::text[] NOT NULL,
    other_email_keys text[] DEFAULT '{}'::text[] NOT NULL,
    other_phones text[] DEFAULT '{}'::text[] NOT NULL,
    company_fold text COLLATE pg_catalog."C",
    name_fold text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT contacts_custom_fields_check CHECK ((jsonb_typeof(custom_fields) = 'object'::text))
);

ALTER TABLE ONLY public.contacts FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.introzy_contact_exists(p_id uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    RETURN (EXISTS (SELECT FROM public.contacts WHERE (contacts.id = introzy_contact_exists.p_id)));

ALTER FUNCTION public.introzy_contact_exists(p_id uuid) OWNER TO introzy_lookup;

CREATE FUNCTION public.introzy_contacts_before_form(p_form integer, p_limit integer) RETURNS TABLE(organization_id uuid, id uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
  begin
    return query execute format(
      'select organization_id, id from contacts where form < %s order by organization_id, id limit %s', p_form, p_limit);
  end $$;

ALTER FUNCTION public.introzy_contacts_before_form(p_form integer, p_limit integer) OWNER TO introzy_lookup;

CREATE FUNCTION public.introzy_digest_invitation() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  begin
    new.id := introzy_invitation_digest(new.id);
    return new;
  end $$;

CREATE FUNCTION public.introzy_enter(p_organization_id uuid, p_statement_timeout integer, p_lock_timeout integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
  begin
    perform set_config('introzy.organization_id', p_organization_id::text, true),
            set_config('role', 'introzy_app', true),
            set_config('statement_timeout', p_statement_timeout::text, true),
            set_config('lock_timeout', p_lock_timeout::text, true);
  end $$;

CREATE FUNCTION public.introzy_erase_audit_log(p_organization_id uuid, p_days integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
  declare
    v_before timestamptz := now() - make_interval(days => p_days);
    v_id uuid := p_organization_id;
    v_last audit_seals;
    v_count bigint;
  begin
    if v_id is null and p_days is null then
      raise exception using errcode = '22004', message = 'Name an organization, or days, or both';
    end if;
    if v_id is null then
      select s.organization_id into v_id from audit_seals s where s.last_at < v_before and not exists (
        select from audit_seals earlier where earlier.organization_id = s.organization_id and earlier.number < s.number)
        order by s.last_at limit 1;
      if v_id is null then
        return 0;
      end if;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('introzy audit ' || v_id, 0));
    if p_days is null then
      delete from audit_chains where organization_id = v_id;
      delete from audit_seal_entries where organization_id = v_id;
      delete from audit_seals where organization_id = v_id;
      delete from audit_log where organization_id = v_id;
      get diagnostics v_count = row_count;
      return v_count;
    end if;
    select oldest.* into v_last from (
      select * from audit_seals s where s.organization_id = v_id order by s.number limit 20
    ) oldest where not exists (
      select from audit_seals s where s.organization_id = v_id and s.number <= oldest.number and s.last_at >= v_before)
      order by oldest.number desc limit 1;
    if not found then
      return 0;
    end if;
    delete from audit_log a using audit_seal_entries e
      where e.organization_id = v_id and e.seal <= v_last.number and a.organization_id = v_id and a.id = e.id;
    get diagnostics v_count = row_count;
    delete from audit_seal_entries where organization_id = v_id and seal <= v_last.number;
    delete from audit_seals where organization_id = v_id and number <= v_last.number;
    insert into audit_chains (organization_id, sealed_through, erased_through, erased_hash)
      values (v_id, v_last.number, v_last.number, v_last.hash)
      on conflict (organization_id) do update
        set erased_through = excluded.erased_through, erased_hash = excluded.erased_hash;
    return greatest(v_count, 1);
  end $$;

ALTER FUNCTION public.introzy_erase_audit_log(p_organization_id uuid, p_days integer) OWNER TO introzy_lookup;

CREATE FUNCTION public.introzy_erase_audit_person(p_user_id uuid, p_names text[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
  declare
    v_names text[] := (select coalesce(array_agg(lower(name)), '{}') from unnest(p_names) name);
    v_id uuid;
    v_entry audit_log;
    v_count bigint := 0;
  begin
    for v_id in
      select distinct organization_id from audit_log
        where introzy_audit_names_of(actor, subject, details, p_user_id, v_names) <> '{}' order by 1
    loop
      perform pg_advisory_xact_lock(hashtextextended('introzy audit ' || v_id, 0));
      for v_entry in
        select * from audit_log where organization_id = v_id
          and introzy_audit_names_of(actor, subject, details, p_user_id, v_names) <> '{}'
      loop
        declare
          v_content jsonb := jsonb_build_object('actor', v_entry.actor, 'subject', v_entry.subject,
            'details', v_entry.details);
          v_before jsonb := v_content;
          v_places text[] := introzy_audit_names_of(v_entry.actor, v_entry.subject, v_entry.details, p_user_id, v_names);
          v_place text;
        begin
          foreach v_place in array v_places loop
            v_content := jsonb_set(v_content, string_to_array(ltrim(v_place, '/'), '/'), '"(erased)"');
          end loop;
          update audit_log set actor = v_content->'actor', subject = v_content->'subject', details = v_content->'details'
            where organization_id = v_id and id = v_entry.id;
          update audit_seal_entries e set names = (
              select coalesce(jsonb_object_agg(place, case when place <> all (v_places) then name else
                  jsonb_build_object('digest', encode(sha256(convert_to(format('["%s","%s",%s]', name->>'salt', place,
                    to_json(v_before #>> string_to_array(ltrim(place, '/'), '/'))), 'UTF8')), 'hex')) end), '{}')
                from jsonb_each(e.names) names (place, name))
            where organization_id = v_id and id = v_entry.id;
          v_count := v_count + 1;
        end;
      end loop;
    end loop;
    return v_count;
  end $$;

ALTER FUNCTION public.introzy_erase_audit_person(p_user_id uuid, p_names text[]) OWNER TO introzy_lookup;

CREATE FUNCTION public.introzy_for_accounts() RETURNS boolean
    LANGUAGE sql STABLE
    RETURN (pg_has_role('introzy_auth'::name, 'usage'::text) AND (NOT pg_has_role('introzy_app'::name, 'usage'::text)));

CREATE FUNCTION public.introzy_forget_answers() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
  begin
    update kept_answers k set answer = null
      from erased e
      where k.organization_id = e.organization_id and k.subject_id = e.id and k.answer is not null;
    return null;
  end $$;

CREATE FUNCTION public.introzy_found_contacts(p_conditions jsonb, p_limit integer) RETURNS TABLE(id uuid, updated_at timestamp with time zone, name_fold text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET max_parallel_workers_per_gather TO '0'
    SET enable_seqscan TO 'off'
    SET enable_indexscan TO 'off'
    SET work_mem TO '64MB'
    AS $_$
  declare
    v_own text := 'organization_id = introzy_organization_id()';
    v_living text := 'deleted_at is null';
    v_matches text;
    v_company text := case when p_conditions -> 'company' is null then '' else ' and company_fold = $3' end;
    v_terms text;
    v_is_indexed boolean;
  begin
    if v_company <> '' and (p_conditions -> 'includeDeleted')::boolean then
      -- Each of the two cases has an index of its own.
      v_company := ' and (company_fold = $3 and deleted_at is null or company_fold = $3 and deleted_at is not null)';
    end if;
    -- Each level has what the level below has found, and whether an index can find it.
    select coalesce(string_agg(' and (' || alternatives || ')', ''), ''), coalesce(bool_or(is_indexed), true)
      into v_terms, v_is_indexed
      from (
        select string_agg(patterns, ' or ') as alternatives, bool_and(is_indexed) as is_indexed from (
          select n, found.* from jsonb_array_elements(p_conditions -> 'terms') with ordinality term (term, n),
            jsonb_array_elements(term) alternative, lateral (
              select string_agg(format('folded like %L', pattern ->> 'like') || coalesce(words, ''), ' and ') as patterns,
                  coalesce(bool_or(words is not null), false) as is_indexed
                from jsonb_array_elements(alternative) pattern, introzy_word_condition(pattern) words) found
        ) alternatives group by n) terms;
    if not v_is_indexed and (p_conditions -> 'mayGiveUp')::boolean
        and not p_conditions ?| array['company', 'tags', 'phones', 'fields'] then
      return query select null::uuid, null::timestamptz, null::text from generate_series(1, p_limit);
      return;
    end if;
    if v_terms <> '' and v_is_indexed or p_conditions -> 'tags' is not null then
      -- The keys are an organization's own. Written so, no index of all of an organization's contacts answers these conditions.
      v_own := '(organization_id = introzy_organization_id()) is true';
      v_living := '(deleted_at is null) is true';
    end if;
    v_matches := 'folded is not null' || v_company || v_terms
      || case when p_conditions -> 'tags' is null then '' else ' and introzy_word_keys(organization_id, introzy_words(folded, tag_keys)) @> introzy_word_keys(introzy_organization_id(), $10) and tag_keys @> $1' end
      || case when p_conditions -> 'phones' is null then '' else ' and phone_keys <> ''{}'' and phone_keys && $9' end;
    if exists (select from contacts where organization_id = introzy_organization_id() and form < 2) then
      v_matches := '(' || v_matches || ' or organization_id = introzy_organization_id() and form < 2'
        || coalesce((select string_agg(format(' and search like %L', pattern), '')
          from jsonb_array_elements_text(p_conditions -> 'patterns') pattern), '')
        || case when p_conditions -> 'plainTags' is null then '' else ' and tags @> $2' end || case when p_conditions -> 'companyKey' is null then '' else ' and company_key = $4' end
        || case when p_conditions -> 'phones' is null then '' else ' and false' end || ')';
    end if;
    return query execute
      'with matching as materialized (
        select id, updated_at, name_fold from contacts where ' || v_own || ' and ' || v_matches
      || coalesce((select ' and custom_fields <> ''{}'' and (' || string_agg(format('custom_fields @> %L', field), ' or ') || ')'
          from jsonb_array_elements(p_conditions -> 'fields') field having count(*) > 0), '')
      || case when p_conditions -> 'updatedSince' is null then '' else ' and updated_at >= $5' end
      || case when p_conditions -> 'createdSince' is null then '' else ' and id >= $6 and created_at >= $7' end
      || case when (p_conditions -> 'includeDeleted')::boolean then '' else ' and ' || v_living end
      || case when p_conditions -> 'onlyDeleted' is null then '' else ' and deleted_at is not null' end
      || ') select * from matching limit $8'
      using array(select jsonb_array_elements_text(p_conditions -> 'tags')), array(select jsonb_array_elements_text(p_conditions -> 'plainTags')), (p_conditions ->> 'company'), (p_conditions ->> 'companyKey'),
        (p_conditions ->> 'updatedSince')::timestamptz, (p_conditions ->> 'createdFrom')::uuid, (p_conditions ->> 'createdSince')::timestamptz, p_limit, array(select jsonb_array_elements_text(p_conditions -> 'phones')),
        array(select jsonb_array_elements_text(p_conditions -> 'tagWords'));
  end $_$;

ALTER FUNCTION public.introzy_found_contacts(p_conditions jsonb, p_limit integer) OWNER TO introzy_lookup;

CREATE FUNCTION public.introzy_hand_over() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  begin
    update api_key_secrets s set holder_id = introzy_actor_holder(), id = coalesce(s.id, gen_random_uuid())
      from api_keys k
      where k.organization_id = old.organization_id and k.kept_at = now()::timestamptz(3)
        and s.organization_id = k.organization_id and s.api_key_id = k.id and introzy_holder(s) = old.user_id;
    return old;
  end $$;

CREATE FUNCTION public.introzy_hold_secret() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
  end $$;

CREATE FUNCTION public.introzy_holder(p_secret public.api_key_secrets) RETURNS uuid
    LANGUAGE sql STABLE
    AS $$
    select case when p_secret.id is not null then p_secret.holder_id else (
      select k.created_by_id::uuid from api_keys k
        where k.organization_id = p_secret.organization_id and k.id = p_secret.api_key_id
          and k.created_by_type = 'person') end
  $$;

CREATE FUNCTION public.introzy_identify(p_digests bytea[]) RETURNS TABLE(organization_id uuid, api_key_id uuid, scopes text[])
    LANGUAGE sql STABLE SECURITY DEFINER
    BEGIN ATOMIC
 SELECT k.organization_id,
     k.id,
     k.scopes
    FROM (public.api_key_secrets s
      JOIN public.api_keys k ON (((k.organization_id = s.organization_id) AND (k.id = s.api_key_id))))
   WHERE (s.digest = ANY (introzy_identify.p_digests));
END;

ALTER FUNCTION public.introzy_identify(p_digests bytea[]) OWNER TO introzy_lookup;

CREATE TABLE public.api_key_tokens (
    organization_id uuid NOT NULL,
    api_key_id uuid NOT NULL,
    minted_by uuid NOT NULL,
    digest bytea NOT NULL,
    secret_id text NOT NULL,
    hint text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    expires_at timestamp(3) with time zone NOT NULL,
    last_used_at timestamp(3) with time zone,
    CONSTRAINT api_key_tokens_digest_check CHECK ((octet_length(digest) = 32))
);

ALTER TABLE ONLY public.api_key_tokens FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.introzy_identify_key(p_digests bytea[]) RETURNS TABLE(organization_id uuid, api_key_id uuid, scopes text[], rate_limit integer, is_token boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    BEGIN ATOMIC
 SELECT k.organization_id,
     k.id,
     k.scopes,
     k.rate_limit,
     false
    FROM (public.api_key_secrets s
      JOIN public.api_keys k ON (((k.organization_id = s.organization_id) AND (k.id = s.api_key_id))))
   WHERE (s.digest = ANY (introzy_identify_key.p_digests))
 UNION ALL
  SELECT k.organization_id,
     k.id,
     t.scopes,
     k.rate_limit,
     true
    FROM (public.api_key_tokens t
      JOIN public.api_keys k ON (((k.organization_id = t.organization_id) AND (k.id = t.api_key_id))))
   WHERE (t.digest = ANY (introzy_identify_key.p_digests));
END;

ALTER FUNCTION public.introzy_identify_key(p_digests bytea[]) OWNER TO introzy_lookup;

CREATE FUNCTION public.introzy_invitation_digest(p_secret uuid) RETURNS uuid
    LANGUAGE sql IMMUTABLE
    RETURN (encode(substr(sha256(convert_to((p_secret)::text, 'UTF8'::name)), 1, 16), 'hex'::text))::uuid;

CREATE FUNCTION public.introzy_json_size(p_value jsonb) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select char_length(written) - char_length(regexp_replace(
        regexp_replace(written, '"([^"\\]|\\.)*"', '', 'g'), '[^ ]', '', 'g'))
      from (select p_value::text as written) value
  $$;

CREATE FUNCTION public.introzy_keep_contact() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  begin
    if tg_op = 'INSERT' then
      new.form := abs(new.form);
    elsif new.form < 0 then
      -- The statement's keys are in form -new.form, and keys that the statement did not write are in form old.form.
      new.form := least(old.form, -new.form);
    elsif new.form = old.form and (new.name, new.email, new.phone, new.company, new.title, new.location, new.notes, new.tags, new.linkedin_url, new.name_key, new.email_key, new.company_key, new.folded, new.tag_keys, new.phone_keys, new.linkedin_key, new.company_fold, new.name_fold)
        is distinct from (old.name, old.email, old.phone, old.company, old.title, old.location, old.notes, old.tags, old.linkedin_url, old.name_key, old.email_key, old.company_key, old.folded, old.tag_keys, old.phone_keys, old.linkedin_key, old.company_fold, old.name_fold) then
      new.form := 0;
    end if;
    if new.folded is null or new.tag_keys is null or new.phone_keys is null then
      new.form := least(new.form, 1);
    end if;
    if new.form < 2 then
      new.folded := null;
      new.tag_keys := null;
      new.phone_keys := null;
      new.linkedin_key := null;
      new.company_fold := null;
      new.name_fold := '';
    end if;
    -- The version before knows no other emails, and may write such an email as the contact's email.
    if new.email_key = any (new.other_email_keys) then
      select coalesce(array_agg(email order by place), '{}'), coalesce(array_agg(key order by place), '{}')
        into new.other_emails, new.other_email_keys
        from unnest(new.other_emails, new.other_email_keys) with ordinality other (email, key, place)
        where key <> new.email_key;
    end if;
    if tg_op = 'INSERT' or (new.name_key, new.email_key, new.company_key, new.search)
        is distinct from (old.name_key, old.email_key, old.company_key, old.search) then
      new.search := regexp_replace(
        ' ' || new.name_key || ' ' || coalesce(new.email_key, '') || ' ' || coalesce(new.company_key, ''),
        '([\t-\r!-/:-@\[-`{-~\u00a0-\u00bf\u2000-\u206f\u3000-\u303f]+)(?=[^ \t-\r!-/:-@\[-`{-~\u00a0-\u00bf\u2000-\u206f\u3000-\u303f])', '\1 ', 'g');
    end if;
    new.document := (
      select row_to_json(contact)::text from (
        select new.id as "id", new.organization_id as "organizationId", new.name as "name", new.email as "email",
          new.phone as "phone", new.other_emails as "otherEmails", new.other_phones as "otherPhones",
          new.company as "company", new.title as "title", new.location as "location",
          new.linkedin_url as "linkedinUrl", new.notes as "notes", new.tags as "tags",
          new.custom_fields as "customFields", to_char(new.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "createdAt",
          to_char(new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "updatedAt", to_char(new.deleted_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "deletedAt", new.version as "version"
      ) contact
    );
    return new;
  end $$;

CREATE FUNCTION public.introzy_keep_contact_tags() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  begin
    if tg_op = 'UPDATE' and cardinality(old.tag_keys) > 0 then
      if new.tag_keys = old.tag_keys then
        update public.contact_tags
          set is_deleted = new.deleted_at is not null, updated_at = new.updated_at, name_fold = new.name_fold
          where organization_id = old.organization_id and contact_id = old.id;
        return null;
      end if;
      delete from public.contact_tags where organization_id = old.organization_id and contact_id = old.id;
    end if;
    if cardinality(new.tag_keys) > 0 then
      insert into public.contact_tags (organization_id, contact_id, tag_key, is_deleted, updated_at, name_fold)
        select distinct new.organization_id, new.id, key, new.deleted_at is not null, new.updated_at, new.name_fold
          from unnest(new.tag_keys) key;
    end if;
    return null;
  end $$;

CREATE FUNCTION public.introzy_keep_contact_words() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  declare
    v_old text[] := '{}';
    v_new text[] := '{}';
  begin
    if tg_op <> 'INSERT' then
      v_old := coalesce(public.introzy_words(old.folded, '{}'), '{}');
    end if;
    if tg_op <> 'DELETE' then
      v_new := coalesce(public.introzy_words(new.folded, '{}'), '{}');
      perform pg_advisory_xact_lock_shared(hashtextextended('introzy words ' || new.organization_id, 0));
      insert into public.contact_words (organization_id, word)
        select new.organization_id, word from (select unnest(v_new) except select unnest(v_old)) added (word)
          where word <> E'\x1d' and (
            select present.word from public.contact_words present
              where present.organization_id = new.organization_id and present.start = left(added.word, 100)
                and present.word = added.word limit 1) is null;
    end if;
    if tg_op <> 'INSERT' then
      insert into public.contact_words_left (organization_id, word)
        select old.organization_id, word from (select unnest(v_old) except select unnest(v_new)) lost (word)
          where word <> E'\x1d'
            and exists (select from public.organizations where id = old.organization_id);
    end if;
    return null;
  end $$;

CREATE FUNCTION public.introzy_key_families(p_organization_id uuid, p_ids uuid[]) RETURNS TABLE(ancestor uuid, id uuid, revoked_at timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
    with recursive family as (
      select k.id as ancestor, k.id, k.revoked_at from api_keys k
        where k.organization_id = p_organization_id and k.id = any (p_ids)
      union
      select family.ancestor, child.id, child.revoked_at from family
        join api_keys child on child.organization_id = p_organization_id and child.created_by_id = family.id::text
        where child.created_by_type = 'key'
          and (child.kept_at >= coalesce(family.revoked_at, now()::timestamptz(3))) is not true
    )
    select * from family
  $$;

CREATE FUNCTION public.introzy_lock_emails(p_organization_id uuid, p_keys text[], p_other_keys text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
  declare
    v_lock record;
  begin
    for v_lock in
      select (hashtext(key) & 63) as number, bool_or(is_other) as is_exclusive
        from (select unnest(p_keys) as key, false as is_other union all select unnest(p_other_keys), true) keys
          where key is not null
        group by 1 order by 1
    loop
      if v_lock.is_exclusive then
        perform pg_advisory_xact_lock(hashtextextended(p_organization_id::text, v_lock.number));
      else
        perform pg_advisory_xact_lock_shared(hashtextextended(p_organization_id::text, v_lock.number));
      end if;
    end loop;
  end $$;

CREATE FUNCTION public.introzy_matching_contacts(p_patterns text[], p_tag text, p_updated_since timestamp with time zone, p_include_deleted boolean, p_from uuid, p_limit integer) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
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
  end $_$;

ALTER FUNCTION public.introzy_matching_contacts(p_patterns text[], p_tag text, p_updated_since timestamp with time zone, p_include_deleted boolean, p_from uuid, p_limit integer) OWNER TO introzy_lookup;

CREATE FUNCTION public.introzy_merge_patch(p_target jsonb, p_patch jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
  declare
    v_target jsonb := case when jsonb_typeof(p_target) = 'object' then p_target else '{}' end;
  begin
    if jsonb_typeof(p_patch) <> 'object' then
      return p_patch;
    end if;
    return (
      select coalesce(jsonb_object_agg(key, value), '{}') from (
        select key, value from jsonb_each(v_target) where not p_patch ? key
        union all
        select key, case jsonb_typeof(value) when 'object' then introzy_merge_patch(v_target -> key, value) else value end
          from jsonb_each(p_patch) where value <> 'null'
      ) merged);
  end $$;

CREATE FUNCTION public.introzy_newest_with_words(p_patterns jsonb, p_from uuid) RETURNS uuid[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET max_parallel_workers_per_gather TO '0'
    SET enable_seqscan TO 'off'
    SET enable_indexscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET work_mem TO '64MB'
    AS $$
  declare
    v_organization_id uuid := introzy_organization_id();
    v_pattern jsonb;
    v_words text[];
    v_whole text[] := '{}';
    v_all bigint[];
    v_any bigint[];
    v_fewest bigint[];
    v_few bigint[];
    v_ids uuid[];
  begin
    if exists (select from contacts where organization_id = v_organization_id and form < 2) then
      return null;
    end if;
    for v_pattern in select jsonb_array_elements(p_patterns) loop
      v_whole := v_whole || array(select jsonb_array_elements_text(v_pattern -> 'whole'));
      continue when v_pattern -> 'part' is null;
      v_words := introzy_sought_words(v_pattern);
      if v_words = '{}' then
        return '{}';
      elsif cardinality(v_words) = 1 then
        v_whole := v_whole || v_words;
      elsif cardinality(v_words) <= 200 then
        v_any := introzy_word_keys(v_organization_id, v_words);
        if v_fewest is null or cardinality(v_any) < cardinality(v_fewest) then
          v_few := v_fewest;
          v_fewest := v_any;
        elsif v_few is null or cardinality(v_any) < cardinality(v_few) then
          v_few := v_any;
        end if;
      end if;
    end loop;
    v_all := introzy_word_keys(v_organization_id, v_whole);
    if v_all is null and v_fewest is null then
      return null;
    elsif v_fewest is null then
      v_ids := array(
        select id from (
          select id from contacts where folded is not null and introzy_word_keys(organization_id, introzy_words(folded, tag_keys)) @> v_all
            and (organization_id = v_organization_id) is true and (deleted_at is null) is true and (id <= p_from) is true
            limit 10000 + 1) found order by id desc);
    elsif v_all is null and v_few is null then
      v_ids := array(
        select id from (
          select id from contacts where folded is not null and introzy_word_keys(organization_id, introzy_words(folded, tag_keys)) && v_fewest
            and (organization_id = v_organization_id) is true and (deleted_at is null) is true and (id <= p_from) is true
            limit 10000 + 1) found order by id desc);
    elsif v_all is null then
      v_ids := array(
        select id from (
          select id from contacts where folded is not null and introzy_word_keys(organization_id, introzy_words(folded, tag_keys)) && v_fewest and introzy_word_keys(organization_id, introzy_words(folded, tag_keys)) && v_few
            and (organization_id = v_organization_id) is true and (deleted_at is null) is true and (id <= p_from) is true
            limit 10000 + 1) found order by id desc);
    elsif v_few is null then
      v_ids := array(
        select id from (
          select id from contacts where folded is not null and introzy_word_keys(organization_id, introzy_words(folded, tag_keys)) @> v_all and introzy_word_keys(organization_id, introzy_words(folded, tag_keys)) && v_fewest
            and (organization_id = v_organization_id) is true and (deleted_at is null) is true and (id <= p_from) is true
            limit 10000 + 1) found order by id desc);
    else
      v_ids := array(
        select id from (
          select id from contacts where folded is not null and introzy_word_keys(organization_id, introzy_words(folded, tag_keys)) @> v_all and introzy_word_keys(organization_id, introzy_words(folded, tag_keys)) && v_fewest and introzy_word_keys(organization_id, introzy_words(folded, tag_keys)) && v_few
            and (organization_id = v_organization_id) is true and (deleted_at is null) is true and (id <= p_from) is true
            limit 10000 + 1) found order by id desc);
    end if;
    return case when cardinality(v_ids) <= 10000 then v_ids end;
  end $$;

ALTER FUNCTION public.introzy_newest_with_words(p_patterns jsonb, p_from uuid) OWNER TO introzy_lookup;

CREATE FUNCTION public.introzy_note_emails() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  begin
    if tg_op = 'UPDATE' then
      delete from public.contact_emails where organization_id = new.organization_id and contact_id = new.id
        and (new.deleted_at is not null or email_key <> all (new.other_email_keys));
    end if;
    if new.deleted_at is null then
      insert into public.contact_emails (organization_id, email_key, contact_id)
        select new.organization_id, key, new.id from unnest(new.other_email_keys) key
          where not exists (
            select from public.contact_emails
              where organization_id = new.organization_id and email_key = key and contact_id = new.id);
    end if;
    return null;
  end $$;

CREATE FUNCTION public.introzy_organization_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('introzy.organization_id'::text, true), ''::text))::uuid;

CREATE TABLE public.organizations (
    id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    slug text DEFAULT (gen_random_uuid())::text NOT NULL,
    logo text,
    metadata text,
    CONSTRAINT organizations_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)))
);

CREATE FUNCTION public.introzy_organizations_to_erase_in(p_days integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    BEGIN ATOMIC
 SELECT o.id
    FROM public.organizations o
   WHERE (EXISTS ( SELECT
            FROM public.contacts c
           WHERE ((c.organization_id = o.id) AND (c.deleted_at <= (now() - make_interval(hours => (introzy_organizations_to_erase_in.p_days * 24)))))));
END;

ALTER FUNCTION public.introzy_organizations_to_erase_in(p_days integer) OWNER TO introzy_lookup;

CREATE FUNCTION public.introzy_organizations_to_notify(p_days integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    BEGIN ATOMIC
 SELECT DISTINCT api_keys.organization_id
    FROM public.api_keys
   WHERE ((api_keys.revoked_at IS NULL) AND (api_keys.expires_at > now()) AND (api_keys.expires_at <= (now() + make_interval(hours => (24 * introzy_organizations_to_notify.p_days)))) AND (api_keys.expiry_notice_for IS DISTINCT FROM api_keys.expires_at));
END;

ALTER FUNCTION public.introzy_organizations_to_notify(p_days integer) OWNER TO introzy_lookup;

CREATE SEQUENCE public.introzy_uuid_counter
    AS smallint
    START WITH 0
    INCREMENT BY 1
    MINVALUE 0
    MAXVALUE 4095
    CACHE 1
    CYCLE;

CREATE FUNCTION public.introzy_uuid_v7() RETURNS uuid
    LANGUAGE sql
    RETURN (encode(OVERLAY(OVERLAY(uuid_send(gen_random_uuid()) PLACING SUBSTRING(int8send(((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric))::bigint) FROM 3) FROM 1 FOR 6) PLACING int2send(((28672 + nextval('public.introzy_uuid_counter'::regclass)))::smallint) FROM 7 FOR 2), 'hex'::text))::uuid;

CREATE TABLE public.audit_log (
    organization_id uuid NOT NULL,
    id uuid DEFAULT public.introzy_uuid_v7() NOT NULL,
    at timestamp(3) with time zone DEFAULT clock_timestamp() NOT NULL,
    actor jsonb NOT NULL,
    action text NOT NULL,
    subject jsonb NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE ONLY public.audit_log FORCE ROW LEVEL SECURITY;

CREATE TABLE public.audit_seal_entries (
    organization_id uuid NOT NULL,
    seal bigint NOT NULL,
    id uuid NOT NULL,
    hash bytea NOT NULL,
    names jsonb NOT NULL
);

ALTER TABLE ONLY public.audit_seal_entries FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.introzy_organizations_to_seal(p_after uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    BEGIN ATOMIC
 SELECT o.id
    FROM public.organizations o,
     LATERAL ( SELECT
            FROM public.audit_log a
           WHERE ((a.organization_id = o.id) AND (a.id > introzy_organizations_to_seal.p_after) AND (NOT (EXISTS ( SELECT
                    FROM public.audit_seal_entries e
                   WHERE ((e.organization_id = a.organization_id) AND (e.id = a.id))))))
          LIMIT 1) unsealed;
END;

ALTER FUNCTION public.introzy_organizations_to_seal(p_after uuid) OWNER TO introzy_lookup;

CREATE TABLE public.api_key_days (
    organization_id uuid NOT NULL,
    api_key_id uuid NOT NULL,
    day date NOT NULL,
    ok bigint DEFAULT 0 NOT NULL,
    client_error bigint DEFAULT 0 NOT NULL,
    limited bigint DEFAULT 0 NOT NULL,
    failed bigint DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY public.api_key_days FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.introzy_organizations_to_trim(p_days integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    BEGIN ATOMIC
 SELECT DISTINCT api_key_days.organization_id
    FROM public.api_key_days
   WHERE (api_key_days.day <= (((now() AT TIME ZONE 'UTC'::text))::date - introzy_organizations_to_trim.p_days));
END;

ALTER FUNCTION public.introzy_organizations_to_trim(p_days integer) OWNER TO introzy_lookup;

CREATE TABLE public.api_key_notices (
    organization_id uuid NOT NULL,
    api_key_id uuid NOT NULL,
    expires_at timestamp(3) with time zone NOT NULL,
    days smallint NOT NULL,
    user_id uuid NOT NULL,
    claimed_until timestamp(3) with time zone NOT NULL,
    sent_at timestamp(3) with time zone
);

ALTER TABLE ONLY public.api_key_notices FORCE ROW LEVEL SECURITY;

CREATE TABLE public.members (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text NOT NULL,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    CONSTRAINT members_role_check CHECK ((role = ANY (ARRAY['member'::text, 'admin'::text, 'owner'::text])))
);

ALTER TABLE ONLY public.members FORCE ROW LEVEL SECURITY;

CREATE VIEW public.api_key_notices_due WITH (security_invoker='true') AS
 SELECT k.organization_id,
    k.id AS api_key_id,
    k.expires_at,
    (stage.days)::smallint AS days,
    m.user_id,
    m.role,
    newest.holder_id,
    COALESCE((m.user_id = told.user_id), false) AS is_first
   FROM (((((public.api_keys k
     CROSS JOIN LATERAL ( SELECT min(stages.days) AS days
           FROM ( VALUES (30), (7), (1)) stages(days)
          WHERE (k.expires_at <= (now() + make_interval(hours => (24 * stages.days))))) stage)
     CROSS JOIN LATERAL ( SELECT s.created_at,
                CASE
                    WHEN (s.id IS NOT NULL) THEN s.holder_id
                    WHEN (k.created_by_type = 'person'::text) THEN (k.created_by_id)::uuid
                    ELSE NULL::uuid
                END AS holder_id
           FROM public.api_key_secrets s
          WHERE ((s.organization_id = k.organization_id) AND (s.api_key_id = k.id))
          ORDER BY (COALESCE(s.hint, k.hint) = k.hint) DESC, s.created_at DESC
         LIMIT 1) newest)
     LEFT JOIN LATERAL ( SELECT t.user_id
           FROM public.members t
          WHERE ((t.organization_id = k.organization_id) AND ((t.role = 'owner'::text) OR ((t.user_id)::text = k.created_by_id)))
          ORDER BY ((t.user_id)::text = k.created_by_id) DESC, t.created_at
         LIMIT 1) told ON (true))
     JOIN public.members m ON (((m.organization_id = k.organization_id) AND ((m.role = 'owner'::text) OR (m.user_id = newest.holder_id)))))
     LEFT JOIN public.api_key_notices n ON (((n.organization_id = k.organization_id) AND (n.api_key_id = k.id) AND (n.expires_at = k.expires_at) AND (n.days = stage.days) AND (n.user_id = m.user_id))))
  WHERE ((k.revoked_at IS NULL) AND (k.expires_at > now()) AND (k.expires_at <= (now() + make_interval(hours => (24 * 30)))) AND ((newest.holder_id IS NULL) OR (EXISTS ( SELECT
           FROM public.members h
          WHERE ((h.organization_id = k.organization_id) AND (h.user_id = newest.holder_id))))) AND ((stage.days < 30) OR (((k.expires_at - newest.created_at) < make_interval(hours => (24 * 30), mins => '-10'::integer)) OR ((k.expires_at - newest.created_at) > make_interval(hours => (24 * 30))))) AND (n.sent_at IS NULL) AND ((n.claimed_until IS NULL) OR (n.claimed_until <= now())) AND (((stage.days = 7) AND (m.user_id = told.user_id) AND ((k.expiry_notice_for = k.expires_at) OR ((k.expiry_notice_for >= now()) AND (k.expiry_notice_for <= (now() + make_interval(mins => 30)))))) IS NOT TRUE));

CREATE FUNCTION public.introzy_organizations_with_notices() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    BEGIN ATOMIC
 SELECT api_key_notices_due.organization_id
    FROM public.api_key_notices_due
 UNION
  SELECT api_key_notices.organization_id
    FROM public.api_key_notices
   WHERE (api_key_notices.expires_at <= now());
END;

ALTER FUNCTION public.introzy_organizations_with_notices() OWNER TO introzy_lookup;

CREATE TABLE public.kept_answers (
    organization_id uuid NOT NULL,
    caller_id uuid NOT NULL,
    key_digest bytea NOT NULL,
    request_digest bytea NOT NULL,
    subject_id uuid,
    expires_at timestamp(3) with time zone NOT NULL,
    answer text
);

ALTER TABLE ONLY public.kept_answers FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.introzy_organizations_with_old_answers() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    BEGIN ATOMIC
 SELECT DISTINCT kept_answers.organization_id
    FROM public.kept_answers
   WHERE (kept_answers.expires_at <= now());
END;

ALTER FUNCTION public.introzy_organizations_with_old_answers() OWNER TO introzy_lookup;

CREATE FUNCTION public.introzy_organizations_with_words_left() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    select distinct organization_id from contact_words_left
  $$;

ALTER FUNCTION public.introzy_organizations_with_words_left() OWNER TO introzy_lookup;

CREATE FUNCTION public.introzy_part_keys(p_organization_id uuid, p_word text) RETURNS bigint[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
  declare
    v_seed bigint := uuid_hash_extended(p_organization_id, 1);
    v_letters text[] := string_to_array(p_word, null);
    v_keys bigint[] := '{}';
  begin
    for i in 3 .. cardinality(v_letters) loop
      v_keys := v_keys || hashtextextended((v_letters[i - 2] || v_letters[i - 1] || v_letters[i]) collate "C", v_seed);
    end loop;
    if p_word ~ '[가-힣]{2}' then
      for i in 2 .. cardinality(v_letters) loop
        v_keys := v_keys || hashtextextended((v_letters[i - 1] || v_letters[i]) collate "C", v_seed);
      end loop;
    end if;
    return v_keys;
  end $$;

CREATE FUNCTION public.introzy_patched_fields(p_target jsonb, p_patch jsonb, p_most integer, p_row text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
  declare
    v_fields jsonb := introzy_merge_patch(p_target, p_patch);
  begin
    if octet_length(v_fields::text) > p_most and introzy_json_size(v_fields) > greatest(p_most, introzy_json_size(p_target)) then
      raise exception '%', p_row using errcode = 'IZ413';
    end if;
    return v_fields;
  end $$;

CREATE FUNCTION public.introzy_refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  begin
    if tg_op = 'TRUNCATE' or current_user <> 'introzy_lookup' then
      raise exception using errcode = '42501',
        message = format('%s of %s is refused: the audit log is only added to', tg_op, tg_table_name),
        hint = 'AUDIT_DAYS erases old entries. introzy_erase_audit_log erases those of an organization that is deleted, '
          'introzy_erase_audit_person the names of a person.';
    end if;
    return case tg_op when 'DELETE' then old else new end;
  end $$;

CREATE FUNCTION public.introzy_require_scopes(p_whose text, p_scopes text[], p_asked text[]) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    AS $$
  begin
    raise exception using errcode = 'IZ403', message = p_whose || ' ' || (
      select string_agg(scope, ' ' order by place) from unnest(p_asked) with ordinality asked (scope, place)
        where scope <> all (coalesce(p_scopes, '{}')));
  end $$;

CREATE FUNCTION public.introzy_revoke_key(p_organization_id uuid, p_id uuid) RETURNS SETOF public.api_keys
    LANGUAGE plpgsql
    AS $$
  begin
    perform introzy_revoke_keys(p_organization_id, array[p_id]);
    return query select k.* from api_keys k where k.organization_id = p_organization_id and k.id = any (array(
      select f.id from introzy_key_families(p_organization_id, array[p_id]) f
          join api_keys root on root.organization_id = p_organization_id and root.id = p_id
        where f.id = p_id or f.revoked_at = root.revoked_at
      union all
      select unnest(root.kept_keys) from api_keys root where root.organization_id = p_organization_id and root.id = p_id));
  end $$;

CREATE FUNCTION public.introzy_revoke_keys(p_organization_id uuid, p_ids uuid[]) RETURNS SETOF uuid
    LANGUAGE plpgsql
    AS $$
  begin
    perform pg_advisory_xact_lock(hashtextextended('introzy key families ' || p_organization_id, 0));
    return query update api_keys k set revoked_at = now(), suspended_at = null
      where k.organization_id = p_organization_id and (k.revoked_at is null or k.suspended_at is not null)
        and k.id = any (array(
          select f.id from introzy_key_families(p_organization_id, array(
            select root.id from api_keys root where root.organization_id = p_organization_id and root.id = any (p_ids)
              and (root.revoked_at is null or root.suspended_at is not null))) f))
      returning k.id;
  end $$;

CREATE FUNCTION public.introzy_role_scopes(p_role text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (p_role = ANY (ARRAY['admin'::text, 'owner'::text])) THEN ARRAY['contacts:read'::text, 'contacts:write'::text, 'keys:manage'::text] WHEN (p_role = 'member'::text) THEN ARRAY['contacts:read'::text, 'contacts:write'::text] ELSE NULL::text[] END;

CREATE FUNCTION public.introzy_server_secrets() RETURNS TABLE(secret_id text, what text, live bigint, last_expires_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    BEGIN ATOMIC
 SELECT s.secret_id,
     'apiKeys'::text AS what,
     count(*) AS live,
     max(s.expires_at) AS last_expires_at
    FROM (public.api_key_secrets s
      JOIN public.api_keys k ON (((k.organization_id = s.organization_id) AND (k.id = s.api_key_id))))
   WHERE ((s.expires_at > now()) AND (k.revoked_at IS NULL))
   GROUP BY s.secret_id
 UNION ALL
  SELECT t.secret_id,
     'tokens'::text AS what,
     count(*) AS live,
     max(LEAST(t.expires_at, s.expires_at)) AS last_expires_at
    FROM ((public.api_key_tokens t
      JOIN public.api_key_secrets s ON (((s.organization_id = t.organization_id) AND (s.api_key_id = t.api_key_id) AND (s.id = t.minted_by))))
      JOIN public.api_keys k ON (((k.organization_id = s.organization_id) AND (k.id = s.api_key_id))))
   WHERE ((t.expires_at > now()) AND (s.expires_at > now()) AND (k.revoked_at IS NULL))
   GROUP BY t.secret_id;
END;

ALTER FUNCTION public.introzy_server_secrets() OWNER TO introzy_lookup;

CREATE TABLE public.organization_settings (
    id uuid NOT NULL,
    deleted_at timestamp(3) with time zone,
    requires_factor boolean DEFAULT false NOT NULL
);

CREATE TABLE public.passkeys (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    credential_id text NOT NULL,
    public_key text NOT NULL,
    counter bigint NOT NULL,
    device_type text NOT NULL,
    backed_up boolean NOT NULL,
    transports text,
    aaguid text,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    last_used_at timestamp(3) with time zone
);

CREATE TABLE public.session_proofs (
    session_id uuid NOT NULL,
    proved_at timestamp(3) with time zone,
    failed_proofs smallint DEFAULT 0 NOT NULL,
    with_passkey boolean DEFAULT false NOT NULL
);

CREATE TABLE public.sessions (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    token text NOT NULL,
    expires_at timestamp(3) with time zone NOT NULL,
    ip_address text,
    user_agent text,
    active_organization_id uuid,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    updated_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.two_factors (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    secret text NOT NULL,
    backup_codes text NOT NULL,
    verified boolean DEFAULT true NOT NULL,
    failed_verification_count integer DEFAULT 0 NOT NULL,
    locked_until timestamp(3) with time zone,
    last_step bigint DEFAULT 0 NOT NULL
);

CREATE FUNCTION public.introzy_session_member(p_session_id uuid) RETURNS TABLE(organization_id uuid, user_id uuid, role text, has_factor boolean, requires_factor boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    BEGIN ATOMIC
 SELECT m.organization_id,
     s.user_id,
     m.role,
     ((EXISTS ( SELECT
            FROM public.two_factors f
           WHERE ((f.user_id = s.user_id) AND f.verified))) OR ((EXISTS ( SELECT
            FROM public.session_proofs p
           WHERE ((p.session_id = s.id) AND p.with_passkey))) AND (EXISTS ( SELECT
            FROM public.passkeys k
           WHERE (k.user_id = s.user_id))))),
     COALESCE(o.requires_factor, false) AS "coalesce"
    FROM ((public.sessions s
      JOIN public.members m ON (((m.organization_id = s.active_organization_id) AND (m.user_id = s.user_id))))
      LEFT JOIN public.organization_settings o ON ((o.id = m.organization_id)))
   WHERE ((s.id = introzy_session_member.p_session_id) AND (s.expires_at > now()) AND (o.deleted_at IS NULL));
END;

ALTER FUNCTION public.introzy_session_member(p_session_id uuid) OWNER TO introzy_lookup;

CREATE TABLE public.users (
    id uuid NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    email_verified boolean DEFAULT false NOT NULL,
    image text,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    updated_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE FUNCTION public.introzy_session_person(p_session_id uuid) RETURNS TABLE(organization_id uuid, organization_name text, user_id uuid, name text, email text, role text)
    LANGUAGE sql STABLE SECURITY DEFINER
    BEGIN ATOMIC
 SELECT o.id,
     o.name,
     u.id,
     u.name,
     u.email,
     m.role
    FROM (((public.sessions s
      JOIN public.members m ON (((m.organization_id = s.active_organization_id) AND (m.user_id = s.user_id))))
      JOIN public.users u ON ((u.id = s.user_id)))
      JOIN public.organizations o ON ((o.id = m.organization_id)))
   WHERE ((s.id = introzy_session_person.p_session_id) AND (s.expires_at > now()) AND (NOT (EXISTS ( SELECT
            FROM public.organization_settings d
           WHERE ((d.id = o.id) AND (d.deleted_at IS NOT NULL))))));
END;

ALTER FUNCTION public.introzy_session_person(p_session_id uuid) OWNER TO introzy_lookup;

CREATE FUNCTION public.introzy_sought_words(p_pattern jsonb) RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
  declare
    v_organization_id uuid := introzy_organization_id();
    v_part text := p_pattern ->> 'part';
    v_place text := p_pattern ->> 'place';
    v_keys bigint[];
    v_words text[];
  begin
    if v_place = 'start' then
      v_words := array(select word from contact_words
        where organization_id = v_organization_id and starts_with(word, v_part)
          and start >= left(v_part, 100) and start < left(v_part, 100) || chr(1114111) limit 10000 + 1);
    else
      v_keys := introzy_part_keys(v_organization_id, v_part);
      if v_keys = '{}' then
        return null;
      end if;
      v_words := array(select word from contact_words
        where introzy_part_keys(organization_id, word) @> v_keys and (organization_id = v_organization_id) is true
          and case v_place when 'end' then right(word, length(v_part)) = v_part else strpos(word, v_part) > 0 end
        limit 10000 + 1);
    end if;
    return case when cardinality(v_words) <= 10000 then v_words end;
  end $$;

CREATE FUNCTION public.introzy_suspend_key() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
  end $$;

CREATE FUNCTION public.introzy_take_emails() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
  declare
    v_is_taken boolean;
  begin
    if new.other_email_keys = '{}' then
      perform pg_advisory_xact_lock_shared(hashtextextended(new.organization_id::text, (hashtext(new.email_key) & 63)));
    else
      perform public.introzy_lock_emails(new.organization_id, array[new.email_key], new.other_email_keys);
      v_is_taken := exists (
        select from public.contacts where organization_id = new.organization_id
          and email_key = any (new.other_email_keys) and deleted_at is null and id <> new.id
      ) or exists (
        select from public.contact_emails where organization_id = new.organization_id
          and email_key = any (new.other_email_keys) and contact_id <> new.id
      );
    end if;
    if v_is_taken or exists (
      select from public.contact_emails where organization_id = new.organization_id
        and email_key = new.email_key and contact_id <> new.id
    ) then
      raise exception using errcode = 'unique_violation', table = 'contact_emails', constraint = 'contact_emails_pkey',
        message = 'another contact has the email';
    end if;
    return new;
  end $$;

CREATE FUNCTION public.introzy_unused_words(p_words text[]) RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    select word from unnest(p_words) word
      where not exists (
        select from contacts where organization_id = introzy_organization_id() and folded is not null
          and introzy_word_keys(organization_id, introzy_words(folded, tag_keys)) @> introzy_word_keys(introzy_organization_id(), array[word.word]))
  $$;

ALTER FUNCTION public.introzy_unused_words(p_words text[]) OWNER TO introzy_lookup;

CREATE FUNCTION public.introzy_word_condition(p_pattern jsonb) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
  declare
    v_words text[] := array(select jsonb_array_elements_text(p_pattern -> 'whole'));
    v_condition text;
  begin
    if cardinality(v_words) > 0 then
      v_condition := format(' and introzy_word_keys(organization_id, introzy_words(folded, tag_keys)) @> %L::bigint[]', introzy_word_keys(introzy_organization_id(), v_words));
    end if;
    if p_pattern -> 'part' is null then
      return v_condition;
    end if;
    v_words := introzy_sought_words(p_pattern);
    if v_words is null then
      return v_condition;
    end if;
    return coalesce(v_condition, '') || ' and (' || coalesce((
      select string_agg(format('introzy_word_keys(organization_id, introzy_words(folded, tag_keys)) && %L::bigint[]', keys), ' or ') from (
        select introzy_word_keys(introzy_organization_id(), array_agg(word)) as keys
          from unnest(v_words) with ordinality sought (word, n) group by n / 200) share), 'false') || ')';
  end $$;

CREATE FUNCTION public.introzy_word_keys(p_organization_id uuid, p_words text[]) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select array_agg(distinct hashtextextended(word collate "C", uuid_hash_extended(p_organization_id, 0)))
      from unnest(p_words) word
  $$;

CREATE FUNCTION public.introzy_words(p_folded text, p_tag_keys text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select array_remove(string_to_array(translate(p_folded, E' \n\x1d\x1e', E'\x1c\x1c\x1c\x1c')
      || E'\x1c\x1d' || array_to_string(p_tag_keys, E'\x1c\x1d'), E'\x1c'), '')
  $$;

CREATE TABLE public.accounts (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    account_id text NOT NULL,
    provider_id text NOT NULL,
    access_token text,
    refresh_token text,
    id_token text,
    access_token_expires_at timestamp(3) with time zone,
    refresh_token_expires_at timestamp(3) with time zone,
    scope text,
    password text,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    updated_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.api_key_places (
    organization_id uuid NOT NULL,
    api_key_id uuid NOT NULL,
    address text NOT NULL,
    user_agent text NOT NULL,
    first_used_at timestamp(3) with time zone NOT NULL,
    last_used_at timestamp(3) with time zone NOT NULL,
    secrets jsonb DEFAULT '{}'::jsonb NOT NULL,
    reported_at timestamp(3) with time zone
);

ALTER TABLE ONLY public.api_key_places FORCE ROW LEVEL SECURITY;

CREATE TABLE public.audit_chains (
    organization_id uuid NOT NULL,
    sealed_through bigint DEFAULT 0 NOT NULL,
    erased_through bigint DEFAULT 0 NOT NULL,
    erased_hash bytea
);

ALTER TABLE ONLY public.audit_chains FORCE ROW LEVEL SECURITY;

CREATE TABLE public.audit_sealing (
    only_row boolean DEFAULT true NOT NULL,
    settled_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    pending_at timestamp with time zone,
    pending_xid xid8,
    CONSTRAINT audit_sealing_only_row_check CHECK (only_row)
);

CREATE TABLE public.audit_seals (
    organization_id uuid NOT NULL,
    number bigint NOT NULL,
    previous bytea,
    hash bytea NOT NULL,
    sealed_at timestamp(3) with time zone NOT NULL,
    last_at timestamp(3) with time zone NOT NULL
);

ALTER TABLE ONLY public.audit_seals FORCE ROW LEVEL SECURITY;

CREATE TABLE public.contact_emails (
    organization_id uuid NOT NULL,
    email_key text NOT NULL,
    contact_id uuid NOT NULL
);

ALTER TABLE ONLY public.contact_emails FORCE ROW LEVEL SECURITY;

CREATE TABLE public.contact_tags (
    organization_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    tag_key text NOT NULL COLLATE pg_catalog."C",
    is_deleted boolean NOT NULL,
    updated_at timestamp(3) with time zone NOT NULL,
    name_fold text NOT NULL COLLATE pg_catalog."C"
);

ALTER TABLE ONLY public.contact_tags FORCE ROW LEVEL SECURITY;

CREATE TABLE public.contact_words (
    organization_id uuid NOT NULL,
    word text NOT NULL COLLATE pg_catalog."C",
    start text GENERATED ALWAYS AS ("left"(word, 100)) STORED NOT NULL COLLATE pg_catalog."C"
);

ALTER TABLE ONLY public.contact_words REPLICA IDENTITY FULL;

ALTER TABLE ONLY public.contact_words FORCE ROW LEVEL SECURITY;

CREATE TABLE public.contact_words_left (
    organization_id uuid NOT NULL,
    word text NOT NULL COLLATE pg_catalog."C",
    start text GENERATED ALWAYS AS ("left"(word, 100)) STORED NOT NULL COLLATE pg_catalog."C"
);

ALTER TABLE ONLY public.contact_words_left REPLICA IDENTITY FULL;

ALTER TABLE ONLY public.contact_words_left FORCE ROW LEVEL SECURITY;

CREATE TABLE public.failed_sign_ins (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    hour timestamp with time zone NOT NULL,
    address text NOT NULL,
    user_agent text NOT NULL,
    count integer DEFAULT 1 NOT NULL
);

ALTER TABLE ONLY public.failed_sign_ins FORCE ROW LEVEL SECURITY;

CREATE TABLE public.introzy_migration_lock (
);

CREATE TABLE public.introzy_migrations (
    name text NOT NULL,
    progress jsonb,
    finished_at timestamp(3) with time zone
);

CREATE TABLE public.invitations (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    reference uuid DEFAULT gen_random_uuid() NOT NULL,
    email text NOT NULL,
    role text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    inviter_id uuid NOT NULL,
    expires_at timestamp(3) with time zone NOT NULL,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    CONSTRAINT invitations_role_check CHECK ((role = ANY (ARRAY['member'::text, 'admin'::text, 'owner'::text])))
);

ALTER TABLE ONLY public.invitations FORCE ROW LEVEL SECURITY;

CREATE TABLE public.kysely_migration (
    name character varying(255) NOT NULL,
    "timestamp" character varying(255) NOT NULL
);

CREATE TABLE public.kysely_migration_lock (
    id character varying(255) NOT NULL,
    is_locked integer DEFAULT 0 NOT NULL
);

CREATE TABLE public.verifications (
    id uuid NOT NULL,
    identifier text NOT NULL,
    value text NOT NULL,
    expires_at timestamp(3) with time zone NOT NULL,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    updated_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_provider_id_account_id_key UNIQUE (provider_id, account_id);

ALTER TABLE ONLY public.api_key_days
    ADD CONSTRAINT api_key_days_pkey PRIMARY KEY (organization_id, api_key_id, day);

ALTER TABLE ONLY public.api_key_notices
    ADD CONSTRAINT api_key_notices_pkey PRIMARY KEY (organization_id, api_key_id, expires_at, days, user_id);

ALTER TABLE ONLY public.api_key_places
    ADD CONSTRAINT api_key_places_pkey PRIMARY KEY (organization_id, api_key_id, address, user_agent);

ALTER TABLE ONLY public.api_key_secrets
    ADD CONSTRAINT api_key_secrets_digest UNIQUE (digest);

ALTER TABLE ONLY public.api_key_secrets
    ADD CONSTRAINT api_key_secrets_pkey PRIMARY KEY (organization_id, api_key_id, digest);

ALTER TABLE ONLY public.api_key_tokens
    ADD CONSTRAINT api_key_tokens_digest UNIQUE (digest);

ALTER TABLE ONLY public.api_key_tokens
    ADD CONSTRAINT api_key_tokens_pkey PRIMARY KEY (organization_id, api_key_id, digest);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (organization_id, id);

ALTER TABLE public.api_keys
    ADD CONSTRAINT api_keys_settings CHECK (((char_length(description) <= 500) AND (environment = ANY (ARRAY['development'::text, 'staging'::text, 'production'::text])) AND (rate_limit > 0) AND ((cardinality(allowed_addresses) >= 1) AND (cardinality(allowed_addresses) <= 50)) AND (address_mode = ANY (ARRAY['enforce'::text, 'report'::text])))) NOT VALID;

ALTER TABLE ONLY public.audit_chains
    ADD CONSTRAINT audit_chains_pkey PRIMARY KEY (organization_id);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (organization_id, id);

ALTER TABLE ONLY public.audit_seal_entries
    ADD CONSTRAINT audit_seal_entries_pkey PRIMARY KEY (organization_id, id);

ALTER TABLE ONLY public.audit_sealing
    ADD CONSTRAINT audit_sealing_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.audit_seals
    ADD CONSTRAINT audit_seals_pkey PRIMARY KEY (organization_id, number);

ALTER TABLE ONLY public.contact_emails
    ADD CONSTRAINT contact_emails_pkey PRIMARY KEY (organization_id, email_key);

ALTER TABLE ONLY public.contact_tags
    ADD CONSTRAINT contact_tags_pkey PRIMARY KEY (organization_id, contact_id, tag_key);

ALTER TABLE ONLY public.contacts
    ADD CONSTRAINT contacts_pkey PRIMARY KEY (organization_id, id);

ALTER TABLE ONLY public.failed_sign_ins
    ADD CONSTRAINT failed_sign_ins_pkey PRIMARY KEY (organization_id, user_id, hour, address, user_agent);

ALTER TABLE ONLY public.introzy_migrations
    ADD CONSTRAINT introzy_migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.invitations
    ADD CONSTRAINT invitations_organization_id_reference_key UNIQUE (organization_id, reference);

ALTER TABLE ONLY public.invitations
    ADD CONSTRAINT invitations_pkey PRIMARY KEY (organization_id, id);

ALTER TABLE ONLY public.kept_answers
    ADD CONSTRAINT kept_answers_pkey PRIMARY KEY (organization_id, caller_id, key_digest);

ALTER TABLE ONLY public.kysely_migration_lock
    ADD CONSTRAINT kysely_migration_lock_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.kysely_migration
    ADD CONSTRAINT kysely_migration_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_pkey PRIMARY KEY (organization_id, id);

ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_user UNIQUE (organization_id, user_id);

ALTER TABLE ONLY public.organization_settings
    ADD CONSTRAINT organization_settings_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.organizations
    ADD CONSTRAINT organizations_name_key UNIQUE (name);

ALTER TABLE ONLY public.organizations
    ADD CONSTRAINT organizations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.organizations
    ADD CONSTRAINT organizations_slug UNIQUE (slug);

ALTER TABLE ONLY public.passkeys
    ADD CONSTRAINT passkeys_credential_id_key UNIQUE (credential_id);

ALTER TABLE ONLY public.passkeys
    ADD CONSTRAINT passkeys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.session_proofs
    ADD CONSTRAINT session_proofs_pkey PRIMARY KEY (session_id);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_token_key UNIQUE (token);

ALTER TABLE ONLY public.two_factors
    ADD CONSTRAINT two_factors_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.two_factors
    ADD CONSTRAINT two_factors_user_id_key UNIQUE (user_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email UNIQUE (email);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.verifications
    ADD CONSTRAINT verifications_pkey PRIMARY KEY (id);

CREATE INDEX accounts_user ON public.accounts USING btree (user_id);

CREATE INDEX api_key_days_day ON public.api_key_days USING btree (day);

CREATE INDEX api_key_notices_expires_at ON public.api_key_notices USING btree (expires_at);

CREATE INDEX api_key_secrets_holder ON public.api_key_secrets USING btree (organization_id, holder_id);

CREATE INDEX api_keys_created_by ON public.api_keys USING btree (organization_id, created_by_id, id);

CREATE INDEX api_keys_expiring ON public.api_keys USING btree (expires_at) WHERE (revoked_at IS NULL);

CREATE INDEX api_keys_id ON public.api_keys USING hash (id);

CREATE INDEX api_keys_not_revoked ON public.api_keys USING btree (organization_id, id) WHERE (revoked_at IS NULL);

CREATE INDEX audit_log_action ON public.audit_log USING btree (organization_id, action, id);

CREATE INDEX audit_log_subject ON public.audit_log USING btree (organization_id, ((subject ->> 'id'::text)), id);

CREATE INDEX audit_seal_entries_seal ON public.audit_seal_entries USING btree (organization_id, seal);

CREATE INDEX audit_seals_last_at ON public.audit_seals USING btree (last_at);

CREATE INDEX contact_emails_contact ON public.contact_emails USING btree (organization_id, contact_id);

CREATE INDEX contact_tags_created_at ON public.contact_tags USING btree (organization_id, is_deleted, tag_key, contact_id);

CREATE INDEX contact_tags_name ON public.contact_tags USING btree (organization_id, is_deleted, tag_key, name_fold, contact_id);

CREATE INDEX contact_tags_updated_at ON public.contact_tags USING btree (organization_id, is_deleted, tag_key, updated_at, contact_id);

CREATE INDEX contact_words_left_start ON public.contact_words_left USING btree (organization_id, start);

CREATE INDEX contact_words_parts ON public.contact_words USING gin (public.introzy_part_keys(organization_id, word)) WITH (gin_pending_list_limit='256');

CREATE INDEX contact_words_start ON public.contact_words USING btree (organization_id, start);

CREATE INDEX contacts_before_form_1 ON public.contacts USING btree (organization_id, id) WHERE (form < 1);

CREATE INDEX contacts_before_form_2 ON public.contacts USING btree (organization_id, id) WHERE (form < 2);

CREATE INDEX contacts_by_company_created_at ON public.contacts USING btree (organization_id, company_fold, id) WHERE ((deleted_at IS NULL) AND (company_fold IS NOT NULL));

CREATE INDEX contacts_by_company_created_at_deleted ON public.contacts USING btree (organization_id, company_fold, id) WHERE ((deleted_at IS NOT NULL) AND (company_fold IS NOT NULL));

CREATE INDEX contacts_by_company_name ON public.contacts USING btree (organization_id, company_fold, name_fold, id) WHERE ((deleted_at IS NULL) AND (company_fold IS NOT NULL));

CREATE INDEX contacts_by_company_name_deleted ON public.contacts USING btree (organization_id, company_fold, name_fold, id) WHERE ((deleted_at IS NOT NULL) AND (company_fold IS NOT NULL));

CREATE INDEX contacts_by_company_updated_at ON public.contacts USING btree (organization_id, company_fold, updated_at, id) WHERE ((deleted_at IS NULL) AND (company_fold IS NOT NULL));

CREATE INDEX contacts_by_company_updated_at_deleted ON public.contacts USING btree (organization_id, company_fold, updated_at, id) WHERE ((deleted_at IS NOT NULL) AND (company_fold IS NOT NULL));

CREATE INDEX contacts_by_name ON public.contacts USING btree (organization_id, name_fold, id) WHERE (deleted_at IS NULL);

CREATE INDEX contacts_by_name_deleted ON public.contacts USING btree (organization_id, name_fold, id) WHERE (deleted_at IS NOT NULL);

CREATE INDEX contacts_by_updated_at ON public.contacts USING btree (organization_id, updated_at, id) WHERE (deleted_at IS NULL);

CREATE INDEX contacts_by_updated_at_deleted ON public.contacts USING btree (organization_id, updated_at, id) WHERE (deleted_at IS NOT NULL);

CREATE INDEX contacts_custom_fields ON public.contacts USING gin (organization_id, custom_fields jsonb_path_ops) WITH (gin_pending_list_limit='256') WHERE (custom_fields <> '{}'::jsonb);

CREATE INDEX contacts_deleted_at ON public.contacts USING btree (organization_id, deleted_at) WHERE (deleted_at IS NOT NULL);

CREATE UNIQUE INDEX contacts_email ON public.contacts USING btree (organization_id, email_key) WHERE (deleted_at IS NULL);

CREATE INDEX contacts_email_deleted ON public.contacts USING btree (organization_id, email_key) WHERE (deleted_at IS NOT NULL);

CREATE INDEX contacts_id ON public.contacts USING hash (id);

CREATE INDEX contacts_linkedin ON public.contacts USING btree (organization_id, linkedin_key) WHERE ((linkedin_key IS NOT NULL) AND (deleted_at IS NULL));

CREATE INDEX contacts_living ON public.contacts USING btree (organization_id, id) WHERE (deleted_at IS NULL);

CREATE INDEX contacts_phones ON public.contacts USING gin (organization_id, phone_keys) WITH (gin_pending_list_limit='256') WHERE (phone_keys <> '{}'::text[]);

CREATE INDEX contacts_search ON public.contacts USING gin (organization_id, search public.gin_trgm_ops, tags) WITH (gin_pending_list_limit='256');

CREATE INDEX contacts_updated_at ON public.contacts USING btree (organization_id, updated_at);

CREATE INDEX contacts_words ON public.contacts USING gin (public.introzy_word_keys(organization_id, public.introzy_words(folded, tag_keys))) WITH (gin_pending_list_limit='256') WHERE (folded IS NOT NULL);

CREATE INDEX failed_sign_ins_hour ON public.failed_sign_ins USING btree (hour);

CREATE INDEX failed_sign_ins_user_id ON public.failed_sign_ins USING btree (user_id);

CREATE UNIQUE INDEX invitations_email ON public.invitations USING btree (organization_id, email) WHERE (status = 'pending'::text);

CREATE INDEX invitations_id ON public.invitations USING hash (id);

CREATE INDEX kept_answers_expires_at ON public.kept_answers USING brin (expires_at) WITH (pages_per_range='16');

CREATE INDEX kept_answers_subject ON public.kept_answers USING btree (organization_id, subject_id) WHERE ((subject_id IS NOT NULL) AND (answer IS NOT NULL));

CREATE INDEX members_of_user ON public.members USING btree (user_id);

CREATE INDEX passkeys_user ON public.passkeys USING btree (user_id);

CREATE INDEX sessions_expiring ON public.sessions USING btree (expires_at);

CREATE INDEX sessions_user ON public.sessions USING btree (user_id);

CREATE INDEX verifications_expiring ON public.verifications USING btree (expires_at);

CREATE INDEX verifications_identifier ON public.verifications USING btree (identifier);

CREATE TRIGGER audit AFTER INSERT ON public.api_key_places FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_place();

CREATE TRIGGER audit AFTER INSERT ON public.api_key_tokens FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_token();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OF status ON public.invitations FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_invitation();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OF deleted_at ON public.organization_settings FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_deletion();

CREATE TRIGGER audit AFTER UPDATE OF name ON public.organizations FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_organization();

CREATE TRIGGER audit AFTER INSERT OR DELETE ON public.passkeys FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_passkey();

CREATE TRIGGER audit AFTER INSERT ON public.sessions FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_session();

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF verified ON public.two_factors FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_factor();

CREATE TRIGGER audit_change AFTER UPDATE OF name, hint, expires_at, kept_at, revoked_at ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_api_key();

CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OF role ON public.members FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_member();

CREATE TRIGGER audit_erasure AFTER DELETE ON public.contacts FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_erasure();

CREATE TRIGGER audit_factor AFTER INSERT OR UPDATE OF requires_factor ON public.organization_settings FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_required_factor();

CREATE TRIGGER audit_issue AFTER INSERT ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_api_key();

CREATE TRIGGER audit_removal BEFORE DELETE ON public.members FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_member();

CREATE TRIGGER audit_report AFTER INSERT OR UPDATE OF reported_at ON public.api_key_places FOR EACH ROW WHEN ((new.reported_at IS NOT NULL)) EXECUTE FUNCTION public.introzy_audit_report();

CREATE TRIGGER audit_settings AFTER UPDATE OF description, environment, self_rotate, grace_ended_at, rate_limit, allowed_addresses, address_mode ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.introzy_audit_key_settings();

CREATE TRIGGER digest BEFORE INSERT ON public.invitations FOR EACH ROW EXECUTE FUNCTION public.introzy_digest_invitation();

CREATE TRIGGER forget_answers AFTER DELETE ON public.contacts REFERENCING OLD TABLE AS erased FOR EACH STATEMENT EXECUTE FUNCTION public.introzy_forget_answers();

CREATE TRIGGER hand_over BEFORE DELETE ON public.members FOR EACH ROW EXECUTE FUNCTION public.introzy_hand_over();

CREATE TRIGGER hold BEFORE INSERT ON public.api_key_secrets FOR EACH ROW EXECUTE FUNCTION public.introzy_hold_secret();

CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON public.contacts FOR EACH ROW EXECUTE FUNCTION public.introzy_keep_contact();

CREATE TRIGGER keep_tags AFTER INSERT ON public.contacts FOR EACH ROW WHEN ((new.tag_keys <> '{}'::text[])) EXECUTE FUNCTION public.introzy_keep_contact_tags();

CREATE TRIGGER keep_tags_of_change AFTER UPDATE ON public.contacts FOR EACH ROW WHEN ((((old.tag_keys IS DISTINCT FROM new.tag_keys) OR (old.deleted_at IS DISTINCT FROM new.deleted_at) OR (old.updated_at IS DISTINCT FROM new.updated_at) OR (old.name_fold IS DISTINCT FROM new.name_fold)) AND ((old.tag_keys <> '{}'::text[]) OR (new.tag_keys <> '{}'::text[])))) EXECUTE FUNCTION public.introzy_keep_contact_tags();

CREATE TRIGGER keep_words AFTER INSERT OR DELETE ON public.contacts FOR EACH ROW EXECUTE FUNCTION public.introzy_keep_contact_words();

CREATE TRIGGER keep_words_of_change AFTER UPDATE ON public.contacts FOR EACH ROW WHEN ((old.folded IS DISTINCT FROM new.folded)) EXECUTE FUNCTION public.introzy_keep_contact_words();

CREATE TRIGGER note_emails AFTER INSERT ON public.contacts FOR EACH ROW WHEN (((new.deleted_at IS NULL) AND (new.other_email_keys <> '{}'::text[]))) EXECUTE FUNCTION public.introzy_note_emails();

CREATE TRIGGER note_emails_anew AFTER UPDATE ON public.contacts FOR EACH ROW WHEN (((new.other_email_keys IS DISTINCT FROM old.other_email_keys) OR (((new.deleted_at IS NULL) <> (old.deleted_at IS NULL)) AND (new.other_email_keys <> '{}'::text[])))) EXECUTE FUNCTION public.introzy_note_emails();

CREATE TRIGGER refuse_change BEFORE DELETE OR UPDATE ON public.audit_log FOR EACH ROW EXECUTE FUNCTION public.introzy_refuse_audit_change();

CREATE TRIGGER refuse_change BEFORE DELETE OR UPDATE ON public.audit_seal_entries FOR EACH ROW EXECUTE FUNCTION public.introzy_refuse_audit_change();

CREATE TRIGGER refuse_change BEFORE DELETE OR UPDATE ON public.audit_seals FOR EACH ROW EXECUTE FUNCTION public.introzy_refuse_audit_change();

CREATE TRIGGER refuse_truncation BEFORE TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.introzy_refuse_audit_change();

CREATE TRIGGER refuse_truncation BEFORE TRUNCATE ON public.audit_seal_entries FOR EACH STATEMENT EXECUTE FUNCTION public.introzy_refuse_audit_change();

CREATE TRIGGER refuse_truncation BEFORE TRUNCATE ON public.audit_seals FOR EACH STATEMENT EXECUTE FUNCTION public.introzy_refuse_audit_change();

CREATE TRIGGER suspend BEFORE INSERT ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.introzy_suspend_key();

CREATE TRIGGER take_emails BEFORE INSERT ON public.contacts FOR EACH ROW WHEN (((new.deleted_at IS NULL) AND ((new.email_key IS NOT NULL) OR (new.other_email_keys <> '{}'::text[])))) EXECUTE FUNCTION public.introzy_take_emails();

CREATE TRIGGER take_emails_anew BEFORE UPDATE ON public.contacts FOR EACH ROW WHEN (((new.deleted_at IS NULL) AND ((old.deleted_at IS NOT NULL) OR ((new.email_key IS DISTINCT FROM old.email_key) OR (new.other_email_keys IS DISTINCT FROM old.other_email_keys))))) EXECUTE FUNCTION public.introzy_take_emails();

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.api_key_days
    ADD CONSTRAINT api_key_days_organization_id_api_key_id_fkey FOREIGN KEY (organization_id, api_key_id) REFERENCES public.api_keys(organization_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.api_key_notices
    ADD CONSTRAINT api_key_notices_organization_id_api_key_id_fkey FOREIGN KEY (organization_id, api_key_id) REFERENCES public.api_keys(organization_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.api_key_notices
    ADD CONSTRAINT api_key_notices_organization_id_user_id_fkey FOREIGN KEY (organization_id, user_id) REFERENCES public.members(organization_id, user_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.api_key_places
    ADD CONSTRAINT api_key_places_organization_id_api_key_id_fkey FOREIGN KEY (organization_id, api_key_id) REFERENCES public.api_keys(organization_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.api_key_secrets
    ADD CONSTRAINT api_key_secrets_organization_id_api_key_id_fkey FOREIGN KEY (organization_id, api_key_id) REFERENCES public.api_keys(organization_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.api_key_tokens
    ADD CONSTRAINT api_key_tokens_organization_id_api_key_id_fkey FOREIGN KEY (organization_id, api_key_id) REFERENCES public.api_keys(organization_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.audit_chains
    ADD CONSTRAINT audit_chains_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.audit_seal_entries
    ADD CONSTRAINT audit_seal_entries_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.audit_seals
    ADD CONSTRAINT audit_seals_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.contact_emails
    ADD CONSTRAINT contact_emails_organization_id_contact_id_fkey FOREIGN KEY (organization_id, contact_id) REFERENCES public.contacts(organization_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.contact_tags
    ADD CONSTRAINT contact_tags_organization_id_contact_id_fkey FOREIGN KEY (organization_id, contact_id) REFERENCES public.contacts(organization_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.contact_words_left
    ADD CONSTRAINT contact_words_left_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.contact_words
    ADD CONSTRAINT contact_words_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.contacts
    ADD CONSTRAINT contacts_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.failed_sign_ins
    ADD CONSTRAINT failed_sign_ins_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.failed_sign_ins
    ADD CONSTRAINT failed_sign_ins_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.invitations
    ADD CONSTRAINT invitations_inviter_id_fkey FOREIGN KEY (inviter_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.invitations
    ADD CONSTRAINT invitations_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.kept_answers
    ADD CONSTRAINT kept_answers_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.organization_settings
    ADD CONSTRAINT organization_settings_id_fkey FOREIGN KEY (id) REFERENCES public.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.passkeys
    ADD CONSTRAINT passkeys_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.session_proofs
    ADD CONSTRAINT session_proofs_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.sessions(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_active_organization_id_fkey FOREIGN KEY (active_organization_id) REFERENCES public.organizations(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.two_factors
    ADD CONSTRAINT two_factors_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE public.accounts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.api_key_days ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.api_key_notices ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.api_key_places ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.api_key_secrets ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.api_key_tokens ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.api_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.audit_chains ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.audit_log ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.audit_seal_entries ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.audit_seals ENABLE ROW LEVEL SECURITY;

CREATE POLICY auth ON public.accounts TO introzy_auth USING (public.introzy_for_accounts()) WITH CHECK (public.introzy_for_accounts());

CREATE POLICY auth ON public.audit_log FOR INSERT TO introzy_auth WITH CHECK (public.introzy_for_accounts());

CREATE POLICY auth ON public.failed_sign_ins TO introzy_auth USING (public.introzy_for_accounts()) WITH CHECK (public.introzy_for_accounts());

CREATE POLICY auth ON public.invitations TO introzy_auth USING ((public.introzy_for_accounts() AND (NOT (EXISTS ( SELECT
   FROM public.organization_settings s
  WHERE ((s.id = invitations.organization_id) AND (s.deleted_at IS NOT NULL) AND (current_setting('introzy.with_deleted'::text, true) IS DISTINCT FROM 'on'::text))))))) WITH CHECK (public.introzy_for_accounts());

CREATE POLICY auth ON public.members TO introzy_auth USING ((public.introzy_for_accounts() AND (NOT (EXISTS ( SELECT
   FROM public.organization_settings s
  WHERE ((s.id = members.organization_id) AND (s.deleted_at IS NOT NULL) AND (current_setting('introzy.with_deleted'::text, true) IS DISTINCT FROM 'on'::text))))))) WITH CHECK (public.introzy_for_accounts());

CREATE POLICY auth ON public.organization_settings FOR SELECT TO introzy_auth USING (public.introzy_for_accounts());

CREATE POLICY auth ON public.organizations TO introzy_auth USING (public.introzy_for_accounts()) WITH CHECK (public.introzy_for_accounts());

CREATE POLICY auth ON public.passkeys TO introzy_auth USING (public.introzy_for_accounts()) WITH CHECK (public.introzy_for_accounts());

CREATE POLICY auth ON public.session_proofs TO introzy_auth USING (public.introzy_for_accounts()) WITH CHECK (public.introzy_for_accounts());

CREATE POLICY auth ON public.sessions TO introzy_auth USING (public.introzy_for_accounts()) WITH CHECK (public.introzy_for_accounts());

CREATE POLICY auth ON public.two_factors TO introzy_auth USING (public.introzy_for_accounts()) WITH CHECK (public.introzy_for_accounts());

CREATE POLICY auth ON public.users TO introzy_auth USING (public.introzy_for_accounts()) WITH CHECK (public.introzy_for_accounts());

CREATE POLICY auth ON public.verifications TO introzy_auth USING (public.introzy_for_accounts()) WITH CHECK (public.introzy_for_accounts());

ALTER TABLE public.contact_emails ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.contact_tags ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.contact_words ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.contact_words_left ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.contacts ENABLE ROW LEVEL SECURITY;

CREATE POLICY erasure ON public.audit_chains TO introzy_lookup USING (true) WITH CHECK (true);

CREATE POLICY erasure ON public.audit_log TO introzy_lookup USING (true) WITH CHECK (true);

CREATE POLICY erasure ON public.audit_seal_entries TO introzy_lookup USING (true) WITH CHECK (true);

CREATE POLICY erasure ON public.audit_seals TO introzy_lookup USING (true) WITH CHECK (true);

ALTER TABLE public.failed_sign_ins ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.invitations ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.kept_answers ENABLE ROW LEVEL SECURITY;

CREATE POLICY lookup ON public.api_key_days FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.api_key_notices FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.api_key_secrets FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.api_key_tokens FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.api_keys FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.contact_words FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.contact_words_left FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.contacts FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.invitations FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.kept_answers FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.members FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.organization_settings FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.organizations FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.passkeys FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.session_proofs FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.sessions FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.two_factors FOR SELECT TO introzy_lookup USING (true);

CREATE POLICY lookup ON public.users FOR SELECT TO introzy_lookup USING (true);

ALTER TABLE public.members ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.organization_settings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.organizations ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.passkeys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.session_proofs ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.sessions ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON public.api_key_days USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.api_key_notices USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.api_key_places USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.api_key_secrets USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.api_key_tokens USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.api_keys USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.audit_chains USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.audit_log USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.audit_seal_entries USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.audit_seals USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.contact_emails USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.contact_tags USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.contact_words USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.contact_words_left USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.contacts USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.failed_sign_ins USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.invitations USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.kept_answers USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.members USING ((organization_id = public.introzy_organization_id())) WITH CHECK ((organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.organization_settings TO introzy_app USING ((id = public.introzy_organization_id())) WITH CHECK ((id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.organizations FOR SELECT TO introzy_app USING ((id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.session_proofs FOR SELECT TO introzy_app USING ((EXISTS ( SELECT
   FROM public.sessions
  WHERE (sessions.id = session_proofs.session_id))));

CREATE POLICY tenant ON public.sessions TO introzy_app USING ((active_organization_id = public.introzy_organization_id()));

CREATE POLICY tenant ON public.users FOR SELECT TO introzy_app USING ((id IN ( SELECT members.user_id
   FROM public.members
  WHERE (members.organization_id = public.introzy_organization_id()))));

CREATE POLICY tenant_change ON public.organizations FOR UPDATE TO introzy_app USING ((id = public.introzy_organization_id())) WITH CHECK ((id = public.introzy_organization_id()));

ALTER TABLE public.two_factors ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.verifications ENABLE ROW LEVEL SECURITY;

GRANT SELECT,INSERT,UPDATE ON TABLE public.api_keys TO introzy_app;

GRANT SELECT(organization_id) ON TABLE public.api_keys TO introzy_lookup;

GRANT SELECT(id) ON TABLE public.api_keys TO introzy_lookup;

GRANT SELECT(hint) ON TABLE public.api_keys TO introzy_lookup;

GRANT SELECT(scopes) ON TABLE public.api_keys TO introzy_lookup;

GRANT SELECT(created_by_type) ON TABLE public.api_keys TO introzy_lookup;

GRANT SELECT(created_by_id) ON TABLE public.api_keys TO introzy_lookup;

GRANT SELECT(expires_at) ON TABLE public.api_keys TO introzy_lookup;

GRANT SELECT(revoked_at) ON TABLE public.api_keys TO introzy_lookup;

GRANT SELECT(expiry_notice_for) ON TABLE public.api_keys TO introzy_lookup;

GRANT SELECT(rate_limit) ON TABLE public.api_keys TO introzy_lookup;

REVOKE ALL ON FUNCTION public.introzy_api_key_exists(p_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_api_key_exists(p_id uuid) TO introzy_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.api_key_secrets TO introzy_app;

GRANT SELECT(organization_id) ON TABLE public.api_key_secrets TO introzy_lookup;

GRANT SELECT(api_key_id) ON TABLE public.api_key_secrets TO introzy_lookup;

GRANT SELECT(digest) ON TABLE public.api_key_secrets TO introzy_lookup;

GRANT SELECT(secret_id) ON TABLE public.api_key_secrets TO introzy_lookup;

GRANT SELECT(created_at) ON TABLE public.api_key_secrets TO introzy_lookup;

GRANT SELECT(expires_at) ON TABLE public.api_key_secrets TO introzy_lookup;

GRANT SELECT(id) ON TABLE public.api_key_secrets TO introzy_lookup;

GRANT SELECT(hint) ON TABLE public.api_key_secrets TO introzy_lookup;

GRANT SELECT(holder_id) ON TABLE public.api_key_secrets TO introzy_lookup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.contacts TO introzy_app;

GRANT SELECT(organization_id) ON TABLE public.contacts TO introzy_lookup;

GRANT SELECT(id) ON TABLE public.contacts TO introzy_lookup;

GRANT SELECT(tags) ON TABLE public.contacts TO introzy_lookup;

GRANT SELECT(custom_fields) ON TABLE public.contacts TO introzy_lookup;

GRANT SELECT(company_key) ON TABLE public.contacts TO introzy_lookup;

GRANT SELECT(search) ON TABLE public.contacts TO introzy_lookup;

GRANT SELECT(created_at) ON TABLE public.contacts TO introzy_lookup;

GRANT SELECT(updated_at) ON TABLE public.contacts TO introzy_lookup;

GRANT SELECT(deleted_at) ON TABLE public.contacts TO introzy_lookup;

GRANT SELECT(form) ON TABLE public.contacts TO introzy_lookup;

GRANT SELECT(folded) ON TABLE public.contacts TO introzy_lookup;

GRANT SELECT(tag_keys) ON TABLE public.contacts TO introzy_lookup;

GRANT SELECT(phone_keys) ON TABLE public.contacts TO introzy_lookup;

GRANT SELECT(company_fold) ON TABLE public.contacts TO introzy_lookup;

GRANT SELECT(name_fold) ON TABLE public.contacts TO introzy_lookup;

REVOKE ALL ON FUNCTION public.introzy_contact_exists(p_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_contact_exists(p_id uuid) TO introzy_app;

REVOKE ALL ON FUNCTION public.introzy_contacts_before_form(p_form integer, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_contacts_before_form(p_form integer, p_limit integer) TO postgres;

REVOKE ALL ON FUNCTION public.introzy_erase_audit_log(p_organization_id uuid, p_days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_erase_audit_log(p_organization_id uuid, p_days integer) TO postgres;

REVOKE ALL ON FUNCTION public.introzy_erase_audit_person(p_user_id uuid, p_names text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_erase_audit_person(p_user_id uuid, p_names text[]) TO postgres;

REVOKE ALL ON FUNCTION public.introzy_found_contacts(p_conditions jsonb, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_found_contacts(p_conditions jsonb, p_limit integer) TO introzy_app;

REVOKE ALL ON FUNCTION public.introzy_identify(p_digests bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_identify(p_digests bytea[]) TO introzy_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.api_key_tokens TO introzy_app;

GRANT SELECT(organization_id) ON TABLE public.api_key_tokens TO introzy_lookup;

GRANT SELECT(api_key_id) ON TABLE public.api_key_tokens TO introzy_lookup;

GRANT SELECT(minted_by) ON TABLE public.api_key_tokens TO introzy_lookup;

GRANT SELECT(digest) ON TABLE public.api_key_tokens TO introzy_lookup;

GRANT SELECT(secret_id) ON TABLE public.api_key_tokens TO introzy_lookup;

GRANT SELECT(scopes) ON TABLE public.api_key_tokens TO introzy_lookup;

GRANT UPDATE(expires_at) ON TABLE public.api_key_tokens TO introzy_app;
GRANT SELECT(expires_at) ON TABLE public.api_key_tokens TO introzy_lookup;

GRANT UPDATE(last_used_at) ON TABLE public.api_key_tokens TO introzy_app;

REVOKE ALL ON FUNCTION public.introzy_identify_key(p_digests bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_identify_key(p_digests bytea[]) TO introzy_app;

REVOKE ALL ON FUNCTION public.introzy_matching_contacts(p_patterns text[], p_tag text, p_updated_since timestamp with time zone, p_include_deleted boolean, p_from uuid, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_matching_contacts(p_patterns text[], p_tag text, p_updated_since timestamp with time zone, p_include_deleted boolean, p_from uuid, p_limit integer) TO introzy_app;

REVOKE ALL ON FUNCTION public.introzy_newest_with_words(p_patterns jsonb, p_from uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_newest_with_words(p_patterns jsonb, p_from uuid) TO introzy_app;

GRANT SELECT ON TABLE public.organizations TO introzy_app;
GRANT SELECT,INSERT ON TABLE public.organizations TO introzy_auth;

GRANT SELECT(id) ON TABLE public.organizations TO introzy_lookup;

GRANT SELECT(name) ON TABLE public.organizations TO introzy_lookup;
GRANT UPDATE(name) ON TABLE public.organizations TO introzy_app;

REVOKE ALL ON FUNCTION public.introzy_organizations_to_erase_in(p_days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_organizations_to_erase_in(p_days integer) TO introzy_auth;

REVOKE ALL ON FUNCTION public.introzy_organizations_to_notify(p_days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_organizations_to_notify(p_days integer) TO introzy_auth;

GRANT USAGE ON SEQUENCE public.introzy_uuid_counter TO introzy_app;
GRANT USAGE ON SEQUENCE public.introzy_uuid_counter TO introzy_auth;

GRANT SELECT,INSERT ON TABLE public.audit_log TO introzy_app;
GRANT INSERT ON TABLE public.audit_log TO introzy_auth;
GRANT SELECT,DELETE ON TABLE public.audit_log TO introzy_lookup;

GRANT UPDATE(actor) ON TABLE public.audit_log TO introzy_lookup;

GRANT UPDATE(subject) ON TABLE public.audit_log TO introzy_lookup;

GRANT UPDATE(details) ON TABLE public.audit_log TO introzy_lookup;

GRANT SELECT,INSERT ON TABLE public.audit_seal_entries TO introzy_app;
GRANT SELECT,DELETE ON TABLE public.audit_seal_entries TO introzy_lookup;

GRANT UPDATE(names) ON TABLE public.audit_seal_entries TO introzy_lookup;

REVOKE ALL ON FUNCTION public.introzy_organizations_to_seal(p_after uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_organizations_to_seal(p_after uuid) TO introzy_auth;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_key_days TO introzy_app;

GRANT SELECT(organization_id) ON TABLE public.api_key_days TO introzy_lookup;

GRANT SELECT(day) ON TABLE public.api_key_days TO introzy_lookup;

REVOKE ALL ON FUNCTION public.introzy_organizations_to_trim(p_days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_organizations_to_trim(p_days integer) TO introzy_auth;

GRANT SELECT,INSERT,DELETE ON TABLE public.api_key_notices TO introzy_app;

GRANT SELECT(organization_id) ON TABLE public.api_key_notices TO introzy_lookup;

GRANT SELECT(api_key_id) ON TABLE public.api_key_notices TO introzy_lookup;

GRANT SELECT(expires_at) ON TABLE public.api_key_notices TO introzy_lookup;

GRANT SELECT(days) ON TABLE public.api_key_notices TO introzy_lookup;

GRANT SELECT(user_id) ON TABLE public.api_key_notices TO introzy_lookup;

GRANT UPDATE(claimed_until) ON TABLE public.api_key_notices TO introzy_app;
GRANT SELECT(claimed_until) ON TABLE public.api_key_notices TO introzy_lookup;

GRANT UPDATE(sent_at) ON TABLE public.api_key_notices TO introzy_app;
GRANT SELECT(sent_at) ON TABLE public.api_key_notices TO introzy_lookup;

GRANT SELECT,INSERT ON TABLE public.members TO introzy_auth;
GRANT SELECT,INSERT,DELETE ON TABLE public.members TO introzy_app;

GRANT SELECT(organization_id) ON TABLE public.members TO introzy_lookup;

GRANT SELECT(user_id) ON TABLE public.members TO introzy_lookup;

GRANT UPDATE(role) ON TABLE public.members TO introzy_app;
GRANT SELECT(role) ON TABLE public.members TO introzy_lookup;

GRANT SELECT(created_at) ON TABLE public.members TO introzy_lookup;

GRANT SELECT ON TABLE public.api_key_notices_due TO introzy_app;
GRANT SELECT ON TABLE public.api_key_notices_due TO introzy_lookup;

REVOKE ALL ON FUNCTION public.introzy_organizations_with_notices() FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_organizations_with_notices() TO introzy_auth;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.kept_answers TO introzy_app;

GRANT SELECT(organization_id) ON TABLE public.kept_answers TO introzy_lookup;

GRANT SELECT(expires_at) ON TABLE public.kept_answers TO introzy_lookup;

REVOKE ALL ON FUNCTION public.introzy_organizations_with_old_answers() FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_organizations_with_old_answers() TO introzy_auth;

REVOKE ALL ON FUNCTION public.introzy_organizations_with_words_left() FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_organizations_with_words_left() TO introzy_auth;

REVOKE ALL ON FUNCTION public.introzy_server_secrets() FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_server_secrets() TO postgres;

GRANT SELECT,INSERT,UPDATE ON TABLE public.organization_settings TO introzy_app;

GRANT SELECT(id) ON TABLE public.organization_settings TO introzy_auth;
GRANT SELECT(id) ON TABLE public.organization_settings TO introzy_lookup;

GRANT SELECT(deleted_at) ON TABLE public.organization_settings TO introzy_auth;
GRANT SELECT(deleted_at) ON TABLE public.organization_settings TO introzy_lookup;

GRANT SELECT(requires_factor) ON TABLE public.organization_settings TO introzy_lookup;
GRANT SELECT(requires_factor) ON TABLE public.organization_settings TO introzy_auth;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.passkeys TO introzy_auth;

GRANT SELECT(user_id) ON TABLE public.passkeys TO introzy_lookup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.session_proofs TO introzy_auth;

GRANT SELECT(session_id) ON TABLE public.session_proofs TO introzy_app;
GRANT SELECT(session_id) ON TABLE public.session_proofs TO introzy_lookup;

GRANT SELECT(proved_at) ON TABLE public.session_proofs TO introzy_app;

GRANT SELECT(with_passkey) ON TABLE public.session_proofs TO introzy_lookup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sessions TO introzy_auth;
GRANT DELETE ON TABLE public.sessions TO introzy_app;

GRANT SELECT(id) ON TABLE public.sessions TO introzy_lookup;
GRANT SELECT(id) ON TABLE public.sessions TO introzy_app;

GRANT SELECT(user_id) ON TABLE public.sessions TO introzy_app;
GRANT SELECT(user_id) ON TABLE public.sessions TO introzy_lookup;

GRANT SELECT(expires_at) ON TABLE public.sessions TO introzy_lookup;

GRANT SELECT(active_organization_id) ON TABLE public.sessions TO introzy_app;
GRANT SELECT(active_organization_id) ON TABLE public.sessions TO introzy_lookup;

GRANT SELECT(created_at) ON TABLE public.sessions TO introzy_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.two_factors TO introzy_auth;

GRANT SELECT(user_id) ON TABLE public.two_factors TO introzy_lookup;

GRANT SELECT(verified) ON TABLE public.two_factors TO introzy_lookup;

REVOKE ALL ON FUNCTION public.introzy_session_member(p_session_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_session_member(p_session_id uuid) TO introzy_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.users TO introzy_auth;

GRANT SELECT(id) ON TABLE public.users TO introzy_app;
GRANT SELECT(id) ON TABLE public.users TO introzy_lookup;

GRANT SELECT(name) ON TABLE public.users TO introzy_app;
GRANT SELECT(name) ON TABLE public.users TO introzy_lookup;

GRANT SELECT(email) ON TABLE public.users TO introzy_app;
GRANT SELECT(email) ON TABLE public.users TO introzy_lookup;

REVOKE ALL ON FUNCTION public.introzy_session_person(p_session_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_session_person(p_session_id uuid) TO introzy_app;

REVOKE ALL ON FUNCTION public.introzy_sought_words(p_pattern jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_sought_words(p_pattern jsonb) TO introzy_lookup;

REVOKE ALL ON FUNCTION public.introzy_unused_words(p_words text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_unused_words(p_words text[]) TO introzy_app;

REVOKE ALL ON FUNCTION public.introzy_word_condition(p_pattern jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introzy_word_condition(p_pattern jsonb) TO introzy_lookup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.accounts TO introzy_auth;

GRANT SELECT,INSERT,UPDATE ON TABLE public.api_key_places TO introzy_app;

GRANT SELECT,INSERT ON TABLE public.audit_chains TO introzy_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.audit_chains TO introzy_lookup;

GRANT UPDATE(sealed_through) ON TABLE public.audit_chains TO introzy_app;

GRANT SELECT ON TABLE public.audit_sealing TO introzy_app;
GRANT SELECT,UPDATE ON TABLE public.audit_sealing TO introzy_auth;

GRANT SELECT,INSERT ON TABLE public.audit_seals TO introzy_app;
GRANT SELECT,DELETE ON TABLE public.audit_seals TO introzy_lookup;

GRANT SELECT,INSERT,DELETE ON TABLE public.contact_emails TO introzy_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.contact_tags TO introzy_app;

GRANT UPDATE(is_deleted) ON TABLE public.contact_tags TO introzy_app;

GRANT UPDATE(updated_at) ON TABLE public.contact_tags TO introzy_app;

GRANT UPDATE(name_fold) ON TABLE public.contact_tags TO introzy_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.contact_words TO introzy_app;

GRANT SELECT(organization_id) ON TABLE public.contact_words TO introzy_lookup;

GRANT SELECT(word) ON TABLE public.contact_words TO introzy_lookup;

GRANT SELECT(start) ON TABLE public.contact_words TO introzy_lookup;

GRANT SELECT,INSERT,DELETE ON TABLE public.contact_words_left TO introzy_app;

GRANT SELECT(organization_id) ON TABLE public.contact_words_left TO introzy_lookup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.failed_sign_ins TO introzy_auth;

GRANT SELECT,UPDATE ON TABLE public.invitations TO introzy_auth;
GRANT SELECT,INSERT ON TABLE public.invitations TO introzy_app;

GRANT UPDATE(status) ON TABLE public.invitations TO introzy_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.verifications TO introzy_auth;
