import { BLANKS, comparable, countLetters, digitsOf, fold, isHangul, separateWords } from '../shared/fold.ts';
import { BEFORE_PHONE } from './searchText.ts';
import { searchable } from './wordBreaks.ts';

/** A term of a search: each pattern of any of the alternatives must match `contacts.folded`. */
export type Term = string[][];

/** Words of digits, as people write the groups of a phone's number: `+44`, `(0)20`, `7946-0000`. */
const PART_OF_PHONE = /^[\p{Pd}\u2212+()./]*\p{Nd}[\p{Nd}\p{Pd}\u2212+()./]*$/u;

/**
 * The terms of a search: a term for each word. Words of digits that follow each other are also a phone's number together,
 * so that a phone is found in any grouping: `020 79 46` finds `+44 (0)20-7946 0000`.
 */
export function toTerms(search: string): Term[] {
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
export function toPlainPatterns(search: string): string[] {
  const words = new Set(comparable(search).split(/\s+/).filter(Boolean));
  return [...words].map((word) => {
    const escaped = escapeLike(searchable(word));
    return [...word].length < 3 ? `% ${escaped}%` : `%${escaped}%`;
  });
}
