import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

/**
 * An invitation is opened by a token of its own, whose digest alone is kept. An invitation without a digest, from the
 * version before, opens nothing in this version until it is sent anew. Sending anew changes the invitation in its row.
 *
 * The version before inserts rows without a digest, and cancels rows, as it did.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  'alter table invitations add token_digest text',
  `grant update (token_digest, role, inviter_id, expires_at) on invitations to introzy_app`,
  // The audit log gets an entry for an invitation that is sent anew, as for a new invitation.
  `create or replace function introzy_audit_invitation() returns trigger language plpgsql as $$
  declare
    v_subject jsonb := jsonb_build_object('type', 'invitation', 'id', new.reference, 'name', new.email);
  begin
    -- The new member's entry says that the invitation was accepted.
    if tg_op = 'INSERT' or old.status = 'pending' and new.status in ('pending', 'canceled') then
      insert into audit_log (organization_id, actor, action, subject, details) values (new.organization_id,
        introzy_actor(), case when new.status = 'canceled' then 'member.invitationCancelled' else 'member.invited' end,
        v_subject, jsonb_build_object('role', new.role));
    end if;
    return null;
  end $$`,
];
