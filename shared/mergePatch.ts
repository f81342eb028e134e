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
