import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

export const accepts = [
  {
    effect: 'drops or renames the trigger sessions.audit',
    because:
      'the trigger comes back in the same transaction, with a condition that each session of the version before meets',
  },
  {
    effect: 'adds the trigger sessions.audit',
    because: 'is the trigger from before: the default of is_sign_in has the version before write the same entries',
  },
  {
    effect: 'adds the trigger users.audit_factor',
    because: 'follows changes of two_factor_enabled alone, and the version before does not write that column',
  },
];

/**
 * Second factors of persons: the seed of an authenticator app and the recovery codes, both sealed (db/sealedTexts.ts). A
 * code of the app is the time step's: `last_step` is the last step whose code was taken, so that no code is taken twice.
 *
 * A session is no sign-in where it goes on from another session, or where it stands for the password alone and is about
 * to end, as the second factor is to come. The audit log has sign-ins only.
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
  'alter table users add column two_factor_enabled boolean not null default false',
  'alter table sessions add column is_sign_in boolean not null default true',
  'drop trigger audit on sessions',
  `create trigger audit after insert on sessions for each row when (new.is_sign_in)
    execute function introzy_audit_session()`,
  // Records in each organization of the person that the second factor was switched on or off. The operator says who they
  // are in `introzy.actor`.
  `create function introzy_audit_factor() returns trigger language plpgsql as $$
  declare
    v_person jsonb := jsonb_build_object('type', 'person', 'id', new.id, 'name', new.email);
    v_actor jsonb := case when current_setting('introzy.actor', true) = 'operator' then introzy_actor() else v_person end;
  begin
    insert into audit_log (organization_id, actor, action, subject)
      select organization_id, v_actor,
          case when new.two_factor_enabled then 'person.factorOn' else 'person.factorOff' end, v_person
        from members where user_id = new.id;
    return null;
  end $$`,
  `create trigger audit_factor after update of two_factor_enabled on users for each row
    when (new.two_factor_enabled <> old.two_factor_enabled) execute function introzy_audit_factor()`,
];
