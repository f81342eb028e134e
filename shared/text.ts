import { z } from 'zod';

/** Characters as a person counts them: code points, as PostgreSQL's char_length does, not UTF-16 units. */
const characters = (text: string) => [...text].length;

/** Text that PostgreSQL can keep: no NUL, and no half of a surrogate pair (neither has a place in its UTF-8). */
export const isStorable = (text: string) => !text.includes('\0') && text.isWellFormed();
export const STORABLE = 'Must not contain NUL or lone surrogates';

/** Trimmed text of 1 to `most` characters. */
export const line = (most: number) => {
  const range = `Must be 1 to ${most} characters`;
  return z
    .string()
    .refine(isStorable, STORABLE)
    .trim()
    .min(1, range)
    .refine((text) => characters(text) <= most, range)
    .meta({ maxLength: most });
};

/** Text as written, of at most `most` characters. */
export const text = (most: number) =>
  z
    .string()
    .refine(isStorable, STORABLE)
    .refine((written) => characters(written) <= most, `Must be at most ${most} characters`)
    .meta({ maxLength: most });

/** How text is compared: trimmed, lower-case, NFC. In this order: as small letters alone, some are one with a mark. */
export const comparable = (written: string) => written.trim().toLowerCase().normalize('NFC');

/** An id as a caller gives it. */
export const Id = z.guid({ error: 'Not a UUID' }).toLowerCase();
/** The organization that the caller means. Optional: it is the key's own; another one is refused. */
export const organizationId = Id.optional();

/** An opaque cursor: the id of the row that the page begins with, base64url. */
const Cursor = z.string().transform((cursor, context) => {
  const hex = CURSOR.test(cursor) ? Uint8Array.fromBase64(cursor, { alphabet: 'base64url' }).toHex() : '';
  if (VERSION_7.test(hex)) return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  context.addIssue({ code: 'custom', message: 'Not a cursor of this list' });
  return z.NEVER;
});
/** 16 bytes, of which the last character holds two bits. */
const CURSOR = /^[\w-]{21}[AQgw]$/;
const VERSION_7 = /^.{12}7.{3}[89ab]/;

/** The cursor of the page that begins with the row of this id (a UUID). */
export const encodeCursor = (id: string) =>
  Uint8Array.fromHex(id.replaceAll('-', '')).toBase64({ alphabet: 'base64url', omitPadding: true });

/** How a list is asked for, page by page. */
export const PageRequest = z.strictObject({
  organizationId,
  limit: z.int().min(1).max(200).default(50).describe('Rows of a page'),
  cursor: Cursor.optional().describe('The `nextCursor` of the page before; leave it out for the first'),
});

/** A page of a list, newest first. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable().describe('`null` on the last page') });
