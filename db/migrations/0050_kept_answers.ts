import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

export const accepts = [
  {
    effect: 'adds the trigger contacts.forget_answers',
    because: 'follows deletions of rows alone, and writes into a table that the version before does not know',
  },
];

/**
 * The answers of calls with an idempotency key, for 24 hours. Neither the key nor the request is kept, but a digest of
 * each. `answer` is null where the answer is not kept, or was erased: the call is not done again all the same. `subject_id`
 * is the contact or the API key that the answer is about.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const schema = rows[0]?.schema ?? 'public';
  for (const part of [table, policies, functions(schema), lookups(schema)]) {
    for (const statement of part) await sql.raw(statement).execute(db);
  }
}

const table = [
  `create table kept_answers (
    organization_id uuid not null references organizations on delete cascade,
    caller_id uuid not null,
    key_digest bytea not null,
    request_digest bytea not null,
    subject_id uuid,
    expires_at timestamptz(3) not null,
    answer text,
    primary key (organization_id, caller_id, key_digest)
  )`,
  // For the erasure of contacts.
  `create index kept_answers_subject on kept_answers (organization_id, subject_id)
    where subject_id is not null and answer is not null`,
  // For the hourly work. Rows come in the order of their expiry, so that a few pages describe them all.
  'create index kept_answers_expires_at on kept_answers using brin (expires_at) with (pages_per_range = 16)',
];

const IS_OWN = 'organization_id = introzy_organization_id()';

const policies = [
  'alter table kept_answers enable row level security',
  'alter table kept_answers force row level security',
  `create policy tenant on kept_answers using (${IS_OWN}) with check (${IS_OWN})`,
  'create policy lookup on kept_answers for select to introzy_lookup using (true)',
  'grant select, insert, update, delete on kept_answers to introzy_app',
  'grant select (organization_id, expires_at) on kept_answers to introzy_lookup',
];

const functions = (schema: string) => [
  // Waits for a call with the same key that is under way, until that call's transaction ends. Each statement of the function
  // sees what was committed before the statement, so that the second sees the other call's answer.
  `create function introzy_claim_answer(p_organization_id uuid, p_caller_id uuid, p_key_digest bytea) returns void
  language plpgsql as $$
  begin
    perform pg_advisory_xact_lock(hashtextextended('introzy answer ' || p_caller_id || encode(p_key_digest, 'hex'), 0));
    if exists (select from kept_answers
        where organization_id = p_organization_id and caller_id = p_caller_id and key_digest = p_key_digest
          and expires_at > now()) then
      raise exception 'The answer is kept' using errcode = 'IZ409';
    end if;
  end $$`,
  // A call keeps its answer before the call unlocks the contact: whoever erases the contact finds the answer.
  `create function introzy_forget_answers() returns trigger
  language plpgsql set search_path = ${schema}, pg_temp as $$
  begin
    update kept_answers k set answer = null
      from erased e
      where k.organization_id = e.organization_id and k.subject_id = e.id and k.answer is not null;
    return null;
  end $$`,
  `create trigger forget_answers after delete on contacts referencing old table as erased
    for each statement execute function introzy_forget_answers()`,
];

const lookups = (schema: string) => [
  // The organizations with answers that are kept no longer. For the hourly work, and never for a tenant.
  `create function introzy_organizations_with_old_answers() returns setof uuid
  language sql stable security definer
  begin atomic
    select distinct organization_id from kept_answers where expires_at <= now();
  end`,
  'grant introzy_lookup to current_user',
  `grant create on schema ${schema} to introzy_lookup`,
  'revoke execute on function introzy_organizations_with_old_answers() from public',
  'grant execute on function introzy_organizations_with_old_answers() to introzy_auth',
  'alter function introzy_organizations_with_old_answers() owner to introzy_lookup',
  `revoke create on schema ${schema} from introzy_lookup`,
  'revoke introzy_lookup from current_user',
];
