/** Marks after which a mail program reads on as an address: of a page, a domain or a mailbox. The wide dots are dots too. */
const MARKS = /[.:/@\\\u3002\uFF0E\uFF61](?=\S)/gu;
/** Characters that end a line or turn the direction of text. Names from before such characters were refused may have them. */
const UNRULY = /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]+/gu;
/** Invisible, without a width, and in no address. */
const WORD_JOINER = '\u2060';

/**
 * A name that anybody may have chosen, to stand in a mail as text: `https://evil.example` is shown as written, and becomes
 * no link. Mail programs make links of what looks like an address in plain text too. Quotes around the name do not stop
 * them, and HTML would only move the problem: many programs show the plain text. A word joiner after each mark of an
 * address leaves nothing that looks like an address, and the reader sees no difference.
 */
export const nameInMail = (name: string) => name.replace(UNRULY, ' ').replace(MARKS, `$&${WORD_JOINER}`);
