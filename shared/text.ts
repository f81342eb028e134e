import { z } from 'zod';

/** Counts characters as code points, as PostgreSQL's `char_length` does, not as UTF-16 units. */
const characters = (text: string) => [...text].length;

/** True where PostgreSQL can store `text`. PostgreSQL's UTF-8 has no NUL and no half of a surrogate pair. */
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

/**
 * The form in which texts are compared: trimmed, lower-case, NFC. NFC comes last, because some letters form a single
 * character with a mark only in lower case: `J̌` is two code points in NFC, and `ǰ` is a single code point.
 */
export const comparable = (written: string) => written.trim().toLowerCase().normalize('NFC');

/**
 * The form in which accounts keep an email address, and find the account of an address: `Ada@Example.com ` →
 * `ada@example.com`. Without NFC, as better-auth folds addresses in the same way.
 */
export const toAccountAddress = (email: string) => email.trim().toLowerCase();

/** An id in a caller's input: a UUID in upper or lower case. */
export const Id = z.guid({ error: 'Not a UUID' }).toLowerCase();
/** The organization that the caller means, by default the caller's own. Another organization is refused with 403. */
export const organizationId = Id.optional();
