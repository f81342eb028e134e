/** The levels that JSON may nest, anywhere in a request. */
export const JSON_DEPTH = 64;

/** True where `value` nests deeper than `limit`. Not recursive: 1 MiB of JSON can nest half a million levels deep. */
export function isDeeperThan(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return false;
}
