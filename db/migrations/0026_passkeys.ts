import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

export const accepts = [
  {
    effect: 'changes the function introzy_session_member(uuid)',
    because: 'differs only for sessions that a passkey began, and the version before does not call the function',
  },
];

/**
 * Passkeys of persons (WebAuthn): the public halves of key pairs, whose private halves never leave a person's device.
 * Nothing in the table opens an account. `session_proofs.with_passkey`, of migration 0021, tells the sessions that a
 * passkey began.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  for (const statement of [...passkeys, ...lookups(rows[0]?.schema ?? 'public')]) await sql.raw(statement).execute(db);
}

const passkeys = [
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

const lookups = (schema: string) => [
  'create policy lookup on passkeys for select to introzy_lookup using (true)',
  'grant select (user_id) on passkeys to introzy_lookup',
  'create policy lookup on session_proofs for select to introzy_lookup using (true)',
  'grant select (session_id, with_passkey) on session_proofs to introzy_lookup',
  // For the question whether a passkey may be added or removed in a session without a second factor.
  'grant select (requires_factor) on organization_settings to introzy_auth',
  'grant introzy_lookup to current_user',
  `grant create on schema ${schema} to introzy_lookup`,
  // The function of migration 0025. A session that a passkey began has a second factor for as long as its person has
  // passkeys. The session of a person who came by the password alone has no second factor by the person's passkeys.
  `create or replace function introzy_session_member(p_session_id uuid)
  returns table (organization_id uuid, user_id uuid, role text, has_factor boolean, requires_factor boolean)
  language sql stable security definer
  begin atomic
    select m.organization_id, s.user_id, m.role,
        exists (select from two_factors f where f.user_id = s.user_id and f.verified)
          or exists (select from session_proofs p where p.session_id = s.id and p.with_passkey)
            and exists (select from passkeys k where k.user_id = s.user_id),
        coalesce(o.requires_factor, false)
      from sessions s
      join members m on m.organization_id = s.active_organization_id and m.user_id = s.user_id
      left join organization_settings o on o.id = m.organization_id
      where s.id = p_session_id and s.expires_at > now() and o.deleted_at is null;
  end`,
  `revoke create on schema ${schema} from introzy_lookup`,
  'revoke introzy_lookup from current_user',
];
