import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

export const accepts = [
  {
    effect: 'changes the function introzy_audit_session()',
    because: 'writes the same entries for the version before, which does not set introzy.goes_on',
  },
];

/**
 * Second factors of persons: the seed of an authenticator app and the recovery codes, both sealed (db/sealedTexts.ts). A
 * code of the app is the time step's: `last_step` is the last step whose code was taken, so that no code is taken twice.
 * A person has a second factor once a code of the app was taken (`verified`).
 *
 * A session is no sign-in where the session goes on from another session, or where the session stands for the password
 * alone and is about to end, as the second factor is to come. The setting `introzy.goes_on` says so in the session's
 * transaction (server/auth/derivingAdapter.ts). The audit log has sign-ins only.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `create table two_factors (
    id uuid primary key,
    user_id uuid not null unique references users on delete cascade,
    secret text not null,
    backup_codes text not null,
    verified boolean not null default true,
    failed_verification_count int not null default 0,
    locked_until timestamptz(3),
    last_step bigint not null default 0
  )`,
  'alter table two_factors enable row level security',
  'create policy auth on two_factors to introzy_auth using (introzy_for_accounts()) with check (introzy_for_accounts())',
  'grant select, insert, update, delete on two_factors to introzy_auth',
  // The function of migration 0003.
  `create or replace function introzy_audit_session() returns trigger language plpgsql as $$
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
  end $$`,
  // Records in each organization of the person that the second factor was switched on or off. The operator says who they
  // are in `introzy.actor`.
  `create function introzy_audit_factor() returns trigger language plpgsql as $$
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
  end $$`,
  `create trigger audit after insert or delete or update of verified on two_factors for each row
    execute function introzy_audit_factor()`,
  'create policy lookup on two_factors for select to introzy_lookup using (true)',
  'grant select (user_id, verified) on two_factors to introzy_lookup',
];
