import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

/** The calls of each key on each day in UTC, counted by outcome. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const schema = rows[0]?.schema ?? 'public';
  for (const part of [table, policies, lookups(schema)]) {
    for (const statement of part) await sql.raw(statement).execute(db);
  }
}

const table = [
  `create table api_key_days (
    organization_id uuid not null,
    api_key_id uuid not null,
    day date not null,
    ok bigint not null default 0,
    client_error bigint not null default 0,
    limited bigint not null default 0,
    failed bigint not null default 0,
    primary key (organization_id, api_key_id, day),
    foreign key (organization_id, api_key_id) references api_keys on delete cascade
  )`,
  // For the days that are too old to be kept, of all organizations.
  'create index api_key_days_day on api_key_days (day)',
];

const IS_OWN = 'organization_id = introzy_organization_id()';

const policies = [
  'alter table api_key_days enable row level security',
  'alter table api_key_days force row level security',
  `create policy tenant on api_key_days using (${IS_OWN}) with check (${IS_OWN})`,
  'create policy lookup on api_key_days for select to introzy_lookup using (true)',
  'grant select, insert, update, delete on api_key_days to introzy_app',
  'grant select (organization_id, day) on api_key_days to introzy_lookup',
];

const lookups = (schema: string) => [
  // The organizations with counts of days before the last `p_days` days. For the hourly work, and never for a tenant.
  `create function introzy_organizations_to_trim(p_days int) returns setof uuid
  language sql stable security definer
  begin atomic
    select distinct organization_id from api_key_days where day <= (now() at time zone 'UTC')::date - p_days;
  end`,
  'grant introzy_lookup to current_user',
  `grant create on schema ${schema} to introzy_lookup`,
  'revoke execute on function introzy_organizations_to_trim(int) from public',
  'grant execute on function introzy_organizations_to_trim(int) to introzy_auth',
  'alter function introzy_organizations_to_trim(int) owner to introzy_lookup',
  `revoke create on schema ${schema} from introzy_lookup`,
  'revoke introzy_lookup from current_user',
];
