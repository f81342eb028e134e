import { sql } from 'kysely';
import type { Tenant } from './admission.ts';
import { type Conditions, matches, toSought } from './contactConditions.ts';
import type { Outcome } from './outcome.ts';

/** Finds the ids of up to `limit` contacts that meet all conditions, in no order. */
export async function findMatching(
  db: Tenant,
  {
    organizationId,
    conditions,
    isDeleted = false,
    limit,
  }: { organizationId: string; conditions: Conditions; isDeleted?: boolean; limit: number },
): Promise<Outcome<string[]>> {
  const { rows } = await sql<{ id: string }>`
    select id from contacts where organization_id = ${organizationId} and deleted_at is ${isDeleted ? sql`not null` : sql`null`}
      and ${matches(toSought(conditions))} limit ${limit}`.execute(db);
  return rows.map(({ id }) => id);
}
