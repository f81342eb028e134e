import { expect, test } from 'vitest';
import { toPage } from '../../db/page.ts';
import { encodeCursor, PAGE_BYTES, pageBytesOf } from '../../shared/paging.ts';

const ids = Array.from({ length: 20 }, (_, n) => `01890000-0000-7000-8000-${String(n).padStart(12, '0')}`);
const rows = (length: number) => ids.map((id) => ({ id, text: 'é'.repeat(length) }));

test('A page of long rows ends where the page is full, and the first row without room begins the next page', () => {
  for (const [length, limit, expected] of [
    [0, 5, 5],
    [0, 20, 20],
    [0, 19, 19],
    // 1 MB each: 4 of them are more than 4 MiB less 64 KiB with their frames.
    [500_000, 20, 4],
    [500_000, 3, 3],
    [1_100_000, 20, 1],
    // Longer than a page.
    [3_000_000, 20, 1],
  ] as const) {
    const page = toPage(rows(length), limit);
    expect(page.items, `${length}, ${limit}`).toHaveLength(expected);
    expect(page.nextCursor).toBe(expected < ids.length ? encodeCursor(ids[expected] as string) : null);
    if (expected > 1) expect(Buffer.byteLength(JSON.stringify(page.items))).toBeLessThanOrEqual(PAGE_BYTES + 1);
  }
  expect(toPage([], 5)).toEqual({ items: [], nextCursor: null });
});

test('The pages of a batch have 16 MiB together, and none has more than a page alone', () => {
  expect([1, 2, 4].map(pageBytesOf)).toEqual([PAGE_BYTES, PAGE_BYTES, PAGE_BYTES]);
  for (let calls = 5; calls <= 20; calls++) {
    expect(calls * pageBytesOf(calls)).toBeLessThanOrEqual(16 * 1_048_576);
    expect(calls * pageBytesOf(calls)).toBeGreaterThan(15 * 1_048_576);
  }
});
