/**
 * What ends a word, for the search, beside blanks: control characters, ASCII punctuation, and the blocks of Latin-1,
 * general and CJK punctuation. For a bracket of a regular expression, in JavaScript and in PostgreSQL alike.
 * Migration 0001 made the column with these: others need a migration that makes it anew.
 */
export const WORD_BREAKS = '\\t-\\r!-/:-@\\[-`{-~\\u00a0-\\u00bf\\u2000-\\u206f\\u3000-\\u303f';

/** A regular expression: breaks that a word follows at once. */
export const BREAKS_BEFORE_WORD = `([${WORD_BREAKS}]+)(?=[^ ${WORD_BREAKS}])`;
const EACH = new RegExp(BREAKS_BEFORE_WORD, 'g');

/** Text as it is searched, with a blank before each word: `jean-lu` → `jean- lu`. The column `search` is made the same way. */
export const searchable = (text: string) => text.replace(EACH, '$1 ');
