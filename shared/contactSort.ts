import { z } from 'zod';
import { Cursor, decodeJsonCursor, encodeCursor, encodeJsonCursor, isVersion7, NOT_A_CURSOR } from './paging.ts';
import { isStorable } from './text.ts';

/** The orders of lists of contacts: `-` begins with the latest. Equal contacts are in the order of their ids. */
export const ContactSort = z.enum(['-createdAt', 'createdAt', '-updatedAt', 'updatedAt', 'name']);
export type ContactSort = z.infer<typeof ContactSort>;

/** The place of a page's first contact in a sort: the contact's id, and its time in milliseconds or its folded name. */
export interface ContactPlace {
  sort: ContactSort;
  key: string | number | null;
  id: string;
}

/** The years 1 to 9999, in milliseconds. JavaScript has earlier years than PostgreSQL. */
const FIRST_TIME = Date.parse('0001-01-01T00:00:00Z');
const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z');

const OtherPlace = z.union([
  z.tuple([z.literal('createdAt'), z.null(), z.string()]),
  z.tuple([z.enum(['-updatedAt', 'updatedAt']), z.int().min(FIRST_TIME).max(LAST_TIME), z.string()]),
  z.tuple([z.literal('name'), z.string().max(1_200).refine(isStorable), z.string()]),
]);

/**
 * The cursor of a list of contacts. In the default sort the cursor is an id, as in every list; in others it is the place
 * as JSON in base64url.
 */
export function encodePlace({ sort, key, id }: ContactPlace): string {
  if (sort === '-createdAt') return encodeCursor(id);
  return encodeJsonCursor([sort, key, id]);
}

/** Reads a cursor of a list of contacts. */
export const ContactCursor = z.string().transform((cursor, context): ContactPlace => {
  const ofDefault = Cursor.safeParse(cursor);
  if (ofDefault.success) return { sort: '-createdAt', key: null, id: ofDefault.data };
  const place = OtherPlace.safeParse(decodeJsonCursor(cursor));
  if (place.success && isVersion7(place.data[2])) return { sort: place.data[0], key: place.data[1], id: place.data[2] };
  context.addIssue({ code: 'custom', message: NOT_A_CURSOR });
  return z.NEVER;
});
