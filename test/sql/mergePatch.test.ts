import fc from 'fast-check';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { patchBetween, withoutNothing, withoutNulls } from '../../shared/mergePatch.ts';
import { mergePatch } from '../helpers/mergePatch.ts';
import { testApp } from '../helpers/testApp.ts';

/** RFC 7396, appendix A: a target, a patch and the result. */
const OF_THE_RFC: [unknown, unknown, unknown][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

const leaf = fc.constantFrom<unknown>(null, 1, 'x', '', true, [], [null, { a: null }]);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium' },
    leaf,
    fc.dictionary(fc.constantFrom('a', 'b', 'c', '', 'é"\\'), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
const isObject = (some: unknown): some is Record<string, unknown> =>
  typeof some === 'object' && some !== null && !Array.isArray(some);
const object = value.filter(isObject);

async function patchInSql({ db }: Awaited<ReturnType<typeof testApp>>, pairs: [unknown, unknown][]) {
  const { rows } = await sql<{ result: unknown }>`
    select introzy_merge_patch(pair -> 0, pair -> 1) as result
      from jsonb_array_elements(${JSON.stringify(pairs)}::jsonb) with ordinality given (pair, n) order by n`.execute(
    db.root,
  );
  return rows.map(({ result }) => result);
}

test('A patch changes a value as RFC 7396 shows by its examples', async () => {
  await using app = await testApp();
  for (const [target, patch, result] of OF_THE_RFC) expect(mergePatch(target, patch)).toEqual(result);
  const found = await patchInSql(
    app,
    OF_THE_RFC.map(([target, patch]) => [target, patch]),
  );
  expect(found).toEqual(OF_THE_RFC.map(([, , result]) => result));
});

test('Any patch changes any value as the text of RFC 7396 says', async () => {
  await using app = await testApp();
  const pairs = fc.array(fc.tuple(value, value), { minLength: 50, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(pairs, async (some) => {
      expect(await patchInSql(app, some)).toEqual(some.map(([target, patch]) => mergePatch(target, patch)));
    }),
    { numRuns: 40 },
  );
});

test('A new contact gets its fields as a patch on an empty object gives them', () => {
  fc.assert(fc.property(object, (patch) => void expect(withoutNulls(patch)).toEqual(mergePatch({}, patch))));
});

/** The leaves of a value, by their paths. Objects are no leaves. */
const leavesOf = (some: unknown, path = ''): [string, unknown][] =>
  isObject(some)
    ? Object.entries(some).flatMap(([name, item]) => leavesOf(item, `${path}/${JSON.stringify(name)}`))
    : [[path, some]];

test('With merge a patch takes nothing away and empties nothing, at any depth', () => {
  fc.assert(
    fc.property(object, object, (target, patch) => {
      const merged = mergePatch(target, withoutNothing(patch));
      const given = new Map(leavesOf(patch).filter(([, leaf]) => leaf !== null && leaf !== ''));
      // What the patch gives is there, and what the patch does not give is as it was.
      for (const [path, leaf] of given) expect(new Map(leavesOf(merged)).get(path)).toEqual(leaf);
      for (const [path, leaf] of leavesOf(target)) {
        const isReplaced = [...given.keys()].some(
          (other) => `${other}/`.startsWith(`${path}/`) || `${path}/`.startsWith(`${other}/`),
        );
        if (!isReplaced && !/\{\}/.test(JSON.stringify(patch)))
          expect(new Map(leavesOf(merged)).get(path)).toEqual(leaf);
      }
    }),
    { numRuns: 1_000 },
  );
});

const half = 'x'.repeat(40_000);
const tooLarge = [
  { path: ['customFields'], message: expect.stringMatching(/at most 65536 characters.*take some away/) },
];

test('Patches do not make a contact’s fields larger than a contact may have', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const row = { name: 'Ada', email: 'ada@example.com' };
  const { id } = await contacts.create.mutate({ ...row, customFields: { half } });
  await expect(contacts.update.mutate({ id, customFields: { other: half } })).rejects.toMatchObject({
    data: { httpStatus: 400, details: { issues: tooLarge } },
  });
  for (const merge of [false, true]) {
    const { results } = await contacts.upsertMany.mutate({
      contacts: [{ name: 'Bob' }, { ...row, customFields: { deep: { other: half } } }, { name: 'Cem' }],
      merge,
    });
    expect(results).toMatchObject([
      { outcome: 'created' },
      { outcome: 'failed', issues: tooLarge },
      { outcome: 'created' },
    ]);
  }
  expect(await contacts.get.query({ id })).toMatchObject({ customFields: { half }, version: 1 });
  // What is replaced makes room, and so does what is taken away.
  const customFields = { half: null, other: half };
  expect(await contacts.update.mutate({ id, customFields })).toMatchObject({
    customFields: { other: half },
    version: 2,
  });
});

test('Fields of exactly the size are taken, and can still be changed', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  // Blanks, quotes and colons within texts and names count as any character; jsonb's own blanks do not count.
  const parts = {
    'a "b": c, ': ['x, "y": \\', { '': ': , ' }],
    n: 1,
    list: Array.from({ length: 1_000 }, (_, n) => n),
  };
  const rest = 65_536 - JSON.stringify({ ...parts, fill: '' }).length;
  const made = await contacts.create.mutate({ name: 'Ada', customFields: { ...parts, fill: 'é'.repeat(rest) } });
  expect((await contacts.update.mutate({ id: made.id, customFields: { n: 2 } })).version).toBe(2);
  await expect(contacts.update.mutate({ id: made.id, customFields: { n: 12 } })).rejects.toMatchObject({
    data: { details: { issues: tooLarge } },
  });
});

test('The patch between two objects makes the second of the first, and there is none between equal ones', () => {
  const object = value.filter(isObject).map(withoutNulls);
  fc.assert(
    fc.property(object, object, (before, after) => {
      expect(mergePatch(before, patchBetween(before, after))).toEqual(after);
      expect(patchBetween(before, structuredClone(before))).toEqual({});
    }),
  );
  expect(patchBetween({ a: { b: 1, c: [null] } }, { a: { c: [Infinity] } })).toEqual({ a: { c: [Infinity], b: null } });
});
