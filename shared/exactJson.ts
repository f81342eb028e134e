/** A text, or a number, of JSON (RFC 8259). A text without an end goes to the end, so that reading takes linear time. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/gs;

/** Only a number of 16 digits or more, or with an exponent of three, can differ from what JavaScript makes of it. */
const SUSPECT = /(?:^|[\s:,[])-?(?:[\d.]{16}|[\d.]+[eE][-+]?\d{3})/;

/** A number that JavaScript reads as Infinity, which no schema takes: see `INEXACT` in shared/errors.ts. */
const NOT_EXACT = '1e999';

/**
 * The JSON with `1e999` in place of each number that JavaScript would write back as another value, so that the field's
 * schema refuses the number: `{"n":9007199254740993}` → `{"n":1e999}`. Other JSON, and text that is no JSON, stays.
 */
export const markInexact = (json: string): string =>
  SUSPECT.test(json)
    ? json.replace(TOKEN, (token) => (token.startsWith('"') || isExact(token) ? token : NOT_EXACT))
    : json;

/** As `JSON.parse`, but a number that would be rounded becomes `Infinity`. */
export const parseExact = (json: string): unknown => JSON.parse(markInexact(json));

/** As `JSON.stringify`, for JSON that `parseExact` reads. `JSON.stringify` itself writes `null` for `Infinity`. */
export const stringifyExact = (value: unknown): string =>
  JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'number' && !Number.isFinite(item) ? rawJSON(NOT_EXACT) : item,
  );

/** Node has `JSON.rawJSON`, and TypeScript's library does not know it yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** True where JavaScript writes a number back as the same value, in whatever form: `1.0` as `1`, `1E+2` as `100`. */
function isExact(literal: string): boolean {
  const value = Number(literal);
  return Number.isFinite(value) && decimalOf(literal) === decimalOf(String(value));
}

const PARTS = /^(-?)(\d+)(?:\.(\d+))?(?:e([-+]?\d+))?$/i;

/** The value of a number in a single form: its digits without zeros around them, and a power of ten. `1.50` → `15e-1` */
function decimalOf(literal: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = PARTS.exec(literal) ?? [];
  const digits = whole + fraction;
  let [start, end] = [0, digits.length];
  while (start < end && digits[start] === '0') start++;
  while (end > start && digits[end - 1] === '0') end--;
  if (start === end) return '0';
  return `${sign}${digits.slice(start, end)}e${Number(exponent) - fraction.length + digits.length - end}`;
}
