import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

export const accepts = [
  {
    effect: 'adds the trigger organization_settings.audit_factor',
    because: 'follows changes of requires_factor alone, and the version before does not write that column',
  },
];

/**
 * An organization can require that its members have a second factor. The version before finds a session's person by
 * `introzy_session_person`, and requires nothing.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  for (const statement of [...settings, ...lookups(rows[0]?.schema ?? 'public')]) await sql.raw(statement).execute(db);
}

const settings = [
  'alter table organization_settings add column requires_factor boolean not null default false',
  `create function introzy_audit_required_factor() returns trigger language plpgsql as $$
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
  end $$`,
  `create trigger audit_factor after insert or update of requires_factor on organization_settings for each row
    execute function introzy_audit_required_factor()`,
];

const lookups = (schema: string) => [
  // The person of a session, with the person's role in the session's active organization, and with the second factor: what
  // the person has, and what the organization requires. No row where the session has expired, or the person is no member.
  `create function introzy_session_member(p_session_id uuid)
  returns table (organization_id uuid, user_id uuid, role text, has_factor boolean, requires_factor boolean)
  language sql stable security definer
  begin atomic
    select m.organization_id, s.user_id, m.role,
        exists (select from two_factors f where f.user_id = s.user_id and f.verified),
        coalesce(o.requires_factor, false)
      from sessions s
      join members m on m.organization_id = s.active_organization_id and m.user_id = s.user_id
      left join organization_settings o on o.id = m.organization_id
      where s.id = p_session_id and s.expires_at > now() and o.deleted_at is null;
  end`,
  'grant select (requires_factor) on organization_settings to introzy_lookup',
  'grant introzy_lookup to current_user',
  `grant create on schema ${schema} to introzy_lookup`,
  'revoke execute on function introzy_session_member(uuid) from public',
  'grant execute on function introzy_session_member(uuid) to introzy_app',
  'alter function introzy_session_member(uuid) owner to introzy_lookup',
  `revoke create on schema ${schema} from introzy_lookup`,
  'revoke introzy_lookup from current_user',
];
