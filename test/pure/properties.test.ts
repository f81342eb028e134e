import fc from 'fast-check';
import superjson from 'superjson';
import { expect, test } from 'vitest';
import { mintKey } from '../../server/auth/keySecret.ts';
import { encodedPage } from '../../shared/encoded.ts';
import { comparable, fold, separateWords } from '../../shared/fold.ts';
import { checksumOf, hintOf, isKey } from '../../shared/keyFormat.ts';
import { encodeCursor, PageRequest } from '../../shared/paging.ts';
import { Id } from '../../shared/text.ts';
import { transformer } from '../../shared/transformer.ts';
import { testSecrets } from '../helpers/testApp.ts';
import { TYPED } from '../helpers/typedNames.ts';

const text = fc.string({ unit: 'grapheme' });
const hexadecimal = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });

/**
 * Difficult keys of objects. Left out are keys that superjson refuses, and keys that V8's JSON.parse confuses: an
 * escaped key, where an earlier object had a key equal to the beginning of the escaped form (nodejs/node#63785).
 */
const BAD_KEYS = ['a.b', 'a\\.b', 'a\\b', '.', '..', '\\', '0', 'json', 'meta', 'values', 'toString', 'é'];
const objectKey = fc
  .oneof(fc.string({ minLength: 1, maxLength: 6 }), fc.constantFrom(...BAD_KEYS))
  .filter((name) => !['__proto__', 'constructor', 'prototype'].includes(name) && !/"|\\\\/.test(name));
/** JSON without a backslash and without `__proto__` in a key or a text, after a trip through JSON. */
const json = fc
  .jsonValue({ maxDepth: 1 })
  .map((some) => JSON.stringify(some))
  .filter((some) => !some.includes('\\') && !some.includes('__proto__'))
  .map((some) => JSON.parse(some) as unknown);

/** JSON that also holds dates. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.date({ noInvalidDate: true }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(objectKey, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
}));

/** Letters that combine with a mark to a single character only in lower case, and other letters. */
const marked = fc
  .array(fc.constantFrom(...'JHTWYAEIΣΥ', '\u030c', '\u0331', '\u0308', '\u030a', '\u0307', '\u0301', ' '), {
    maxLength: 6,
  })
  .map((parts) => parts.join(''));
const written = fc.oneof(text, marked);

const sent = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

test('What goes out as superjson is what superjson itself would write', () => {
  fc.assert(
    fc.property(value, (given) => {
      const wire = sent(transformer.serialize(given));
      expect(wire).toEqual(sent(superjson.serialize(given)));
      expect(superjson.deserialize(wire)).toEqual(given);
      expect(transformer.deserialize(wire)).toEqual(given);
    }),
    { numRuns: 2_000 },
  );
});

test('Values that JSON does not have go out as superjson writes them, wherever they stand', () => {
  const taken = fc.constantFrom<unknown>(undefined, Number.NaN, -0, Number.POSITIVE_INFINITY);
  const refused = fc.constantFrom<unknown>(
    1n,
    /x/g,
    new Set([1]),
    new Map([[1, 2]]),
    new Uint8Array(2),
    new URL('x:y'),
  );
  const places: ((odd: unknown, value: unknown) => unknown)[] = [
    (odd) => odd,
    (odd, value) => [value, odd],
    (odd, value) => ({ value, 'a.b': { list: [odd] }, at: new Date(0) }),
  ];
  fc.assert(
    fc.property(taken, value, fc.constantFrom(...places), (odd, given, place) => {
      const wire = sent(transformer.serialize(place(odd, given)));
      expect(wire).toEqual(sent(superjson.serialize(place(odd, given))));
      expect(transformer.deserialize(wire)).toEqual(place(odd, given));
    }),
  );
  // superjson writes the refused values, and reading the written values throws.
  fc.assert(
    fc.property(refused, value, fc.constantFrom(...places), (odd, given, place) => {
      const wire = sent(transformer.serialize(place(odd, given)));
      expect(wire).toEqual(sent(superjson.serialize(place(odd, given))));
      expect(() => transformer.deserialize(wire)).toThrow(TypeError);
    }),
  );
});

test('A page that came encoded goes out as superjson would write the page that it is', () => {
  const date = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z') });
  const item = fc.record({
    id: fc.uuid(),
    name: text,
    customFields: fc.dictionary(objectKey, json, { maxKeys: 3, noNullPrototype: true }),
    createdAt: date,
    updatedAt: date,
    deletedAt: fc.option(date),
  });
  const cursor = fc.option(fc.string());
  fc.assert(
    fc.property(fc.array(item, { maxLength: 4 }), cursor, (items, nextCursor) => {
      const page = encodedPage(JSON.stringify(items), nextCursor);
      const plain = { items, nextCursor };
      expect(sent(transformer.serialize(page))).toEqual(sent(superjson.serialize(plain)));
      expect(transformer.deserialize(sent(transformer.serialize(page)))).toEqual(plain);
      expect({ items: page.items, nextCursor: page.nextCursor }).toEqual(plain);
    }),
  );
});

test('Text compares the same however it is written, and once compared, as itself', () => {
  fc.assert(
    fc.property(written, fc.constantFrom('', ' ', '\n\t', '\u00a0'), (some, blank) => {
      const compared = comparable(some);
      expect(comparable(`${blank}${some}${blank}`)).toBe(compared);
      expect(comparable(some.normalize('NFD'))).toBe(compared);
      expect(comparable(some.normalize('NFC'))).toBe(compared);
      expect(comparable(some.toLowerCase())).toBe(compared);
      expect(comparable(compared)).toBe(compared);
    }),
    // A caron and a j have a combined character; a caron and a J have no combined character.
    { numRuns: 2_000, examples: [['J\u030c', '']] },
  );
});

test('Text folds the same however it is written, and once folded, to itself', () => {
  // Upper case takes ΐ and ᾳ apart into letters, and old forms of Cyrillic letters have no lower case.
  const isTakenApart = (text: string) => /[\u0345\u1c80-\u1c88\u1f80-\u1fff]/u.test(text);
  const texts = fc.oneof(written, fc.string({ unit: 'binary' }), fc.constantFrom(...TYPED.flat()));
  fc.assert(
    fc.property(
      texts.filter((text) => !isTakenApart(text.normalize('NFC'))),
      (some) => {
        const folded = fold(some);
        for (const form of ['NFC', 'NFD']) expect(fold(some.normalize(form))).toBe(folded);
        expect(fold(some.toUpperCase())).toBe(fold(some.toUpperCase().toLowerCase()));
        expect(fold(folded)).toBe(folded);
        expect(folded).not.toMatch(/[\p{Cc}'’]/u);
      },
    ),
    { numRuns: 5_000 },
  );
});

test('Plain text has its words separated as any other text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii' }), (some) => {
      const folded = fold(some);
      // A letter of another script takes the way of any text, and ends neither word nor break.
      expect(separateWords(` ${folded} ж`)).toBe(separateWords(` ${folded} a`).replace(/a$/, 'ж'));
    }),
    { numRuns: 5_000 },
  );
});

test('What is a part of a text is a part of the text’s separated words', () => {
  const parts = fc.tuple(fc.constantFrom(...TYPED.flat()), fc.nat(30), fc.nat(30));
  fc.assert(
    fc.property(parts, ([text, from, length]) => {
      const folded = [...fold(text)];
      const part = folded
        .slice(from % folded.length, (from % folded.length) + length)
        .join('')
        .trim();
      expect(separateWords(` ${fold(text)}`)).toContain(separateWords(part).trim());
    }),
    { numRuns: 5_000 },
  );
});

test('Every minted key has the form of a key, and nothing that differs in form is one', () => {
  const secrets = testSecrets();
  fc.assert(
    fc.property(hexadecimal(56), (random) => {
      const key = `introzy_${random}${checksumOf(random)}`;
      expect(isKey(key)).toBe(true);
      expect(hintOf(key)).toBe(random.slice(0, 8));
      for (const other of [key.toUpperCase(), `${key}0`, key.slice(0, -1), ` ${key}`, `${key}\n`, key.slice(8)]) {
        expect(isKey(other), other).toBe(false);
      }
      const { key: minted, digest, hint } = mintKey(secrets);
      expect([isKey(minted), digest.length, hintOf(minted)]).toEqual([true, 32, hint]);
    }),
  );
  fc.assert(fc.property(fc.string(), (noise) => !isKey(noise)));
});

const readCursor = (cursor: string) => PageRequest.shape.cursor.safeParse(cursor);

test('A cursor is the id that it was made of, and whatever else is no cursor', () => {
  fc.assert(
    fc.property(fc.uuid({ version: 7 }), (id) => {
      const cursor = encodeCursor(id);
      expect(cursor).toMatch(/^[\w-]{22}$/);
      expect(readCursor(cursor).data).toBe(id);
      expect(Id.parse(id.toUpperCase())).toBe(id);
      for (const other of [`${cursor}=`, ` ${cursor}`, cursor.slice(1), `${cursor}A`, id]) {
        expect(readCursor(other).success, other).toBe(false);
      }
    }),
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), text, fc.base64String(), hexadecimal(22), fc.uuid()), (noise) => {
      const { success, data } = readCursor(noise);
      // Noise may be some row's cursor by chance. In that case the noise is that row's only cursor.
      if (success) expect(encodeCursor(data ?? '')).toBe(noise);
    }),
  );
});
