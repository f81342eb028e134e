import { z } from 'zod';
import { flawOfLine, flawOfLines, trimBlanks } from './characters.ts';
import { decodePercent, findKeys } from './keyFormat.ts';

/** Counts characters as code points, as PostgreSQL's `char_length` does, not as UTF-16 units. */
const characters = (text: string) => [...text].length;

/** True where PostgreSQL can store `text`. PostgreSQL's UTF-8 has no NUL and no half of a surrogate pair. */
export const isStorable = (text: string) => !text.includes('\0') && text.isWellFormed();
export const STORABLE = 'Must not contain NUL or lone surrogates';

/**
 * True where `text` has no key in it: a key is kept as a digest alone, and in no text. A key in an address may be
 * percent-encoded, and what is compared or searched is kept in lower case as well.
 */
export const isWithoutKey = (text: string) => findKeys(decodePercent(text).toLowerCase()).length === 0;
export const WITHOUT_KEY =
  'Must not contain an API key: take the key out, and rotate the key if others may have seen the key here';

type FlawOf = (text: string) => string | undefined;
/** Text in which `flawOf` finds no flaw, to keep. */
const kept = <T extends z.ZodType<string, string>>(schema: T, flawOf: FlawOf) =>
  schema
    .refine((written) => flawOf(written) === undefined, { error: ({ input }) => flawOf(input as string) })
    .refine(isWithoutKey, WITHOUT_KEY);

/** A single line of 1 to `most` characters, without blanks around it, to keep. */
export const line = (most: number) => kept(soughtLine(most), flawOfLine);

/** As `line`, and may be empty: see `orNull`. */
export const emptyLine = (most: number) => kept(upTo(most), flawOfLine);

/** Text of any number of lines, of at most `most` characters, without blanks around it, to keep. May be empty. */
export const text = (most: number) => kept(upTo(most), flawOfLines);

/**
 * A single line as written, with the blanks around it, of at most `most` characters, to keep. NEL (U+0085) is no blank here:
 * `comparable` would not trim it.
 */
export const lineAsWritten = (most: number) =>
  kept(soughtText(most), (written) => (trimBlanks(written) === '' ? undefined : flawOfLine(written.trim())));

/** A text that may be left empty: an empty text, or blanks alone, is `null`. */
export const orNull = <T extends z.ZodType<string, string>>(schema: T) =>
  schema.nullable().overwrite((written) => (written === null || trimBlanks(written) === '' ? null : written));

/** A single line that is only looked for and never kept: such a text may contain a key. */
export const soughtLine = (most: number) => {
  const range = `Must be 1 to ${most} characters`;
  return trimmed()
    .min(1, { error: range, abort: true })
    .refine((text) => characters(text) <= most, { error: range, abort: true })
    .meta({ maxLength: most });
};

/** As `soughtLine`, for what a filter looks for; `sought` names it in the refusal of an empty filter. */
export const filter = (most: number, sought: string) =>
  trimmed()
    .min(1, { error: `Must not be empty: leave it out, or give ${sought}`, abort: true })
    .refine((text) => characters(text) <= most, `Must be at most ${most} characters`)
    .meta({ maxLength: most });

/** Text that is only looked for and never kept. */
export const soughtText = (most: number) =>
  z
    .string()
    .refine(isStorable, STORABLE)
    .refine((written) => characters(written) <= most, `Must be at most ${most} characters`)
    .meta({ maxLength: most });

const trimmed = () => z.string().refine(isStorable, { error: STORABLE, abort: true }).overwrite(trimBlanks);

const upTo = (most: number) =>
  trimmed()
    .refine((text) => characters(text) <= most, { error: `Must be at most ${most} characters`, abort: true })
    .meta({ maxLength: most });

/**
 * The form in which accounts keep an email address, and find the account of an address: `Ada@Example.com ` →
 * `ada@example.com`. Without NFC, as better-auth folds addresses in the same way.
 */
export const toAccountAddress = (email: string) => email.trim().toLowerCase();

/** An id in a caller's input: a UUID in upper or lower case. */
export const Id = z.guid({ error: ({ input }) => (input === undefined ? 'Required' : 'Not a UUID') }).toLowerCase();
/** The organization that the caller means, by default the caller's own. Another organization is refused with 403. */
export const organizationId = Id.optional();
