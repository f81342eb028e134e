/** Blanks: all white space of Unicode, NEL (U+0085) among them. */
const BLANK = /[\s\u0085]/;

/** The text without the blanks at its ends. Not by an expression, which takes quadratic time where a text has many blanks. */
export function trimBlanks(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && BLANK.test(text.charAt(start))) start++;
  while (end > start && BLANK.test(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

/**
 * A character that a reader sees. Not: blanks, controls, marks without a letter, and characters that most fonts leave
 * out, such as the Hangul filler (U+3164) and the empty braille pattern (U+2800).
 */
const VISIBLE = /[^\p{C}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\u2800]/u;
export const isVisible = (text: string) => VISIBLE.test(text);

/** Printable ASCII, the commonest text, has no need of the slower expressions. */
const PLAIN = /^[ -~]*$/;

/** Controls, among them U+0085, and the other ends of lines. */
const CONTROL_OF_LINE = /[\p{Cc}\u2028\u2029]/u;
/** Controls but tabs and ends of lines. */
const CONTROL_OF_LINES = /[\p{Cc}--[\t\n\r\u0085]]/v;
/**
 * The characters that turn the direction of the text that follows: embeddings, overrides and isolates (Unicode Standard
 * Annex 9, explicit formatting). The marks U+200E, U+200F and U+061C are none of these: names in Hebrew and Arabic have
 * them. The joiners U+200C and U+200D are letters' neighbours in Persian, Indic scripts and emoji.
 */
const OVERRIDE = /[\u202A-\u202E\u2066-\u2069]/u;

const TURNED = 'Must not turn the direction of the text: take out the bidirectional controls';

/** Why a text of a single line may not be kept: its characters deceive a reader. `undefined` for a text that may. */
export const flawOfLine = (text: string): string | undefined => {
  if (PLAIN.test(text)) return undefined;
  return CONTROL_OF_LINE.test(text) ? 'Must be a single line, without control characters' : flawOfDirection(text);
};

/** As `flawOfLine`, for a text that may have several lines, and tabs. */
export const flawOfLines = (text: string): string | undefined => {
  if (PLAIN.test(text)) return undefined;
  return CONTROL_OF_LINES.test(text)
    ? 'Must not have control characters, but for line breaks and tabs: take them out'
    : flawOfDirection(text);
};

const flawOfDirection = (text: string) => (OVERRIDE.test(text) ? TURNED : undefined);
