import superjson, { type SuperJSONResult } from 'superjson';
import { encodedItems, parseEncoded } from './encoded.ts';
import { isDeeperThan, JSON_DEPTH } from './jsonDepth.ts';

/**
 * superjson's wire format, for the service and the client. Answers of the service consist of JSON and dates, and
 * superjson's general walk over an answer costs more than the query behind the answer. So values of JSON and dates are
 * encoded here, in the same wire format. superjson encodes every other value.
 */
export const transformer = {
  serialize(value: unknown): SuperJSONResult {
    const encoded = encodedItems(value);
    if (encoded !== undefined) return serializeEncoded(value as { nextCursor: string | null }, encoded);
    const dates: Dates = {};
    if (typeof value !== 'object' || value === null || !collectDates(value, '', dates))
      return superjson.serialize(value);
    // JSON.stringify writes a `Date` in ISO 8601, as superjson does.
    const json = value as SuperJSONResult['json'];
    return Object.keys(dates).length === 0 ? { json } : { json, meta: { values: dates, v: 1 } };
  },
  /**
   * Decodes input. superjson's notes of shared and circular references are dropped, and each place keeps its own copy:
   * with references a short request could stand for an endless value. Throws `RangeError` for JSON that nests deeper
   * than `JSON_DEPTH`, and `TypeError` for another form or another type.
   */
  deserialize<T>(value: SuperJSONResult): T {
    if (isDeeperThan(value, JSON_DEPTH)) throw new RangeError(`JSON nests deeper than ${JSON_DEPTH}`);
    if (typeof value !== 'object' || value === null) throw new TypeError('It must be an object such as {"json":{}}');
    const { json, meta } = value;
    if (!isHarmless(meta?.values)) throw new TypeError(`No types but ${[...TYPES].join(', ')} are taken`);
    return superjson.deserialize<T>(meta?.values ? { json, meta: { values: meta.values, v: meta.v ?? 0 } } : { json });
  },
};

function serializeEncoded({ nextCursor }: { nextCursor: string | null }, text: string): SuperJSONResult {
  const { items, dates } = parseEncoded(text);
  const json = { items, nextCursor } as unknown as SuperJSONResult['json'];
  return items.length === 0 ? { json } : { json, meta: { values: dates, v: 1 } };
}

/** superjson's types that input may hold. A refused type, `typed-array`, makes an array of any length from a number. */
const TYPES = new Set<unknown>(['Date', 'undefined', 'number']);

/**
 * True where superjson's notes name only types in `TYPES`. The notes are a tree of `[type, notes of the inner values]`.
 */
function isHarmless(notes: unknown): boolean {
  if (notes === undefined || notes === null) return true;
  if (typeof notes !== 'object') return false;
  if (!Array.isArray(notes)) return Object.values(notes).every(isHarmless);
  return TYPES.has(notes[0]) && isHarmless(notes[1]);
}

type Dates = Record<string, ['Date']>;

/** Notes the path of every date in `value`. False where `value` holds anything other than JSON and valid dates. */
function collectDates(value: object, path: string, dates: Dates): boolean {
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const key in value) {
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === 'object' && item !== null) {
      const itemPath = path + key.replace(/[\\.]/g, '\\$&');
      if (!(item instanceof Date)) {
        if (!collectDates(item, `${itemPath}.`, dates)) return false;
      } else if (Number.isNaN(item.getTime())) return false;
      else dates[itemPath] = ['Date'];
    } else if (!isJsonPrimitive(item)) return false;
  }
  return true;
}

function isJsonPrimitive(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  return typeof value === 'string' || typeof value === 'boolean' || value === null;
}
