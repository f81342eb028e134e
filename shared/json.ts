import { z } from 'zod';
import { isDeeperThan, JSON_DEPTH } from './jsonDepth.ts';
import { isStorable, isWithoutKey, STORABLE, WITHOUT_KEY } from './text.ts';

/** Characters of JSON. */
const CUSTOM_FIELDS_SIZE = 65_536;

const isPlain = (value: object) => {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** The first reason why `value` cannot be stored as JSON; `undefined` where `value` can be stored. */
function findFlaw(value: unknown): string | undefined {
  if (value === null || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'Numbers must be finite';
  if (typeof value === 'string') return isStorable(value) ? undefined : STORABLE;
  if (typeof value !== 'object') return 'Not JSON';
  if (Array.isArray(value)) return firstFlaw(value);
  if (!isPlain(value)) return 'Not JSON';
  if (Object.hasOwn(value, '__proto__')) return 'Must not have a key __proto__';
  return firstFlaw(Object.keys(value)) ?? firstFlaw(Object.values(value));
}

function firstFlaw(values: unknown[]): string | undefined {
  for (const value of values) {
    const flaw = findFlaw(value);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

/**
 * The path to the first text within `value` that contains an API key: `['access', 'tokens', 0]`. `undefined` where no
 * text does. The name of a field is a text too. `value` nests at most `JSON_DEPTH` levels deep.
 */
export function pathToKey(value: unknown): (string | number)[] | undefined {
  if (typeof value === 'string') return isWithoutKey(value) ? undefined : [];
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, item] of Object.entries(value)) {
    const path = isWithoutKey(name) ? pathToKey(item) : [];
    if (path) return [Array.isArray(value) ? Number(name) : name, ...path];
  }
  return undefined;
}

/** The length of the JSON that PostgreSQL stores and answers with. Numbers have no exponent: `1e300` has 300 zeros. */
const storedSize = (value: object) =>
  JSON.stringify(value, (_, item: unknown) => {
    const [digits = '', exponent] = typeof item === 'number' ? String(item).split('e') : [];
    return exponent === undefined ? item : '0'.repeat(digits.length + Math.abs(Number(exponent)));
  }).length;

/** A JSON object of at most 65,536 characters that nests at most `JSON_DEPTH` levels deep. */
export const JsonObject = z
  .custom<Record<string, unknown>>()
  .meta({ type: 'object' })
  .superRefine((value: unknown, context) => {
    const fail = (message: string) => context.addIssue({ code: 'custom', message });
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail('Must be a JSON object');
    if (isDeeperThan(value, JSON_DEPTH)) return fail(`Must not nest deeper than ${JSON_DEPTH}`);
    const flaw = findFlaw(value);
    if (flaw !== undefined) return fail(flaw);
    const path = pathToKey(value);
    if (path) return context.addIssue({ code: 'custom', path, message: WITHOUT_KEY });
    if (storedSize(value) > CUSTOM_FIELDS_SIZE) fail(`Must be at most ${CUSTOM_FIELDS_SIZE} characters of JSON`);
  });
