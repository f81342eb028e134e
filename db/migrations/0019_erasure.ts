import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

export const accepts = [
  {
    effect: 'adds the trigger api_keys.suspend',
    because: 'raises nothing, and changes only keys of organizations that are deleted',
  },
  {
    effect: 'changes the trigger api_keys.audit_change',
    because: 'the version before writes the same entries; it suspends no key',
  },
  {
    effect: 'changes the policy organizations.lookup',
    because: 'hides only organizations that are deleted',
  },
  {
    effect: 'changes the policy members.auth',
    because: 'hides only memberships of organizations that are deleted',
  },
];

/**
 * An organization that is deleted can be restored for 30 days. Its keys are revoked meanwhile, so that the admissions of
 * this version and of the version before refuse them as they are: `suspended_at` tells the restoration which keys were
 * not revoked before. Sessions do not enter the organization, as `introzy_session_person` no longer sees it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  'alter table organizations add column deleted_at timestamptz(3)',
  'alter table api_keys add column suspended_at timestamptz(3)',
  // The lock is in the way of a deletion alone: either the deletion sees the new key, or the key sees the deletion.
  `create function introzy_suspend_key() returns trigger language plpgsql as $$
  declare
    v_deleted_at timestamptz(3);
  begin
    select deleted_at into v_deleted_at from organizations where id = new.organization_id for share;
    if v_deleted_at is not null and new.revoked_at is null then
      new.revoked_at := v_deleted_at;
      new.suspended_at := v_deleted_at;
    end if;
    return new;
  end $$`,
  'create trigger suspend before insert on api_keys for each row execute function introzy_suspend_key()',
  // A suspension is no revocation of each key: the log would show revocations that a restoration takes back.
  `create or replace trigger audit_change after update of name, hint, expires_at, kept_at, revoked_at on api_keys
    for each row when (new.suspended_at is not distinct from old.suspended_at)
    execute function introzy_audit_api_key()`,
  'grant update (name, deleted_at) on organizations to introzy_app',
  `create policy tenant_change on organizations for update to introzy_app
    using (id = introzy_organization_id()) with check (id = introzy_organization_id())`,
  'grant select (deleted_at) on organizations to introzy_lookup',
  'alter policy lookup on organizations using (deleted_at is null)',
  `alter policy auth on members using (introzy_for_accounts() and not exists (
    select from organizations o where o.id = organization_id and o.deleted_at is not null))
    with check (introzy_for_accounts())`,
  'grant delete on contacts to introzy_app',
];
