import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

export const accepts = [
  {
    effect:
      "reads or writes all of the table organizations: do $$ declare v_id uuid; begin for v_id in select id from organizations loop perform set_config('int",
    because:
      'people and organizations are few, no row of a contact is read, and who may sign in must be settled before the first request',
  },
  {
    effect:
      'reads or writes all of the table sessions: delete from sessions where user_id in (select id from users where not email_verified)',
    because: 'sessions are few, and a person whose session ends signs in again in the version before',
  },
];

/**
 * An address is verified before it gives a membership.
 *
 * An invitation that awaits the verification of its address stands for the membership of a person whose account exists
 * already. The person is inviter and invited, as in no other invitation, and becomes a member once the address is verified.
 *
 * Accounts from before are verified where their person has proved the address: the operator made the account together
 * with an organization, or the account has accepted an invitation, whose secret only a mail to the address contained.
 * Every other account may belong to a stranger. It has no session until its address is verified, and the memberships
 * that the operator gave to it by the address alone await the verification. Organizations that its person made
 * themselves stay. The invitations that it has sent are cancelled: else the stranger would come back by one of them. Its
 * keys stop with the membership; `endUnprovedAccess` revokes them where another person verifies the address.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

/** Runs `work` for the id of each organization: row-level security shows the rows of a single organization. */
const inEachOrganization = (work: string) => `do $$
  declare
    v_id uuid;
  begin
    for v_id in select id from organizations loop
      perform set_config('introzy.organization_id', v_id::text, true);
      ${work};
    end loop;
    perform set_config('introzy.organization_id', '', true);
  end $$`;

const statements = [
  // The times of rows that a single transaction has made are the same.
  inEachOrganization(`update users set email_verified = true where not email_verified and (
      id in (select m.user_id from members m where m.organization_id = v_id and m.created_at = users.created_at)
      or email in (select i.email from invitations i where i.organization_id = v_id and i.status = 'accepted'))`),
  `delete from sessions where user_id in (select id from users where not email_verified)`,
  inEachOrganization(`update invitations set status = 'canceled'
      where organization_id = v_id and status = 'pending' and inviter_id in (select id from users where not email_verified)`),
  // The operator's command makes an organization, its first key and its owner in a single transaction. A person in the
  // dashboard makes the first key later.
  inEachOrganization(`with awaiting as (
        delete from members m using organizations o, users u
          where m.organization_id = v_id and o.id = v_id and u.id = m.user_id and not u.email_verified
            and m.role = 'owner' and m.created_at = o.created_at
            and exists (select from accounts a where a.user_id = u.id and a.password is not null)
            and exists (select from api_keys k where k.organization_id = v_id and k.created_at = o.created_at)
          returning m.user_id, m.role, u.email)
      insert into invitations (organization_id, id, email, role, inviter_id, expires_at)
        select v_id, gen_random_uuid(), email, role, user_id, now() + interval '10 years' from awaiting`),
];
