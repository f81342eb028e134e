import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { ContactPlace, ContactSort } from '../shared/contactSort.ts';
import type { Tenant } from './admission.ts';
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
  limit: number;
  /** The caller judges each row by all conditions: the rows have the columns of `JUDGED` too. */
  isJudged: boolean;
}

/**
 * SQL of contacts in the order of an index: rows of `id`, `updated_at`, `name_fold`. Each index has the living or the
 * deleted contacts, so that no share of deleted contacts makes a page slower. With deleted contacts there are two walks,
 * which PostgreSQL merges. The primary key alone has all contacts in the order of creation.
 */
export function walk(each: Walk): RawBuilder<unknown> {
  const { organizationId, sort, sought, by, isJudged, limit } = each;
  const hasAll = sought.includeDeleted && by === undefined && orders[sort].column === undefined;
  const states = hasAll ? [undefined] : sought.includeDeleted ? [false, true] : [false];
  const contacts = sql`(${sql.join(
    states.map((isDeleted) => sql`(${walkOf(each, isDeleted)})`),
    sql` union all `,
  )}) walked`;
  const judged = sql`cross join lateral (
    select ${JUDGED} from contacts where organization_id = ${organizationId} and contacts.id = walked.id offset 0) judged`;
  return sql`
    select * from ${contacts} ${by === 'tag' && isJudged ? judged : sql``} order by ${orderBy(sort)} limit ${limit}`;
}

/** Each part of a walk has the whole walk's limit, so that PostgreSQL reads the part's index in order. */
function walkOf(each: Walk, isDeleted: boolean | undefined): RawBuilder<unknown> {
  const { organizationId, sort, cursor, sought, by, isJudged, limit } = each;
  const inOrder = sql`order by ${orderBy(sort)} limit ${limit}`;
  if (by === 'tag') {
    return sql`
      select contact_id as id, updated_at, name_fold from contact_tags
        where organization_id = ${organizationId} and is_deleted = ${sql.lit(isDeleted)}
          and tag_key = ${sought.tags?.[0]} and ${isFrom(cursor, sql.ref('contact_id'))} and ${isSince(each)} ${inOrder}`;
  }
  const isOfCompany = by === 'company' ? sql`company_fold = ${sought.company}` : sql`true`;
  const isInState =
    isDeleted === undefined ? sql`true` : isDeleted ? sql`deleted_at is not null` : sql`deleted_at is null`;
  return sql`
    select id, updated_at, name_fold ${isJudged ? sql`, ${JUDGED}` : sql``} from contacts
      where organization_id = ${organizationId} and ${isInState} and ${isOfCompany} and ${isFrom(cursor)} and ${isSince(each)}
      ${inOrder}`;
}

/**
 * Where a condition on time is in the sort's order, the walk ends with the condition's range. Where the caller judges the
 * rows, a contact at the end of the range that is a little too old counts towards the limit, so that the limit bounds the
 * contacts that are read.
 */
function isSince({ sort, sought: { createdSince, updatedSince }, by, isJudged }: Walk): RawBuilder<SqlBool> {
  const { column } = orders[sort];
  if (column === undefined && createdSince) {
    const isInRange = sql<SqlBool>`${by === 'tag' ? sql.ref('contact_id') : sql.ref('id')} >= ${idBefore(createdSince)}::uuid`;
    return isJudged ? isInRange : sql`${isInRange} and created_at >= ${createdSince}`;
  }
  if (column === 'updated_at' && updatedSince) return sql`updated_at >= ${updatedSince}`;
  return sql`true`;
}

/** The condition by which an index finds contacts in order: the company, else the first tag. */
export function indexedBy({ company, tags }: Sought): Walk['by'] {
  return company !== undefined ? 'company' : tags !== undefined ? 'tag' : undefined;
}

/** SQL of a row where there are contacts in a form before 2, which the indexes of companies and tags do not have. */
export const unsettled = (organizationId: string) =>
  sql`select from contacts where organization_id = ${organizationId} and form < 2 limit 1`;
export async function isUnsettled(db: Tenant, organizationId: string): Promise<boolean> {
  const { rows } = await unsettled(organizationId).execute(db);
  return rows.length > 0;
}
