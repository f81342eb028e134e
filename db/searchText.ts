import { type RawBuilder, sql } from 'kysely';
import type { ContactInput, ContactUpdate } from '../shared/contacts.ts';
import { digitsOf, fold, separateWords } from '../shared/fold.ts';

/**
 * The fields that a search looks in. The column `contacts.folded` has a line for each field, in this order: a statement
 * that writes some fields replaces their lines. The lines of phones are last, and `BEFORE_PHONE` stands before each phone, so
 * that `%BEFORE_PHONE%555%` finds digits of a single phone alone.
 */
const LINES = [
  'name',
  'company',
  'title',
  'location',
  'tags',
  'notes',
  'email',
  'otherEmails',
  'phone',
  'otherPhones',
] as const;
export type SearchedField = (typeof LINES)[number];
export const isSearched = (field: string): field is SearchedField => (LINES as readonly string[]).includes(field);

/** Stand between lines, between tags or emails, and before a phone. Folded text has none of these characters. */
const BETWEEN_LINES = '\n';
export const BETWEEN_TAGS = '\u001d';
export const BEFORE_PHONE = '\u001e';

/** The first characters of notes that are searched. */
const NOTES = 5_000;

/** Folded text with a blank before its first word too, as a search for the beginning of a word asks for the blank. */
const toWords = (text: string) => separateWords(` ${fold(text)}`).trimEnd();

/** The first `count` characters of a text, without a look at the others. */
export function firstCharacters(text: string, count: number): string {
  if (text.length <= count) return text;
  let end = 0;
  for (const character of text) {
    if (count-- === 0) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** The line of a field. A field without a value has an empty line. */
export function toLine(field: SearchedField, value: ContactInput[SearchedField] | null): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'string') {
    return field === 'otherPhones' ? value.map(toPhone).join('') : value.map(toWords).join(BETWEEN_TAGS);
  }
  if (field === 'notes') return toWords(firstCharacters(value, NOTES));
  return field === 'phone' ? toPhone(value) : toWords(value);
}

function toPhone(phone: string): string {
  const digits = digitsOf(phone);
  return digits === '' ? '' : `${BEFORE_PHONE} ${digits}`;
}

/** The whole column for a contact of these fields. */
export const toFolded = (fields: ContactUpdate): string =>
  LINES.map((field) => toLine(field, fields[field] ?? null)).join(BETWEEN_LINES);

/** SQL of a field's line in `folded`, a reference such as `contacts.folded`. */
export const lineOf = (field: SearchedField, folded: string): RawBuilder<string> =>
  sql`split_part(${sql.ref(folded)}, ${sql.lit(BETWEEN_LINES)}, ${sql.lit(LINES.indexOf(field) + 1)})`;

/**
 * SQL of `contacts.folded` with the given lines in place of the present lines. Without a folded text so far the result is
 * of no use, and the trigger `introzy_keep_contact` drops the result: the contact is in an older form then.
 */
export const withLines = (lines: Partial<Record<SearchedField, RawBuilder<string>>>): RawBuilder<string> =>
  sql`concat_ws(${sql.lit(BETWEEN_LINES)}, ${sql.join(LINES.map((field) => lines[field] ?? lineOf(field, 'contacts.folded')))})`;
