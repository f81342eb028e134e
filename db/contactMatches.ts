import { sql } from 'kysely';
import type { ContactCount } from '../shared/contacts.ts';
import type { Tenant } from './admission.ts';
import {
  type Conditions,
  countConditions,
  gather,
  matches,
  refuseForeignIds,
  type Sought,
  toSought,
} from './contactConditions.ts';
import { DEFAULT_SORT, indexedBy, isUnsettled, type Walk, walk } from './contactWalk.ts';
import type { Outcome } from './outcome.ts';

interface Matching {
  organizationId: string;
  conditions: Conditions;
}

/**
 * SQL of the ids that `gather` finds, of this organization's contacts alone, whatever the SQL function finds. The contact
 * itself is asked: another organization may have a contact of the same id that meets the conditions.
 */
function gatherOwn(organizationId: string, sought: Sought, limit: number) {
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
    select id from (${gatherOwn(organizationId, toSought(conditions), limit)}) own`.execute(db);
  return rows.map(({ id }) => id);
}

/** The most contacts that a count counts. */
const MOST_COUNTED = 100_000;

/**
 * Counts the contacts that meet all conditions, up to `MOST_COUNTED`. Failure: `elsewhere`, as `findMatching`. Without
 * a condition, and by a single company, tag or time, the contacts are counted in the index that has these contacts in order.
 */
export async function countContacts(
  db: Tenant,
  { organizationId, conditions }: Matching,
): Promise<Outcome<ContactCount>> {
  const failure = await refuseForeignIds(db, { organizationId, ids: conditions.ids });
  if (failure) return failure;
  const limit = MOST_COUNTED + 1;
  const sought = toSought(conditions);
  const order = await findOrder(db, organizationId, sought);
  const contacts = order
    ? walk({ organizationId, sought, ...order, limit, cursor: undefined, isJudged: false })
    : gatherOwn(organizationId, sought, limit);
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from (${contacts}) own`.execute(db);
  const count = rows[0]?.count ?? 0;
  return { count: Math.min(count, MOST_COUNTED), isExact: count <= MOST_COUNTED };
}

/** The walk that has the contacts that meet the conditions, and no others; `undefined` where there is no such walk. */
async function findOrder(
  db: Tenant,
  organizationId: string,
  sought: Sought,
): Promise<Pick<Walk, 'by' | 'sort'> | undefined> {
  const asked = countConditions(sought);
  const { createdSince, updatedSince, onlyDeleted } = sought;
  if (onlyDeleted || asked > 1) return undefined;
  const by = indexedBy(sought);
  const isInOrder = by
    ? !(await isUnsettled(db, organizationId))
    : asked === 0 || createdSince !== undefined || updatedSince !== undefined;
  return isInOrder ? { by, sort: updatedSince ? '-updatedAt' : DEFAULT_SORT } : undefined;
}
