import { type Kysely, sql } from 'kysely';
import type { Schema } from './schema.ts';

/**
 * Keeps a password reset that the operator made, for an hour, by the digest of what opens it, and ends every other reset
 * of the person. The log of each of the person's organizations says so. Gives the end of the hour. `db` is the
 * accounts'.
 */
export async function insertReset(
  db: Kysely<Schema>,
  { userId, identifier }: { userId: string; identifier: string },
): Promise<Date> {
  const { rows } = await sql<{ expiresAt: Date }>`
    with ended as (
      delete from verifications where value = ${userId}),
    made as (
      insert into verifications (id, identifier, value, expires_at)
        values (gen_random_uuid(), ${identifier}, ${userId}, now() + interval '1 hour')
        returning expires_at),
    noted as (
      insert into audit_log (organization_id, actor, action, subject)
        select m.organization_id, jsonb_build_object('type', 'operator', 'id', null, 'name', 'The operator'),
          'person.resetIssued', jsonb_build_object('type', 'person', 'id', u.id, 'name', u.email)
        from members m join users u on u.id = m.user_id where u.id = ${userId}
        order by m.organization_id)
    select expires_at as "expiresAt" from made`.execute(db);
  return (rows[0] as { expiresAt: Date }).expiresAt;
}
