import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

export const accepts = [
  {
    effect:
      "reads or writes all of the table organizations: do $$ declare v_id uuid; begin for v_id in select id from organizations loop perform set_config('int",
    because: 'organizations and their invitations are few, and no row of a contact is read',
  },
  {
    effect: 'adds the trigger invitations.digest',
    because: 'raises nothing; the version before mails the secret that it made, whatever the row keeps',
  },
];

/**
 * The secret of an invitation opens an account, and stands in the mail alone: the row keeps a digest of the secret in its
 * place. A secret has 122 random bits, so that its digest needs no server secret.
 *
 * Links from before go on working. While instances of the version before still serve, they do not find an invitation by
 * its secret: another try finds a new instance.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  // The first 128 bits of the SHA-256 of the secret, as a UUID: server/auth/invitationSecret.ts computes the same.
  `create function introzy_invitation_digest(p_secret uuid) returns uuid language sql immutable
    return encode(substr(sha256(convert_to(p_secret::text, 'UTF8')), 1, 16), 'hex')::uuid`,
  `create function introzy_digest_invitation() returns trigger language plpgsql as $$
  begin
    new.id := introzy_invitation_digest(new.id);
    return new;
  end $$`,
  'create trigger digest before insert on invitations for each row execute function introzy_digest_invitation()',
  // Row-level security shows the rows of a single organization.
  `do $$
  declare
    v_id uuid;
  begin
    for v_id in select id from organizations loop
      perform set_config('introzy.organization_id', v_id::text, true);
      update invitations set id = introzy_invitation_digest(id) where organization_id = v_id;
    end loop;
    perform set_config('introzy.organization_id', '', true);
  end $$`,
];
