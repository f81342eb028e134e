import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

export const accepts = [
  {
    effect: 'adds the trigger contacts.audit_erasure',
    because: 'follows deletions of rows alone, and the version before deletes no row of a contact',
  },
];

/** Contacts can be erased: their rows are deleted, and the audit log keeps the id of each. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const schema = rows[0]?.schema ?? 'public';
  for (const statement of [...erasure(schema), ...lookups(schema)]) await sql.raw(statement).execute(db);
}

const erasure = (schema: string) => [
  'grant delete on contacts to introzy_app',
  // The entry names the contact by its id: whatever the contact held is gone. The contacts of an organization that is
  // removed leave no entry. A session that has an empty search path, as a restore has, can delete a contact too.
  `create function introzy_audit_erasure() returns trigger
  language plpgsql set search_path = ${schema}, pg_temp as $$
  begin
    insert into audit_log (organization_id, actor, action, subject)
      select id, introzy_actor(), 'contact.erased',
          jsonb_build_object('type', 'contact', 'id', old.id, 'name', old.id)
        from organizations where id = old.organization_id;
    return null;
  end $$`,
  'create trigger audit_erasure after delete on contacts for each row execute function introzy_audit_erasure()',
];

const lookups = (schema: string) => [
  // The organizations with contacts that were deleted at least `p_days` days ago. For the hourly work, and never for a
  // tenant. A day is 24 hours, whatever the time zone of the session.
  `create function introzy_organizations_to_erase_in(p_days int) returns setof uuid
  language sql stable security definer
  begin atomic
    select o.id from organizations o where exists (
      select from contacts c
        where c.organization_id = o.id and c.deleted_at <= now() - make_interval(hours => p_days * 24));
  end`,
  'grant introzy_lookup to current_user',
  `grant create on schema ${schema} to introzy_lookup`,
  'revoke execute on function introzy_organizations_to_erase_in(int) from public',
  'grant execute on function introzy_organizations_to_erase_in(int) to introzy_auth',
  'alter function introzy_organizations_to_erase_in(int) owner to introzy_lookup',
  `revoke create on schema ${schema} from introzy_lookup`,
  'revoke introzy_lookup from current_user',
];
