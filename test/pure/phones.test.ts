import { expect, test } from 'vitest';
import { onceEachPhone, phoneKeys, soughtPhoneKeys } from '../../shared/phones.ts';

const isFound = (stored: string, asked: string) => {
  const keys = phoneKeys(stored);
  return soughtPhoneKeys(asked).some((key) => keys.includes(key));
};

const LONDON = [
  '+44 20 7946 0958',
  '+44 (0)20 7946 0958',
  '+44 020 7946 0958',
  '0044 20 7946 0958',
  '(+44) 20-7946-0958',
  '+00442079460958',
  '++44 20 7946 0958',
  'tel:+44-20-7946-0958',
  'tel:+442079460958;ext=5',
  '+44 20 7946 0958 ext. 5',
  '+44 20 7946 0958 x5',
  '020 7946 0958',
  '020 7946 0958 ext 12',
  '079460958',
  '+٤٤ ٢٠ ٧٩٤٦ ٠٩٥٨',
  '+४४ २० ७९४६ ०९५८',
  '＋４４ ２０ ７９４６ ０９５８',
  '\u202a+44\u00a020\u00a07946\u00a00958\u202c',
];

test('A phone is the same in every way to write it', () => {
  for (const stored of LONDON)
    for (const asked of LONDON) expect(isFound(stored, asked), `${stored} ${asked}`).toBe(true);
});

test('Phones of eight digits and less are the same with and without country code, or a zero before them', () => {
  const same = [
    ['+45 32 12 34 56', '32 12 34 56'],
    ['+43 1 58858', '01 58858'],
    ['+46 8 123 456', '08-123 456'],
    ['+46 8 123 456', '8 123 456'],
    ['+39 06 698 12345', '06 698 12345'],
    ['+7 495 123-45-67', '8 (495) 123-45-67'],
    ['112', '112'],
    ['1-1-2', '112'],
    ['+999 123', '999123'],
  ] as const;
  for (const [a, b] of same) expect([isFound(a, b), isFound(b, a)], `${a} ${b}`).toEqual([true, true]);
});

test('Other phones are not the same', () => {
  const different = [
    // Both have a country code, and the same last nine digits.
    ['+44 20 7946 0958', '+1 207 946 0958'],
    ['+44 20 7946 0958', '020 7946 0959'],
    ['112', '0112'],
    ['112', '+44 20 7946 0112'],
    ['0112', '112'],
    ['7946 0958', '020 7946 0958'],
    ['7946 0958', '+44 20 7946 0958'],
    ['+44 20 7946 0958', ''],
    ['call me', 'call me'],
  ] as const;
  for (const [a, b] of different) expect([isFound(a, b), isFound(b, a)], `${a} ${b}`).toEqual([false, false]);
  expect(phoneKeys('by post')).toEqual([]);
});

test('Of equal phones the first written stays; extensions are told apart', () => {
  expect(
    onceEachPhone(['020 7946 0958', '+44 20 7946 0958', '112', '+44 20 7946 0958 x5', '020 7946 0958 ext. 5']),
  ).toEqual(['020 7946 0958', '112', '+44 20 7946 0958 x5']);
  expect(onceEachPhone(['by post', 'by post', 'by fax'])).toEqual(['by post', 'by fax']);
});
