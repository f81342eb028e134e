import { encodeCursor } from '../shared/paging.ts';

/** A page of a list; `nextCursor` is `null` on the last page. */
export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/**
 * Makes a page of `limit` rows out of at most `limit` + 1 rows that a query read. A surplus row begins the next page.
 */
export function toPage<T extends { id: string }>(rows: T[], limit: number): Page<T> {
  const next = rows[limit];
  return { items: rows.slice(0, limit), nextCursor: next ? encodeCursor(next.id) : null };
}
