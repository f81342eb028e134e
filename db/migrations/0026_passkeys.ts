import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

/**
 * Passkeys of persons (WebAuthn): the public halves of key pairs, whose private halves never leave a person's device.
 * Nothing in the table opens an account.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `create table passkeys (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    name text not null,
    credential_id text not null unique,
    public_key text not null,
    counter bigint not null,
    device_type text not null,
    backed_up boolean not null,
    transports text,
    aaguid text,
    created_at timestamptz(3) not null default now(),
    last_used_at timestamptz(3)
  )`,
  'create index passkeys_user on passkeys (user_id)',
  'alter table passkeys enable row level security',
  'create policy auth on passkeys to introzy_auth using (introzy_for_accounts()) with check (introzy_for_accounts())',
  'grant select, insert, update, delete on passkeys to introzy_auth',
  // Records in each organization of the person that a passkey was added or removed. The operator says who they are in
  // `introzy.actor`. A passkey that ends with its person finds no person, and records nothing.
  `create function introzy_audit_passkey() returns trigger language plpgsql as $$
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
  end $$`,
  'create trigger audit after insert or delete on passkeys for each row execute function introzy_audit_passkey()',
];
