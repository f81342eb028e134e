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
