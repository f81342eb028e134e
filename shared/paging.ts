import { z } from 'zod';
import { documentAs } from './documentedAs.ts';
import { organizationId } from './text.ts';

/** An opaque cursor: the id of the page's first row, a UUID of version 7, in base64url: `AZmwoSw9fk-KW2x9jp8KGw`. */
export const Cursor = z.string().transform((cursor, context) => {
  const hex = CURSOR.test(cursor) ? Uint8Array.fromBase64(cursor, { alphabet: 'base64url' }).toHex() : '';
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  if (isVersion7(id)) return id;
  context.addIssue({ code: 'custom', message: 'Not a cursor of this list' });
  return z.NEVER;
});
/** 16 bytes in base64url: 22 characters, of which the last character holds two bits. */
const CURSOR = /^[\w-]{21}[AQgw]$/;
/** True for a UUID of version 7 in lower case. */
export const isVersion7 = (id: string) =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id);

/** Makes the cursor of the page whose first row has this id (a UUID). */
export const encodeCursor = (id: string) =>
  Uint8Array.fromHex(id.replaceAll('-', '')).toBase64({ alphabet: 'base64url', omitPadding: true });

/** Makes a cursor that has more than an id: JSON in base64url. */
export const encodeJsonCursor = (place: unknown): string =>
  new TextEncoder().encode(JSON.stringify(place)).toBase64({ alphabet: 'base64url', omitPadding: true });

/** The JSON of a cursor by `encodeJsonCursor`; `undefined` for any other text. */
export function decodeJsonCursor(cursor: string): unknown {
  try {
    const bytes = Uint8Array.fromBase64(cursor, { alphabet: 'base64url' });
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** What a caller reads whose cursor is none of the list's. */
export const NOT_A_CURSOR =
  'Not a cursor of this list: take the `nextCursor` of the page before, or begin without a cursor';

/**
 * The most bytes of a page's items, unless a single item is longer. An answer with a page stays within 4 MiB: the rest
 * is for what a door adds, which is at most 30 KB of tRPC's notes about dates.
 */
export const PAGE_BYTES = 4 * 1024 * 1024 - 64 * 1024;

/** The most bytes of all pages in the answer to a batch, unless single items are longer. The pages have equal parts. */
const BATCH_BYTES = 16 * 1024 * 1024;

/** The most bytes of a page in the answer to a batch of calls: `PAGE_BYTES` up to 4 calls, 0.8 MiB of 20 calls. */
export const pageBytesOf = (calls: number) => Math.min(PAGE_BYTES, Math.floor(BATCH_BYTES / calls));

/** A cursor of a request. `null` is none, as tRPC's hooks for endless lists say it. */
export const optionalCursor = <T extends z.ZodType>(cursor: T) =>
  documentAs(
    cursor.nullish().transform((given) => given ?? undefined),
    z.string(),
  )
    .optional()
    .describe('The `nextCursor` of the page before; leave it out for the first');

/** The input of every list: the page's size, and the cursor of the page's first row. */
export const PageRequest = z.strictObject({
  organizationId,
  limit: z.int().min(1).max(200).default(50).describe('Rows of a page, at most; a page of long rows ends at 4 MiB'),
  cursor: optionalCursor(Cursor),
  direction: z
    .enum(['forward', 'backward'])
    .optional()
    .describe('Taken, and of no effect: hooks of tRPC for endless lists send it'),
});

/** A page of a list, newest first. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable().describe('`null` on the last page') });
