import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

export const accepts = [
  {
    effect: 'changes the function introzy_audit_api_key()',
    because: 'writes the same entries for the version before',
  },
  {
    effect: 'adds the trigger api_key_secrets.hold',
    because: 'raises nothing, and fills the columns that the version before leaves out',
  },
  {
    effect: 'adds the trigger members.hand_over',
    because: 'raises nothing, and changes the holders of secrets alone, which the version before does not know',
  },
];

/**
 * Each secret of a key has a holder: the person to whom the secret was shown. Migration 0009 has each call judge the
 * holder.
 *
 * A secret also tells its uses, who made the secret, and the grace that its first use gives the older secrets; a place
 * tells the latest use of each secret.
 *
 * A trigger finds the holder from the transaction's actor, so that the version before, which does not know the columns,
 * makes secrets with holders as well. A secret without an `id` is from before this migration, and has no holder yet:
 * migration 0008 gives such a secret its holder.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [...columns, ...functions, ...triggers]) await sql.raw(statement).execute(db);
}

const columns = [
  `alter table api_key_secrets add id uuid, add hint text, add holder_id uuid, add made_by text,
    add first_used_at timestamptz(3), add last_used_at timestamptz(3), add grace_hours smallint`,
  `alter table api_key_places add secrets jsonb not null default '{}'`,
  'alter table api_keys add kept_keys uuid[]',
  // The default is for new rows alone: to fill the rows so far would rewrite the table.
  'alter table api_key_secrets alter id set default gen_random_uuid()',
];

const iso = (date: string) => `to_char(${date} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const functions = [
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

  // The version before keeps a key of a member whom it removes by `kept_at` alone. The secrets go on with the caller as
  // their holder. This version has given the secrets their holder before it removes the member.
  `create function introzy_hand_over() returns trigger language plpgsql as $$
  begin
    update api_key_secrets s set holder_id = introzy_actor_holder(), id = coalesce(s.id, gen_random_uuid())
      from api_keys k
      where k.organization_id = old.organization_id and k.kept_at = now()::timestamptz(3)
        and s.organization_id = k.organization_id and s.api_key_id = k.id and introzy_holder(s) = old.user_id;
    return old;
  end $$`,

  // The keys of `p_ids`, each as its own ancestor, and their descendants, revoked and expired keys included. A key that
  // somebody kept while its issuer was revoked, or is about to be revoked in this transaction, has left the family.
  `create function introzy_key_families(p_organization_id uuid, p_ids uuid[])
  returns table (ancestor uuid, id uuid, revoked_at timestamptz) language sql stable as $$
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
  $$`,

  // Revokes keys that are not revoked yet, and their descendants. Gives the ids of the keys that the call revoked. The
  // lock has issues, revocations and removals in the organization take turns: see db/keyFamily.ts. The update sees what
  // the others did, because it is a statement of its own.
  `create function introzy_revoke_keys(p_organization_id uuid, p_ids uuid[]) returns setof uuid language plpgsql as $$
  begin
    perform pg_advisory_xact_lock(hashtextextended('introzy key families ' || p_organization_id, 0));
    return query update api_keys k set revoked_at = now()
      where k.organization_id = p_organization_id and k.revoked_at is null and k.id = any (array(
        select f.id from introzy_key_families(p_organization_id, array(
          select root.id from api_keys root where root.organization_id = p_organization_id and root.id = any (p_ids)
            and root.revoked_at is null)) f))
      returning k.id;
  end $$`,

  // Revokes a key with its descendants, where the key is not revoked yet. Gives the key, and the descendants that were
  // revoked with the key or that were kept then: a repeated call gives the same rows. A single statement has the answer
  // also where the key that calls revokes itself.
  `create function introzy_revoke_key(p_organization_id uuid, p_id uuid) returns setof api_keys language plpgsql as $$
  begin
    perform introzy_revoke_keys(p_organization_id, array[p_id]);
    return query select k.* from api_keys k where k.organization_id = p_organization_id and k.id = any (array(
      select f.id from introzy_key_families(p_organization_id, array[p_id]) f
          join api_keys root on root.organization_id = p_organization_id and root.id = p_id
        where f.id = p_id or f.revoked_at = root.revoked_at
      union all
      select unnest(root.kept_keys) from api_keys root where root.organization_id = p_organization_id and root.id = p_id));
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

const triggers = [
  'create trigger hold before insert on api_key_secrets for each row execute function introzy_hold_secret()',
  'create trigger hand_over before delete on members for each row execute function introzy_hand_over()',
];
