import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checksumOf, findKeys } from '../../shared/keyFormat.ts';
import { newKey, wrongKey } from '../helpers/strayKeys.ts';

test('The checksum is the CRC-32 that zlib counts', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9a-f]{56}$/), (random) => {
      expect(checksumOf(random)).toBe(crc32(random).toString(16).padStart(8, '0'));
    }),
  );
  expect(checksumOf('123456789')).toBe('cbf43926');
});

test('A key is found, whatever stands around the key', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (before, after) => {
      const key = newKey();
      expect(findKeys(before + key + after)).toEqual([key]);
    }),
  );
  const [first, second] = [newKey(), newKey()];
  for (const between of ['', ' ', 'a', '0', '_', 'introzy_', 'introzy_00', '\n']) {
    const found = findKeys(`introzy_${first}${between}${second}ff`);
    expect(found).toEqual([first, second]);
  }
});

test('A text of another form, or with a wrong checksum, holds no key', () => {
  const key = newKey();
  const others = [
    wrongKey(),
    key.slice(0, -1),
    key.slice(1),
    key.toUpperCase(),
    key.replace('introzy_', 'introzy-'),
    `${key.slice(0, 40)} ${key.slice(40)}`,
  ];
  for (const other of others) expect(findKeys(`${other} ${other}`), other).toEqual([]);
});

test('A text of a megabyte that is nearly keys is read within a moment', () => {
  const [nearly, repeated] = [newKey().slice(0, -1), 'introzy_'.repeat(200_000)];
  const startedAt = performance.now();
  expect(findKeys(nearly.repeat(20_000))).toEqual([]);
  expect(findKeys(repeated)).toEqual([]);
  expect(findKeys(wrongKey().repeat(20_000))).toEqual([]);
  // Each takes milliseconds. A search whose time grew with the square would take minutes.
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});
