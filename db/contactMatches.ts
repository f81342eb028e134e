import { type RawBuilder, sql } from 'kysely';
import type { ContactCount } from '../shared/contacts.ts';
import { inTransaction, type Tenant } from './admission.ts';
import {
  type Conditions,
  countConditions,
  gather,
  matches,
  refuseForeignIds,
  type Sought,
  toSought,
} from './contactConditions.ts';
import { DEFAULT_SORT, indexedBy, isUnsettled, walk } from './contactWalk.ts';
import type { Outcome } from './outcome.ts';

interface Matching {
  organizationId: string;
  conditions: Conditions;
}

/** SQL of the ids that `gather` finds, of this organization's contacts alone, whatever the SQL function finds. */
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
 * Counts the contacts that meet all conditions, up to `MOST_COUNTED`. Failure: `elsewhere`, as `findMatching`. Contacts of
 * no condition, or of a company or a tag alone, are counted in an index of their own. Others have `milliseconds` with the
 * database: each is read, as the index of words may also find contacts that do not match.
 */
export async function countContacts(
  db: Tenant,
  { organizationId, conditions, milliseconds }: Matching & { milliseconds: number },
): Promise<Outcome<ContactCount>> {
  const failure = await refuseForeignIds(db, { organizationId, ids: conditions.ids });
  if (failure) return failure;
  const limit = MOST_COUNTED + 1;
  const sought = toSought(conditions);
  const asked = countConditions(sought);
  const by = indexedBy(sought);
  const isInOrder = asked === 0 || (asked === 1 && by !== undefined && !(await isUnsettled(db, organizationId)));
  const count =
    isInOrder && !sought.onlyDeleted
      ? await countRows(
          db,
          walk({ organizationId, sought, by, limit, sort: DEFAULT_SORT, cursor: undefined, isJudged: false }),
        )
      : await inTransaction(db, async (trx) => {
          await sql`select set_config('statement_timeout', ${String(milliseconds)}, true)`.execute(trx);
          return await countRows(trx, gatherOwn(organizationId, sought, limit));
        });
  return { count: Math.min(count, MOST_COUNTED), isExact: count <= MOST_COUNTED };
}

async function countRows(db: Tenant, contacts: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from (${contacts}) own`.execute(db);
  return rows[0]?.count ?? 0;
}
