/**
 * The form in which emails are compared: trimmed, lower-case, NFC. NFC comes last, because some letters form a single
 * character with a mark only in lower case: `J̌` is two code points in NFC, and `ǰ` is a single code point.
 */
export const comparable = (written: string) => written.trim().toLowerCase().normalize('NFC');

/**
 * The form in which tags are compared: without case, and with every mark. `Straße` and `STRASSE`, `ΟΔΟΣ` and `οδος` are
 * the same tag; `Café` and `Cafe` are two.
 */
export const caseless = (written: string) =>
  written.normalize('NFC').toUpperCase().toLowerCase().replaceAll('ς', 'σ').replaceAll('i\u0307', 'i').normalize('NFC');

/** Letters that no normal form takes apart, and the letters that people type in their place. */
const LETTERS: Readonly<Record<string, string>> = Object.fromEntries(
  (
    'æ:ae œ:oe ß:ss þ:th ı:i ς:σ ł:l ø:o đ:d ð:d ħ:h ŋ:n ŧ:t ə:e ĸ:k ƀ:b ɓ:b ƈ:c ȼ:c ɖ:d ɗ:d ɇ:e ǥ:g ɠ:g ɨ:i ɉ:j ' +
    'ƙ:k ƚ:l ɲ:n ɵ:o ƥ:p ɍ:r ƭ:t ⱦ:t ʉ:u ⱥ:a ɏ:y ƴ:y ƶ:z ی:ي ک:ك ״:"'
  )
    .split(' ')
    .map((pair) => pair.split(':') as [string, string]),
);
const LETTER = new RegExp(`[${Object.keys(LETTERS).join('')}]`, 'g');

/** Characters that are blanks, NEL (U+0085) among them. */
export const BLANKS = /[\s\u0085]+/g;
/** Apostrophes that NFKD would take apart into a blank and a mark. */
const SPACING_APOSTROPHE = /[\u00b4\u0384\u1fbd\u1fbf\u1ffd\u1ffe]/g;
const APOSTROPHES =
  "'`\u00b4\u0384\u1fbd\u1fbf\u1ffd\u1ffe\uff07\u02b9\u02bb-\u02bf\u02c8\u02ca\u02cb\u055a\u05f3\u2018\u2019\u201b\u2032\u2035\ua78b\ua78c";
/** Apostrophes, invisible characters, tatweel, the vowels of Arabic and the points of Hebrew. */
const DROPPED = new RegExp(
  `[${APOSTROPHES}\\p{Default_Ignorable_Code_Point}\\p{Cc}\\u0640[\\p{M}&&[\\p{scx=Arab}\\p{scx=Hebr}]]]`,
  'gv',
);
const MARKS = /(?<=[\p{sc=Latn}\p{sc=Grek}])\p{M}+/gu;
const CYRILLIC_MARKS = /(?<=(?=\p{L})\p{sc=Cyrl})\p{M}+/gu;
const BREVE_OF_SHORT_I = /и(?:\p{M}*?)\u0306\p{M}*/gu;
const DASH = /[\p{Pd}\u2212\u2043]/gu;
/** Printable ASCII without apostrophes: folding such a text changes its case alone. */
const PLAIN = /^[ !-&(-_a-~]*$/;

/** Takes away what does not count, and leaves what a reader sees as letters. `text` is in NFD and in lower case. */
const dropMarks = (text: string) =>
  text.replace(DROPPED, '').replace(MARKS, '').replace(BREVE_OF_SHORT_I, 'й').replace(CYRILLIC_MARKS, '');

/**
 * The form in which texts are searched, of the text that is stored and of the text that is asked for alike: `Zoë Łuk` →
 * `zoe luk`, `O’Brien` → `obrien`. Accents and marks are taken from Latin, Greek, Cyrillic (but й keeps its breve), Arabic
 * and Hebrew. In other scripts a mark makes another letter: か is not が. A change of this function is a change of
 * `CONTACT_FORM` in db/contactColumns.ts.
 */
export function fold(written: string): string {
  if (PLAIN.test(written)) return written.toLowerCase();
  const text = written.replace(BLANKS, ' ').replace(SPACING_APOSTROPHE, "'");
  return dropMarks(text.normalize('NFKD').toLowerCase().normalize('NFD'))
    .replace(LETTER, (letter) => LETTERS[letter] as string)
    .replace(DASH, '-')
    .replace(BLANKS, ' ')
    .normalize('NFC');
}

/** The number of letters of a word, as typed: `ß` is a single letter, and `zoë` has three, in each of its normal forms. */
export const countLetters = (word: string) =>
  [...dropMarks(word.normalize('NFD').toLowerCase()).normalize('NFC')].length;

/** A letter, digit or symbol of a script without spaces, with its marks: each begins a word. */
const SPACELESS =
  /[[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Bopo}\p{sc=Yiii}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}\p{sc=Tibt}\p{sc=Java}\p{sc=Bali}\p{sc=Tale}\p{sc=Talu}\p{sc=Lana}\p{sc=Tavt}\p{So}]&&[\p{L}\p{N}\p{So}]]\p{M}*(?=([\p{L}\p{N}])?)/gv;
/** Printable ASCII, the commonest text, has no need of the slow expressions. */
const ASCII = /^[ -~]*$/;
const ASCII_BREAK = /[!-/:-@[-`{-~](?=[a-z0-9])/gi;
const WORD_AFTER_BREAK = /(?<=[^\p{L}\p{M}\p{N} ])(?=[\p{L}\p{N}])/gu;
const SYLLABLE = /[\uac00-\ud7a3]/g;
/** Stands before each syllable of Hangul, so that an index of three characters finds two syllables within a word. */
const BEFORE_SYLLABLE = '\u001f';

/**
 * Folded text with a blank before each word: `jean-lu` → `jean- lu`. A word begins after whatever is no letter, mark or
 * digit, and with each character of a script without spaces: `東京tower` → ` 東 京 tower`.
 */
export const separateWords = (folded: string) =>
  ASCII.test(folded) ? folded.replace(ASCII_BREAK, '$& ').replace(/ {2,}/g, ' ') : separateAny(folded);

const separateAny = (folded: string) =>
  folded
    .replace(WORD_AFTER_BREAK, ' ')
    .replace(SPACELESS, (character, next?: string) => ` ${character}${next === undefined ? '' : ' '}`)
    .replace(SYLLABLE, `${BEFORE_SYLLABLE}$&`)
    .replace(/ {2,}/g, ' ');

/** True where `word` has syllables of Hangul alone. */
export const isHangul = (word: string) => /^[\uac00-\ud7a3]+$/.test(word);

/** A text in NFKC whose digits, of whatever script, are ASCII's: `+٤٤ ２０` → `+44 20`. */
export const withAsciiDigits = (text: string) =>
  ASCII.test(text) ? text : text.normalize('NFKC').replace(/[\p{Nd}--[0-9]]/gv, toAscii);

/** The digits of a text, in ASCII: `+44 (0)20-7946` → `440207946`, `۰۹۱۲` → `0912`. */
export const digitsOf = (text: string) => withAsciiDigits(text).replace(/[^0-9]+/g, '');

/** Unicode has the ten digits of a script in a row, beginning with the digit for zero. */
function toAscii(digit: string): string {
  const code = digit.codePointAt(0) as number;
  let value = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value += 1;
  return String(value % 10);
}
