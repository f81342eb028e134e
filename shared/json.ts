import { z } from 'zod';
import { flawOfLine, flawOfLines } from './characters.ts';
import { INEXACT } from './errors.ts';
import { isDeeperThan, JSON_DEPTH } from './jsonDepth.ts';
import { isStorable, isWithoutKey, STORABLE, WITHOUT_KEY } from './text.ts';

/** The most characters of a contact's custom fields, as JSON. */
export const CUSTOM_FIELDS_SIZE = 65_536;
const TOO_LARGE = `Must be at most ${CUSTOM_FIELDS_SIZE} characters of JSON`;

const isPlain = (value: object) => {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

type Path = (string | number)[];
interface Flaw {
  path: Path;
  message: string;
}

/** The first reason why `value` cannot be kept as JSON, with its place; `undefined` where `value` can be kept. */
function findFlaw(value: unknown): Flaw | undefined {
  const message = flawOf(value);
  if (message !== undefined) return { path: [], message };
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, item] of Object.entries(value)) {
    const flawed = flawOfName(name);
    const flaw = flawed === undefined ? findFlaw(item) : { path: [], message: flawed };
    if (flaw) return { ...flaw, path: [Array.isArray(value) ? Number(name) : name, ...flaw.path] };
  }
  return undefined;
}

/** Why a value cannot be kept, whatever is within it. */
function flawOf(value: unknown): string | undefined {
  if (value === null || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : INEXACT;
  if (typeof value === 'string') return isStorable(value) ? flawOfLines(value) : STORABLE;
  return typeof value === 'object' && (Array.isArray(value) || isPlain(value)) ? undefined : 'Not JSON';
}

function flawOfName(name: string): string | undefined {
  if (name === '__proto__') return 'Must not have a key __proto__';
  return isStorable(name) ? flawOfLine(name) : STORABLE;
}

/**
 * The path to the first text within `value` that contains an API key: `['access', 'tokens', 0]`. `undefined` where no
 * text does. The name of a field is a text too. `value` nests at most `JSON_DEPTH` levels deep.
 */
export function pathToKey(value: unknown): Path | undefined {
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
    const path = pathToKey(value);
    const flaw = path ? { path, message: WITHOUT_KEY } : findFlaw(value);
    if (flaw) return context.addIssue({ code: 'custom', ...flaw });
    if (storedSize(value) > CUSTOM_FIELDS_SIZE) fail(TOO_LARGE);
  });
