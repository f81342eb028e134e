import { encodeCursor, PAGE_BYTES } from '../shared/paging.ts';

/** A page of a list; `nextCursor` is `null` on the last page. */
export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/**
 * Makes a page of at most `limit` rows and `PAGE_BYTES` out of at most `limit` + 1 rows that a query read. The first row
 * without room begins the next page. A page has at least one row, however long the row is.
 */
export function toPage<T extends { id: string }>(rows: T[], limit: number): Page<T> {
  const length = Math.min(countFitting(rows), limit);
  const next = rows[length];
  return { items: rows.slice(0, length), nextCursor: next ? encodeCursor(next.id) : null };
}

/** The number of first rows that fit into a page together, as JSON. */
function countFitting(rows: readonly unknown[]): number {
  let bytes = 0;
  const firstWithout = rows.findIndex((row) => (bytes += Buffer.byteLength(JSON.stringify(row)) + 1) > PAGE_BYTES);
  return firstWithout === -1 ? rows.length : Math.max(firstWithout, 1);
}
