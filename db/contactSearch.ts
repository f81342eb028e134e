import { BLANKS, comparable, countLetters, digitsOf, fold, isHangul, separateWords } from '../shared/fold.ts';
import { BEFORE_PHONE } from './searchText.ts';
import { searchable } from './wordBreaks.ts';

/** What a text must have, and how the index of words finds such texts. */
interface Pattern {
  /** Matches `contacts.folded`. */
  like: string;
  /** The text of which `like` is made, where `like` asks for nothing else. */
  text?: string;
  /** Words of which the whole is known: `a-b-c` has `b-`. */
  whole?: string[];
  /** A part of a further word, and the place of the part in the word. */
  part?: string;
  place?: 'start' | 'within' | 'end';
}

/** A pattern that asks for a text and nothing else. */
export type TextPattern = Pattern & { text: string };

/** A term of a search: a contact must have each pattern of any of the alternatives. */
export type Term = Pattern[][];

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

/** The patterns of terms without alternatives; `undefined` where a term has alternatives. */
export function onlyPatterns(terms: Term[]): TextPattern[] | undefined {
  const patterns = terms.flat(2);
  const areAlone = terms.every((alternatives) => alternatives.length === 1);
  return areAlone && patterns.every((pattern): pattern is TextPattern => 'text' in pattern) ? patterns : undefined;
}

/**
 * Makes the pattern of a typed word. Three letters or two syllables of Hangul are found anywhere: `%ann%`. Fewer are found
 * only at the beginning of a word, behind a blank: `% an%`. Gives `undefined` for a word without anything to find, such as
 * an apostrophe.
 */
function toPattern(typed: string): TextPattern | undefined {
  const folded = fold(typed);
  const words = separateWords(folded).trimEnd();
  if (words === '') return undefined;
  const isAnywhere = countLetters(typed) >= 3 || (isHangul(folded) && folded.length >= 2);
  const sought = isAnywhere ? words : ` ${words.trimStart()}`;
  return { like: `%${escapeLike(sought)}%`, text: sought, ...toWords(sought) };
}

/**
 * The words of a sought text. The last word may go on in a contact, and the first word may have begun before, unless a
 * blank stands before the word: `ean-lu` → `ean-` at an end and `lu` at a start, ` 李 明` → `李` and `明` at a start. Of the
 * two, the longer is looked up: an end of fewer than three letters is in no index.
 */
function toWords(sought: string): Omit<Pattern, 'like' | 'text'> {
  const words = sought.split(' ');
  const last = words.at(-1) as string;
  if (words.length === 1) return { part: last, place: 'within' };
  const first = words[0] as string;
  const whole = words.slice(1, -1);
  return first.length > Math.max(last.length, 2)
    ? { whole, part: first, place: 'end' }
    : { whole, part: last, place: 'start' };
}

/** Three digits are found anywhere in a phone's number, fewer at the beginning. */
const toPhonePattern = (digits: string): Pattern =>
  digits.length < 3
    ? { like: `%${BEFORE_PHONE} ${digits}%`, part: digits, place: 'start' }
    : { like: `%${BEFORE_PHONE}%${digits}%`, part: digits, place: 'within' };

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
