type Fields = Record<string, unknown>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The fields that a JSON merge patch (RFC 7396) gives where nothing is there yet: without its nulls, nested too. */
export const withoutNulls = (patch: Fields): Fields =>
  Object.fromEntries(
    Object.entries(patch)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, isObject(value) ? withoutNulls(value) : value]),
  );

/** True for a value that changes nothing in an upsert with `merge`. */
export const isNothing = (value: unknown) => value === null || value === '';

/**
 * The part of a patch that an upsert with `merge` applies. `null` and an empty text take nothing away, nested too, and so
 * an object of these alone is left out. The items of a list are a part of the list's value, and stay.
 */
export const withoutNothing = (patch: Fields): Fields =>
  Object.fromEntries(
    Object.entries(patch)
      .map(([name, value]): [string, unknown] => {
        if (!isObject(value) || Object.keys(value).length === 0) return [name, value];
        const rest = withoutNothing(value);
        return [name, Object.keys(rest).length === 0 ? null : rest];
      })
      .filter(([, value]) => !isNothing(value)),
  );

const isEqual = (a: unknown, b: unknown): boolean =>
  typeof a !== 'object' || typeof b !== 'object' || a === null || b === null
    ? a === b
    : Array.isArray(a) === Array.isArray(b) &&
      Object.keys(a).length === Object.keys(b).length &&
      Object.entries(a).every(([name, value]) => Object.hasOwn(b, name) && isEqual(value, (b as Fields)[name]));

/** The patch that makes `after` of `before`: `{a: 1, b: 2}`, `{b: 3}` → `{a: null, b: 3}`. A null in `after` is no field. */
export function patchBetween(before: Fields, after: Fields): Fields {
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
  const changed = Object.entries(after).filter(
    ([name, value]) => !(Object.hasOwn(before, name) && isEqual(before[name], value)),
  );
  return Object.fromEntries([
    ...gone.map((name): [string, unknown] => [name, null]),
    ...changed.map(([name, value]): [string, unknown] => {
      const present = Object.hasOwn(before, name) ? before[name] : undefined;
      return [name, isObject(present) && isObject(value) ? patchBetween(present, value) : value];
    }),
  ]);
}
