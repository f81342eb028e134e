import { encodeCursor } from '../shared/text.ts';

/** A page of the `limit` + 1 rows that were asked for: the last one, if it is there, begins the next page. */
export function toPage<T extends { id: string }>(rows: T[], limit: number): { items: T[]; nextCursor: string | null } {
  const next = rows[limit];
  return { items: rows.slice(0, limit), nextCursor: next ? encodeCursor(next.id) : null };
}
