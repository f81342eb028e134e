import { type RawBuilder, type SqlBool, sql } from 'kysely';
import { BLANKS, caseless, comparable, countLetters, digitsOf, fold, isHangul, separateWords } from '../shared/fold.ts';
import { BEFORE_PHONE } from './searchText.ts';
import { searchable } from './wordBreaks.ts';

/** A term of a search: each pattern of any of the alternatives must match `contacts.folded`. */
type Term = string[][];

interface Conditions {
  search?: string | undefined;
  tag?: string | undefined;
}

/** The conditions of a search as the database asks them. */
export interface Sought {
  terms: Term[];
  tagKey: string | null;
  /** Patterns and a tag for contacts in a form before 2, which have no folded text. */
  plain: { patterns: string[]; tag: string | null };
}

export const toSought = ({ search = '', tag }: Conditions): Sought => ({
  terms: toTerms(search),
  tagKey: tag === undefined ? null : caseless(tag),
  plain: { patterns: toPlainPatterns(search), tag: tag ?? null },
});

/** SQL that is true where a contact of any form matches. */
export const matches = ({ terms, tagKey, plain }: Sought): RawBuilder<SqlBool> => {
  const some = (alternatives: Term) => sql`(${sql.join(alternatives.map(isLikeAll), sql` or `)})`;
  const folded = [...terms.map(some), ...(tagKey === null ? [] : [sql`tag_keys @> array[${tagKey}::text]`])];
  const unfolded = [
    ...plain.patterns.map((pattern) => sql`search like ${pattern}`),
    ...(plain.tag === null ? [] : [sql`tags @> array[${plain.tag}::text]`]),
  ];
  return sql`case when folded is null then ${every(unfolded)} else ${every(folded)} end`;
};

const every = (conditions: RawBuilder<unknown>[]) =>
  conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `);
const isLikeAll = (patterns: string[]) => every(patterns.map((pattern) => sql`folded like ${pattern}`));

/** Words of digits, as people write the groups of a phone's number: `+44`, `(0)20`, `7946-0000`. */
const PART_OF_PHONE = /^[\p{Pd}\u2212+()./]*\p{Nd}[\p{Nd}\p{Pd}\u2212+()./]*$/u;

/**
 * The terms of a search: a term for each word. Words of digits that follow each other are also a phone's number together,
 * so that a phone is found in any grouping: `020 79 46` finds `+44 (0)20-7946 0000`.
 */
function toTerms(search: string): Term[] {
  const terms: Term[] = [];
  let numbers: string[] = [];
  const endNumbers = () => {
    const patterns = numbers.flatMap((word) => toPattern(word) ?? []);
    const digits = numbers.map(digitsOf).join('');
    if (digits === numbers[0]) terms.push([patterns]);
    else if (numbers.length > 0) terms.push([patterns, [toPhonePattern(digits)]]);
    numbers = [];
  };
  for (const word of search.split(BLANKS).filter(Boolean)) {
    if (PART_OF_PHONE.test(word)) numbers.push(word);
    else {
      endNumbers();
      const pattern = toPattern(word);
      if (pattern !== undefined) terms.push([[pattern]]);
    }
  }
  endNumbers();
  return [...new Map(terms.map((term) => [JSON.stringify(term), term])).values()];
}

/**
 * Makes a LIKE pattern of a typed word. Three letters or two syllables of Hangul are found anywhere: `%ann%`. Fewer are
 * found only at the beginning of a word, behind a blank: `% an%`. Gives `undefined` for a word without anything to find,
 * such as an apostrophe.
 */
function toPattern(typed: string): string | undefined {
  const folded = fold(typed);
  const words = separateWords(folded).trimEnd();
  if (words === '') return undefined;
  const isAnywhere = countLetters(typed) >= 3 || (isHangul(folded) && folded.length >= 2);
  return isAnywhere ? `%${escapeLike(words)}%` : `% ${escapeLike(words.trimStart())}%`;
}

/** Three digits are found anywhere in a phone's number, fewer at the beginning. */
const toPhonePattern = (digits: string) => `%${BEFORE_PHONE}${digits.length < 3 ? ' ' : '%'}${digits}%`;

const escapeLike = (text: string) => text.replace(/[\\%_]/g, '\\$&');

/**
 * The patterns of the version before, for the column `search`. A migration that drops the column takes them away, and
 * wordBreaks.ts too.
 */
function toPlainPatterns(search: string): string[] {
  const words = new Set(comparable(search).split(/\s+/).filter(Boolean));
  return [...words].map((word) => {
    const escaped = escapeLike(searchable(word));
    return [...word].length < 3 ? `% ${escaped}%` : `%${escaped}%`;
  });
}
