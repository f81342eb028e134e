/** How deep JSON may nest anywhere in a request. */
export const JSON_DEPTH = 64;

/** How deep `value` nests, or more than `limit`. Iterative: JSON of a mebibyte can nest half a million deep. */
export function isDeeperThan(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return false;
}
