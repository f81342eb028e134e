import { z } from 'zod';
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

/** Trimmed text of 1 to `most` characters, to keep. */
export const line = (most: number) => soughtLine(most).refine(isWithoutKey, WITHOUT_KEY);

/**
 * Characters that show nothing: spaces, controls, fillers, marks without a letter. Unicode counts the blank of Braille and
 * the null notehead among the symbols.
 */
const INVISIBLE = /[\s\p{C}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\u2800\u{1D159}]/gu;
/** Characters that end a line or steer a terminal: the controls C0 and C1, and the separators of lines and paragraphs. */
const CONTROLS = /[\p{Cc}\u2028\u2029]/u;
/** Characters that turn the direction of the text around them, so that a name reads as another name. */
const DIRECTIONS = /[\u202A-\u202E\u2066-\u2069]/u;

/** What is wrong with a name that has a fair length, and what to do. */
export const NAME_FAULTS = {
  controls: 'Must be on one line: take out line breaks, tabs and other controls',
  directions: 'Must not turn the direction of text: take out the characters U+202A to U+202E and U+2066 to U+2069',
  invisible: 'Must have a visible character, such as a letter or a digit',
} as const;

/** The name of a person, an organization or a key, to keep: 1 to `most` characters on a line, with a visible character. */
export const nameLine = (most: number) => soughtName(most).refine(isWithoutKey, WITHOUT_KEY);

/** As `nameLine`, for a body whose every text is searched for keys anyway. */
export const soughtName = (most: number) =>
  lineOf(
    most,
    z
      .string()
      .refine(isStorable, STORABLE)
      .refine((name) => !CONTROLS.test(name), NAME_FAULTS.controls)
      .refine((name) => !DIRECTIONS.test(name), NAME_FAULTS.directions)
      .refine((name) => name.trim() === '' || name.replace(INVISIBLE, '') !== '', NAME_FAULTS.invisible),
  );

/**
 * An email address that a mail server would take: `ada@example.com`. As the pattern of HTML's field for addresses, with a
 * dot in the domain, and within the lengths of RFC 5321. Letters beyond ASCII are taken, since mail servers with SMTPUTF8 take them.
 */
export const MailAddress = z
  .string()
  .trim()
  .toLowerCase()
  .refine(isWithoutKey, { error: WITHOUT_KEY, abort: true })
  .refine(
    isMailAddress,
    'Not an email address: write it as in ada@example.com, without a name and without angle brackets',
  )
  .meta({ format: 'email', maxLength: 254 });

/** Octets: RFC 5321 allows 64 before the `@`, and 256 with the angle brackets around the whole address. */
const ADDRESS_OCTETS = { local: 64, whole: 254 } as const;
const LOCAL_PART = /^[\p{L}\p{N}\p{M}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{N}\p{M}!#$%&'*+/=?^_`{|}~-]+)*$/u;
const DOMAIN =
  /^(?:[\p{L}\p{N}](?:[\p{L}\p{N}\p{M}-]{0,61}[\p{L}\p{N}\p{M}])?\.)+[\p{L}\p{N}](?:[\p{L}\p{N}\p{M}-]{0,61}[\p{L}\p{N}\p{M}])$/u;

function isMailAddress(address: string): boolean {
  const octets = (part: string) => new TextEncoder().encode(part).length;
  const [local = '', domain = '', ...rest] = address.split('@');
  const isShort = octets(local) <= ADDRESS_OCTETS.local && octets(address) <= ADDRESS_OCTETS.whole;
  // A domain of digits alone at its end is an IP address: 192.0.2.1
  return rest.length === 0 && isShort && LOCAL_PART.test(local) && DOMAIN.test(domain) && !/\.\d+$/.test(domain);
}

/** Text as written, of at most `most` characters, to keep. */
export const text = (most: number) => soughtText(most).refine(isWithoutKey, WITHOUT_KEY);

/** As `line`, for text that is only looked for and never kept: such a text may contain a key. */
export const soughtLine = (most: number) => lineOf(most, z.string().refine(isStorable, STORABLE));

function lineOf(most: number, written: z.ZodString) {
  const range = `Must be 1 to ${most} characters`;
  return written
    .trim()
    .min(1, range)
    .refine((text) => characters(text) <= most, range)
    .meta({ maxLength: most });
}

/** As `text`, for text that is only looked for and never kept. */
export const soughtText = (most: number) =>
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
