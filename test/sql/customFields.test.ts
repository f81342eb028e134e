import { expect, test } from 'vitest';
import { testApp } from '../helpers/testApp.ts';

const tooLarge = { path: ['customFields'], message: expect.stringMatching(/at most 65536 characters/) };

test('Numbers that PostgreSQL would keep with hundreds of zeros each count by those', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const kept = await contacts.create.mutate({ name: 'Kept', email: 'kept@example.com' });
  for (const number of [1e308, -1e308, 5e-324]) {
    // 9,000 such numbers take less than 64 KiB in the request, and two to three MiB in the database.
    for (const customFields of [{ numbers: Array(9_000).fill(number) }, { deep: [{ er: Array(300).fill(number) }] }]) {
      for (const [method, path] of [
        ['POST', '/api/contacts'],
        ['PATCH', `/api/contacts/${kept.id}`],
      ] as const) {
        const answer = await app.api(app.one.key, method, path, { name: 'Huge', customFields });
        expect([answer.status, answer.body.details?.issues], `${method} ${number}`).toEqual([400, [tooLarge]]);
      }
      await expect(contacts.create.mutate({ name: 'Huge', customFields })).rejects.toMatchObject({
        data: { httpStatus: 400, details: { issues: [tooLarge] } },
      });
      const { results } = await contacts.upsertMany.mutate({
        contacts: [{ name: 'Huge', email: 'kept@example.com', customFields }],
      });
      expect(results).toMatchObject([{ outcome: 'failed', issues: [tooLarge] }]);
    }
  }
  expect((await contacts.list.query()).items).toEqual([kept]);
});

test('Numbers with exponents are kept exactly, as long as they fit', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const numbers = [
    1e21,
    -2.5e30,
    6.02214076e23,
    1.5e-7,
    -1e-300,
    5e-324,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
    0.1,
    1e20,
  ];
  const customFields = { numbers, nested: { avogadro: 6.02214076e23 }, many: Array(150).fill(1e308) };
  const made = await contacts.create.mutate({ name: 'Ada', customFields });
  expect(made.customFields).toEqual(customFields);
  const { body } = await app.api(app.one.key, 'GET', `/api/contacts/${made.id}`);
  expect(body.data.customFields).toEqual(customFields);
  expect((await contacts.list.query()).items[0]?.customFields).toEqual(customFields);
  // An update with the same values changes nothing.
  expect(await contacts.update.mutate({ id: made.id, customFields })).toEqual(made);
  // Numbers without exponents take as many bytes in the database as in the request.
  const plain = { plain: Array(6_000).fill(123_456_789) };
  const instead = { ...plain, numbers: null, nested: null, many: null };
  expect((await contacts.update.mutate({ id: made.id, customFields: instead })).customFields).toEqual(plain);
});
