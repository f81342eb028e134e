import { sql } from 'kysely';
import type { ContactCount } from '../shared/contacts.ts';
import type { Tenant } from './admission.ts';
import { type Conditions, gather, matches, refuseForeignIds, toSought } from './contactConditions.ts';
import type { Outcome } from './outcome.ts';

interface Matching {
  organizationId: string;
  conditions: Conditions;
}

/** SQL of the ids that `gather` finds, of this organization's contacts alone, whatever the SQL function finds. */
function gatherOwn(organizationId: string, conditions: Conditions, limit: number) {
  const sought = toSought(conditions);
  return sql`
    select contact.id from (${gather(organizationId, sought, { limit })}) found cross join lateral (
      select id from contacts
        where organization_id = ${organizationId} and contacts.id = found.id and ${matches(sought)} offset 0
    ) contact`;
}

/**
 * Finds the ids of up to `limit` contacts that meet all conditions, in no order. Failure: `elsewhere`, where any of the
 * conditions' `ids` is another organization's.
 */
export async function findMatching(
  db: Tenant,
  { organizationId, conditions, limit }: Matching & { limit: number },
): Promise<Outcome<string[]>> {
  const failure = await refuseForeignIds(db, { organizationId, ids: conditions.ids });
  if (failure) return failure;
  const { rows } = await sql<{ id: string }>`
    select id from (${gatherOwn(organizationId, conditions, limit)}) own`.execute(db);
  return rows.map(({ id }) => id);
}

/** The most contacts that a count counts. */
const MOST_COUNTED = 100_000;

/** Counts the contacts that meet all conditions, up to `MOST_COUNTED`. Failure: `elsewhere`, as `findMatching`. */
export async function countContacts(
  db: Tenant,
  { organizationId, conditions }: Matching,
): Promise<Outcome<ContactCount>> {
  const failure = await refuseForeignIds(db, { organizationId, ids: conditions.ids });
  if (failure) return failure;
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from (${gatherOwn(organizationId, conditions, MOST_COUNTED + 1)}) own`.execute(db);
  const count = rows[0]?.count ?? 0;
  return { count: Math.min(count, MOST_COUNTED), isExact: count <= MOST_COUNTED };
}
