import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { ContactPlace, ContactSort } from '../shared/contactSort.ts';
import { idBefore, JUDGED, type Sought } from './contactConditions.ts';

/** A sort's column beside the id, which decides between equal contacts; the direction of both. */
interface Order {
  column: 'updated_at' | 'name_fold' | undefined;
  isAscending: boolean;
}
const orders: Readonly<Record<ContactSort, Order>> = {
  '-createdAt': { column: undefined, isAscending: false },
  createdAt: { column: undefined, isAscending: true },
  '-updatedAt': { column: 'updated_at', isAscending: false },
  updatedAt: { column: 'updated_at', isAscending: true },
  name: { column: 'name_fold', isAscending: true },
};

/** Newest first. */
export const DEFAULT_SORT = '-createdAt' satisfies ContactSort;

/** SQL of a sort's order, of rows with `id`, `updated_at` and `name_fold`. */
export function orderBy(sort: ContactSort): RawBuilder<unknown> {
  const { column, isAscending } = orders[sort];
  const direction = sql.raw(isAscending ? 'asc' : 'desc');
  return column ? sql`${sql.ref(column)} ${direction}, id ${direction}` : sql`id ${direction}`;
}

/** SQL of a contact's key in a sort, as text: what a cursor has beside the id. Times are in milliseconds. */
export function keyOf(sort: ContactSort): RawBuilder<string | null> {
  const { column } = orders[sort];
  if (column === undefined) return sql`null::text`;
  return column === 'name_fold' ? sql`name_fold` : sql`(extract(epoch from updated_at) * 1000)::bigint::text`;
}
export const toPlace = ({ sort, id, key }: { sort: ContactSort; id: string; key: string | null }): ContactPlace => ({
  sort,
  id,
  key: orders[sort].column === 'updated_at' ? Number(key) : key,
});

/** SQL that is true for the contact at a place of a sort, and for all contacts behind the place. */
export function isFrom(place: ContactPlace | undefined, id = sql.ref<string>('id')): RawBuilder<SqlBool> {
  if (place === undefined) return sql`true`;
  const { column, isAscending } = orders[place.sort];
  const compare = sql.raw(isAscending ? '>=' : '<=');
  if (column === undefined) return sql`${id} ${compare} ${place.id}::uuid`;
  const key = column === 'updated_at' ? sql`${new Date(Number(place.key))}::timestamptz` : sql`${place.key}::text`;
  return sql`(${sql.ref(column)}, ${id}) ${compare} (${key}, ${place.id}::uuid)`;
}

export interface Walk {
  organizationId: string;
  sort: ContactSort;
  cursor: ContactPlace | undefined;
  sought: Sought;
  /** The index begins with a condition that every contact of the walk meets: the company, or the first tag. */
  by: 'company' | 'tag' | undefined;
  /** The most contacts; `undefined` for a walk whose reader ends the walk. */
  limit: number | undefined;
  /** The rows have the columns of `JUDGED` too. */
  isJudged: boolean;
}

/**
 * SQL of contacts in the order of an index: rows of `id`, `updated_at`, `name_fold`. Each index has the living or the
 * deleted contacts, so that no share of deleted contacts makes a page slower. With deleted contacts there are two walks,
 * which PostgreSQL merges. The primary key alone has all contacts in the order of creation.
 */
export function walk(each: Walk): RawBuilder<unknown> {
  const { sort, sought, by } = each;
  if (!sought.includeDeleted) return walkOf(each, false);
  if (by === undefined && orders[sort].column === undefined) return walkOf(each, undefined);
  const both = sql`select * from (${walkOf(each, false)}) living union all select * from (${walkOf(each, true)}) deleted`;
  return sql`select * from (${both}) contact order by ${orderBy(sort)} ${upTo(each.limit)}`;
}

function walkOf(each: Walk, isDeleted: boolean | undefined): RawBuilder<unknown> {
  const { organizationId, sort, cursor, sought, by, isJudged, limit } = each;
  const range = sql`${isFrom(cursor)} and ${isSince(sort, sought)}`;
  if (by === 'tag') {
    const tagged = sql`
      select contact_id as id, updated_at, name_fold from contact_tags
        where organization_id = ${organizationId} and is_deleted = ${sql.lit(isDeleted)} and tag_key = ${sought.tags?.[0]}`;
    const inRange = sql`
      select * from (${tagged}) tagged where ${range} order by ${orderBy(sort)} ${upTo(limit)}`;
    return isJudged
      ? sql`select * from (${inRange}) tagged cross join lateral (
          select ${JUDGED} from contacts where organization_id = ${organizationId} and contacts.id = tagged.id offset 0
        ) contact order by ${orderBy(sort)}`
      : inRange;
  }
  const isOfCompany = by === 'company' ? sql`company_fold = ${sought.company}` : sql`true`;
  const isInState =
    isDeleted === undefined ? sql`true` : isDeleted ? sql`deleted_at is not null` : sql`deleted_at is null`;
  return sql`
    select id, updated_at, name_fold ${isJudged ? sql`, ${JUDGED}` : sql``} from contacts
      where organization_id = ${organizationId} and ${isInState} and ${isOfCompany} and ${range}
      order by ${orderBy(sort)} ${upTo(limit)}`;
}

const upTo = (limit: number | undefined) => (limit === undefined ? sql`` : sql`limit ${limit}`);

/** Where a condition on time is in the sort's order, the walk ends with the condition's range. */
function isSince(sort: ContactSort, { createdSince, updatedSince }: Sought): RawBuilder<SqlBool> {
  const { column } = orders[sort];
  if (column === undefined && createdSince) return sql`id >= ${idBefore(createdSince)}::uuid`;
  if (column === 'updated_at' && updatedSince) return sql`updated_at >= ${updatedSince}`;
  return sql`true`;
}
