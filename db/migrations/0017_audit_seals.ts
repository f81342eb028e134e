import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

export const accepts = ['audit_log.refuse_change', 'audit_log.refuse_truncation'].map((trigger) => ({
  effect: `adds the trigger ${trigger}, which older writes meet`,
  because: 'the version before only inserts into the audit log',
}));

/**
 * The audit log is refused every change, and is sealed: see docs/decisions/audit-log-seals.md. Failed sign-ins are
 * counted in a table of their own until their hour ends.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const schema = rows[0]?.schema ?? 'public';
  for (const part of [tables, policies, refusal, functions(schema), ownership(schema)]) {
    for (const statement of part) await sql.raw(statement).execute(db);
  }
}

const tables = [
  // A seal's hash covers the hash of the seal before, and the hashes of the seal's entries.
  `create table audit_seals (
    organization_id uuid not null references organizations on delete cascade,
    number bigint not null,
    previous bytea,
    hash bytea not null,
    sealed_at timestamptz(3) not null,
    last_at timestamptz(3) not null,
    primary key (organization_id, number)
  )`,
  // For AUDIT_DAYS, of all organizations.
  'create index audit_seals_last_at on audit_seals (last_at)',
  // `names` has the salt of each name in the entry, by the name's place such as `/actor/name`. Once a name is erased, the
  // name's digest takes the place of the salt.
  `create table audit_seal_entries (
    organization_id uuid not null references organizations on delete cascade,
    seal bigint not null,
    id uuid not null,
    hash bytea not null,
    names jsonb not null,
    primary key (organization_id, id)
  )`,
  'create index audit_seal_entries_seal on audit_seal_entries (organization_id, seal)',
  // What a cut at the end of a chain cannot take along, and where a chain begins after AUDIT_DAYS.
  `create table audit_chains (
    organization_id uuid not null references organizations on delete cascade,
    sealed_through bigint not null default 0,
    erased_through bigint not null default 0,
    erased_hash bytea,
    primary key (organization_id)
  )`,
  // A single row. Entries from before `settled_at` are sealed. An entry's transaction may end long after the entry's time:
  // `pending_at` becomes `settled_at` once all transactions before `pending_xid` have ended.
  `create table audit_sealing (
    only_row boolean not null default true primary key check (only_row),
    settled_at timestamptz not null default '-infinity',
    pending_at timestamptz,
    pending_xid xid8
  )`,
  'insert into audit_sealing default values',
  `create table failed_sign_ins (
    organization_id uuid not null references organizations on delete cascade,
    user_id uuid not null references users on delete cascade,
    hour timestamptz not null,
    address text not null,
    user_agent text not null,
    count integer not null default 1,
    primary key (organization_id, user_id, hour, address, user_agent)
  )`,
  'create index failed_sign_ins_hour on failed_sign_ins (hour)',
  // For the deletion of an account.
  'create index failed_sign_ins_user_id on failed_sign_ins (user_id)',
];

const IS_OWN = 'organization_id = introzy_organization_id()';
const SEALED = ['audit_seals', 'audit_seal_entries', 'audit_chains'];

const policies = [
  ...[...SEALED, 'failed_sign_ins'].flatMap((table) => [
    `alter table ${table} enable row level security`,
    `alter table ${table} force row level security`,
    `create policy tenant on ${table} using (${IS_OWN}) with check (${IS_OWN})`,
  ]),
  ...['audit_log', ...SEALED].map(
    (table) => `create policy erasure on ${table} to introzy_lookup using (true) with check (true)`,
  ),
  'create policy auth on failed_sign_ins to introzy_auth using (introzy_for_accounts()) with check (introzy_for_accounts())',
  'grant select, insert on audit_seals, audit_seal_entries to introzy_app',
  'grant select, insert, update (sealed_through) on audit_chains to introzy_app',
  'grant select, insert, update, delete on failed_sign_ins to introzy_auth',
  'grant select on audit_sealing to introzy_app',
  'grant select, update on audit_sealing to introzy_auth',
  'grant select, update (actor, subject, details), delete on audit_log to introzy_lookup',
  'grant select, delete on audit_seals to introzy_lookup',
  'grant select, update (names), delete on audit_seal_entries to introzy_lookup',
  'grant select, insert, update, delete on audit_chains to introzy_lookup',
];

const refusal = [
  // `introzy_lookup` has no members and no login: whoever is not in one of the two functions below must first become the
  // role, as a superuser or by a grant.
  `create function introzy_refuse_audit_change() returns trigger language plpgsql as $$
  begin
    if tg_op = 'TRUNCATE' or current_user <> 'introzy_lookup' then
      raise exception using errcode = '42501',
        message = format('%s of %s is refused: the audit log is only added to', tg_op, tg_table_name),
        hint = 'AUDIT_DAYS erases old entries. introzy_erase_audit_log erases those of an organization that is deleted, '
          'introzy_erase_audit_person the names of a person.';
    end if;
    return case tg_op when 'DELETE' then old else new end;
  end $$`,
  ...['audit_log', 'audit_seals', 'audit_seal_entries'].flatMap((table) => [
    `create trigger refuse_change before update or delete on ${table}
      for each row execute function introzy_refuse_audit_change()`,
    `create trigger refuse_truncation before truncate on ${table}
      for each statement execute function introzy_refuse_audit_change()`,
  ]),
];

/** The seals that a call of `introzy_erase_audit_log` erases at most, of up to 1,000 entries each. */
const SEALS_A_CALL = 20;

const CHAIN = `perform pg_advisory_xact_lock(hashtextextended('introzy audit ' || v_id, 0))`;

const functions = (schema: string) => [
  // The organizations with entries after `p_after`, an id, that are not sealed. The limit has PostgreSQL look into the log
  // of one organization after another, by the primary key: an index on the time would cost each insertion.
  `create function introzy_organizations_to_seal(p_after uuid) returns setof uuid
  language sql stable security definer
  begin atomic
    select o.id from organizations o, lateral (
      select from audit_log a where a.organization_id = o.id and a.id > p_after and not exists (
        select from audit_seal_entries e where e.organization_id = a.organization_id and e.id = a.id)
        limit 1) unsealed;
  end`,

  // Erases entries with their seals: with days, the oldest seals whose entries are all older, of the organization or
  // of any organization; without days, all entries of the organization. Gives the number of entries. With days, a call
  // erases a part: it is repeated until the number is 0.
  `create function introzy_erase_audit_log(p_organization_id uuid, p_days int) returns bigint
  language plpgsql security definer set search_path = ${schema}, pg_temp as $$
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
    ${CHAIN};
    if p_days is null then
      delete from audit_chains where organization_id = v_id;
      delete from audit_seal_entries where organization_id = v_id;
      delete from audit_seals where organization_id = v_id;
      delete from audit_log where organization_id = v_id;
      get diagnostics v_count = row_count;
      return v_count;
    end if;
    select oldest.* into v_last from (
      select * from audit_seals s where s.organization_id = v_id order by s.number limit ${SEALS_A_CALL}
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
  end $$`,

  // Takes a person out of the entries of all organizations: the person's name where the person acted or is the subject,
  // the person's places, and each name that is among `p_names`, such as the person's addresses. The digests of the
  // names stay, as db/auditHash.ts makes them, and the salts go: so the seals hold, and nobody can guess the names. Gives
  // the number of entries.
  `create function introzy_erase_audit_person(p_user_id uuid, p_names text[]) returns bigint
  language plpgsql security definer set search_path = ${schema}, pg_temp as $$
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
      ${CHAIN};
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
  end $$`,

  // The places of the names in an entry that belong to a person: `{/actor/name,/details/address}`.
  `create function introzy_audit_names_of(
    p_actor jsonb, p_subject jsonb, p_details jsonb, p_user_id uuid, p_names text[]) returns text[]
  language sql immutable
    return array(
      select place from unnest(array['/actor/name', '/subject/name', '/details/address', '/details/userAgent',
          '/details/from', '/details/to', '/details/from/description', '/details/to/description']) place,
        lateral (select jsonb_build_object('actor', p_actor, 'subject', p_subject, 'details', p_details)
          #> string_to_array(ltrim(place, '/'), '/') as value) found
        where jsonb_typeof(value) = 'string' and value <> '"(erased)"' and (
          lower(value #>> '{}') = any (p_names)
          or place = '/subject/name' and p_subject->>'id' = p_user_id::text
          or place in ('/actor/name', '/details/address', '/details/userAgent') and p_actor->>'id' = p_user_id::text))`,
];

const TO_SEAL = 'introzy_organizations_to_seal(uuid)';
const ERASURES = ['introzy_erase_audit_log(uuid, int)', 'introzy_erase_audit_person(uuid, text[])'];

const ownership = (schema: string) => [
  'grant introzy_lookup to current_user',
  `grant create on schema ${schema} to introzy_lookup`,
  ...[TO_SEAL, ...ERASURES].flatMap((name) => [
    `alter function ${name} owner to introzy_lookup`,
    `revoke execute on function ${name} from public`,
  ]),
  `grant execute on function ${TO_SEAL} to introzy_auth`,
  // For the owner of the tables alone.
  ...ERASURES.map((name) => `grant execute on function ${name} to current_user`),
  `revoke create on schema ${schema} from introzy_lookup`,
  'revoke introzy_lookup from current_user',
];
