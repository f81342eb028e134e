import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

/**
 * Notices of expiries go out 30, 7 and 1 days ahead, to the holder of a key's newest secret and to all owners. A row of
 * `api_key_notices` says that a notice was sent to a person, or that an instance is sending the notice.
 *
 * The version before sends a single notice, 7 days ahead, and notes it in `api_keys.expiry_notice_for`. Instances of
 * that version go on so beside this version, by `introzy_organizations_to_notify`.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const schema = rows[0]?.schema ?? 'public';
  for (const part of [tables, policies, views, lookups(schema)]) {
    for (const statement of part) await sql.raw(statement).execute(db);
  }
}

const tables = [
  // Whoever leaves the organization leaves no row behind.
  `create table api_key_notices (
    organization_id uuid not null,
    api_key_id uuid not null,
    expires_at timestamptz(3) not null,
    days smallint not null,
    user_id uuid not null,
    claimed_until timestamptz(3) not null,
    sent_at timestamptz(3),
    primary key (organization_id, api_key_id, expires_at, days, user_id),
    foreign key (organization_id, api_key_id) references api_keys on delete cascade,
    foreign key (organization_id, user_id) references members (organization_id, user_id) on delete cascade
  )`,
  'create index api_key_notices_expires_at on api_key_notices (expires_at)',
];

const IS_OWN = 'organization_id = introzy_organization_id()';

const policies = [
  'alter table api_key_notices enable row level security',
  'alter table api_key_notices force row level security',
  `create policy tenant on api_key_notices using (${IS_OWN}) with check (${IS_OWN})`,
  'create policy lookup on api_key_notices for select to introzy_lookup using (true)',
  'grant select, insert, update (claimed_until, sent_at), delete on api_key_notices to introzy_app',
  `grant select (organization_id, api_key_id, expires_at, days, user_id, claimed_until, sent_at) on api_key_notices
    to introzy_lookup`,
  'grant select (hint, created_by_type, created_by_id) on api_keys to introzy_lookup',
  'grant select (id, hint, holder_id, created_at) on api_key_secrets to introzy_lookup',
  'grant select (created_at) on members to introzy_lookup',
];

const views = [
  // The notices that are due: a row for each key that expires soon and each person to tell, of the one stage (30, 7 or
  // 1 days) that the key has reached. Whoever asks is held by the policies.
  //
  // - The newest secret of a key has the key's hint. The version before writes secrets without a hint.
  // - `holder_id` is what `introzy_holder` gives; `introzy_lookup` may not read the whole row of a secret. A key
  //   whose holder has left does not work, so that nobody needs a notice.
  // - A key that was made for 30 days has no notice 30 days ahead: the notice would come with the key. A rotation counts
  //   the days from its beginning, and makes the secret minutes later where the rotation has to wait for a lock.
  // - `is_first` is true for the person whom the version before tells, and tells alone. `expiry_notice_for` is the
  //   expiry of which that version has told, or a time in the near future while that version tells.
  `create view api_key_notices_due with (security_invoker = true) as
    select k.organization_id, k.id as api_key_id, k.expires_at, stage.days::smallint as days, m.user_id, m.role,
        newest.holder_id, coalesce(m.user_id = told.user_id, false) as is_first
      from api_keys k
      cross join lateral (
        select min(days) as days from (values (30), (7), (1)) stages (days)
          where k.expires_at <= now() + make_interval(hours => 24 * days)) stage
      cross join lateral (
        select s.created_at, case when s.id is not null then s.holder_id
            when k.created_by_type = 'person' then k.created_by_id::uuid end as holder_id
          from api_key_secrets s where s.organization_id = k.organization_id and s.api_key_id = k.id
          order by coalesce(s.hint, k.hint) = k.hint desc, s.created_at desc limit 1) newest
      left join lateral (
        select t.user_id from members t
          where t.organization_id = k.organization_id and (t.role = 'owner' or t.user_id::text = k.created_by_id)
          order by t.user_id::text = k.created_by_id desc, t.created_at limit 1) told on true
      join members m on m.organization_id = k.organization_id and (m.role = 'owner' or m.user_id = newest.holder_id)
      left join api_key_notices n on n.organization_id = k.organization_id and n.api_key_id = k.id
        and n.expires_at = k.expires_at and n.days = stage.days and n.user_id = m.user_id
      where k.revoked_at is null and k.expires_at > now() and k.expires_at <= now() + make_interval(hours => 24 * 30)
        and (newest.holder_id is null or exists (
          select from members h where h.organization_id = k.organization_id and h.user_id = newest.holder_id))
        and (stage.days < 30 or k.expires_at - newest.created_at
          not between make_interval(hours => 24 * 30, mins => -10) and make_interval(hours => 24 * 30))
        and n.sent_at is null and (n.claimed_until is null or n.claimed_until <= now())
        and (stage.days = 7 and m.user_id = told.user_id and (k.expiry_notice_for = k.expires_at
          or k.expiry_notice_for between now() and now() + make_interval(mins => 30))) is not true`,
  'grant select on api_key_notices_due to introzy_app, introzy_lookup',
];

const lookups = (schema: string) => [
  // The organizations in which a notice is due, or rows of past expiries wait for their deletion.
  `create function introzy_organizations_with_notices() returns setof uuid
  language sql stable security definer
  begin atomic
    select organization_id from api_key_notices_due
      union select organization_id from api_key_notices where expires_at <= now();
  end`,
  'grant introzy_lookup to current_user',
  `grant create on schema ${schema} to introzy_lookup`,
  'revoke execute on function introzy_organizations_with_notices() from public',
  'grant execute on function introzy_organizations_with_notices() to introzy_auth',
  'alter function introzy_organizations_with_notices() owner to introzy_lookup',
  `revoke create on schema ${schema} from introzy_lookup`,
  'revoke introzy_lookup from current_user',
];
