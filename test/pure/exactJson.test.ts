import fc from 'fast-check';
import { expect, test } from 'vitest';
import { markInexact, parseExact, stringifyExact } from '../../shared/exactJson.ts';

/** The value of a number as a whole number of 10^-500. */
function exactly(literal: string): bigint {
  const [mantissa = '', exponent = '0'] = literal.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  return BigInt(whole + fraction) * 10n ** BigInt(500 + Number(exponent) - fraction.length);
}
const isKept = (literal: string) =>
  Number.isFinite(Number(literal)) && exactly(literal) === exactly(String(Number(literal)));

const digits = (least: number, most: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: least, maxLength: most });
const literal = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(
      fc.constant('0'),
      digits(0, 22).map((more) => `7${more}`),
    ),
    fc.oneof(
      fc.constant(''),
      digits(1, 40).map((more) => `.${more}`),
    ),
    fc.oneof(
      fc.constant(''),
      fc.tuple(fc.constantFrom('e', 'E', 'e+', 'e-'), fc.integer({ min: 0, max: 340 })).map((parts) => parts.join('')),
    ),
  )
  .map((parts) => parts.join(''));
const number = fc.oneof(
  literal,
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
);

/** JSON as text, with numbers as people may write them, and texts that look like numbers. */
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    number,
    fc.constantFrom('null', 'true', '" 12345678901234567890"', '"\\",12345678901234567890"', '"\\\\"', '""'),
    fc.string().map((text) => JSON.stringify(text)),
    fc.array(tie('json'), { maxLength: 4 }).map((items) => `[${items.join(' , ')}]`),
    fc
      .array(fc.tuple(fc.string(), tie('json')), { maxLength: 4 })
      .map((fields) => `{${fields.map(([name, value]) => `${JSON.stringify(name)}: ${value}`).join(',')}}`),
  ),
}));

test('A number is kept where JavaScript writes it back as the same value, and is Infinity elsewhere', () => {
  fc.assert(
    fc.property(number, (written) => {
      expect(parseExact(written)).toBe(isKept(written) ? JSON.parse(written) : Number.POSITIVE_INFINITY);
    }),
    { numRuns: 20_000, examples: [['9007199254740993'], ['1e-400'], ['-0'], ['1E+2'], ['100000000000000000000']] },
  );
});

test('JSON is read as JavaScript reads it, but for such numbers, at any place', () => {
  type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;
  const reviver: Reviver = (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && !isKept(source) ? Number.POSITIVE_INFINITY : value;
  fc.assert(
    fc.property(json, (text) => {
      expect(parseExact(text)).toEqual(JSON.parse(text, reviver as (key: string, value: unknown) => unknown));
    }),
    { numRuns: 3_000 },
  );
});

test('Text that is no JSON stays none, and JSON that is handed on keeps its marks', () => {
  fc.assert(
    fc.property(json, fc.nat(), (text, place) => {
      const broken = text.slice(0, place % (text.length + 1)) + text.slice((place % (text.length + 1)) + 1);
      const isJson = (some: string) => {
        try {
          JSON.parse(some);
          return true;
        } catch {
          return false;
        }
      };
      expect(isJson(markInexact(broken))).toBe(isJson(broken));
      const handedOn = stringifyExact(parseExact(text));
      expect(stringifyExact(parseExact(handedOn))).toBe(handedOn);
    }),
    { numRuns: 3_000 },
  );
});
