/**
 * The characters that end a word in a search of the version before, and of contacts in a form before 2, beside blanks:
 * control characters, ASCII punctuation, and the Unicode blocks of Latin-1, general and CJK punctuation. The text stands in
 * a bracket of a regular expression, which JavaScript and PostgreSQL read alike. The trigger function
 * `introzy_keep_contact` (migration 0030) has the same characters, for the column `contacts.search`.
 */
const WORD_BREAKS = '\\t-\\r!-/:-@\\[-`{-~\\u00a0-\\u00bf\\u2000-\\u206f\\u3000-\\u303f';

const BREAKS_BEFORE_WORD = new RegExp(`([${WORD_BREAKS}]+)(?=[^ ${WORD_BREAKS}])`, 'g');

/** Text with a blank in front of each word, as the column `contacts.search` has it: `jean-lu` → `jean- lu`. */
export const searchable = (text: string) => text.replace(BREAKS_BEFORE_WORD, '$1 ');
