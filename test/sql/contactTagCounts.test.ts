import { afterAll, beforeAll, expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { countTags } from '../../db/contactTagCounts.ts';
import { createTagCounts } from '../../server/procedures/tagCounts.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp({ isAlone: true });
});
afterAll(() => app[Symbol.asyncDispose]());

const contacts = (key = app.one.key) => app.trpc(key).contacts;
const make = async (...lists: string[][]) => {
  const all = [];
  for (const tags of lists) all.push(await contacts().create.mutate({ name: 'Tagged', tags }));
  return all;
};
const tagsOf = async (input: object, key = app.one.key) =>
  (await contacts(key).tags.query(input)).items.map(({ tag, count }) => `${tag} ${count}`);

test('Tags come by their use, as first written, with the number of contacts that are not deleted', async () => {
  const [first] = await make(['VIP', 'Straße'], ['vip', 'Ελλάς'], ['Vip', 'STRASSE'], ['old'], ['Zoo']);
  await contacts(app.other.key).create.mutate({ name: 'Theirs', tags: ['VIP', 'theirs'] });
  const [gone] = await make(['gone', 'vip']);
  await contacts().delete.mutate({ id: gone?.id as string });
  expect(await tagsOf({})).toEqual(['VIP 3', 'Straße 2', 'old 1', 'Zoo 1', 'Ελλάς 1']);
  expect(await tagsOf({}, app.other.key)).toEqual(['theirs 1', 'VIP 1']);
  for (const prefix of ['v', 'VI', 'vIp']) expect(await tagsOf({ prefix })).toEqual(['VIP 3']);
  expect(await tagsOf({ prefix: 'ΕΛ' })).toEqual(['Ελλάς 1']);
  expect(await tagsOf({ prefix: 'strass' })).toEqual(['Straße 2']);
  expect(await tagsOf({ prefix: 'ip' })).toEqual([]);
  expect(await tagsOf({ prefix: '%' })).toEqual([]);

  await contacts().delete.mutate({ id: first?.id as string });
  expect(await tagsOf({ prefix: 'v' })).toEqual(['vip 2']);
  await contacts().restore.mutate({ id: gone?.id as string });
  await contacts().updateMany.mutate({ where: { tag: 'zoo' }, removeTags: ['ZOO'], addTags: ['Zebra'] });
  expect(await tagsOf({})).toEqual(['vip 3', 'gone 1', 'old 1', 'STRASSE 1', 'Zebra 1', 'Ελλάς 1']);
  expect((await app.api(app.one.key, 'GET', '/api/contacts/tags?prefix=GO&limit=1')).body).toEqual({
    ...{ success: true, data: [{ tag: 'gone', count: 1 }], nextCursor: null },
  });
});

test('Pages of tags are whole, without a tag twice', async () => {
  const names = Array.from({ length: 25 }, (_, n) => `page ${String.fromCharCode(97 + n)}`);
  await make(names, names.slice(0, 10), names.slice(5, 8));
  const seen: string[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    const page: { items: { tag: string }[]; nextCursor: string | null } = await contacts().tags.query({
      prefix: 'page',
      limit: 7,
      cursor,
    });
    seen.push(...page.items.map(({ tag }) => tag));
    cursor = page.nextCursor;
    pages += 1;
  } while (cursor);
  expect(pages).toBe(4);
  expect(seen).toEqual([...names.slice(5, 8), ...names.slice(0, 5), ...names.slice(8, 10), ...names.slice(10)]);
  for (const wrong of ['x', btoa('[1]'), btoa('["a",1]')]) {
    const refused = await app.api(app.one.key, 'GET', `/api/contacts/tags?cursor=${encodeURIComponent(wrong)}`);
    expect([refused.status, refused.body.details.issues[0].path]).toEqual([400, ['cursor']]);
  }
});

test('Tags that several statements count are counted as by a single one, the 1,000 most used of them', async () => {
  const rows = Array.from({ length: 110 }, (_, n) => ({
    name: `Many ${n}`,
    tags: Array.from({ length: 100 }, (__, place) =>
      place < 5 ? `many ${'abcde'[place]}` : `many ${n * 100 + place}`,
    ),
  }));
  await contacts().upsertMany.mutate({ contacts: rows.slice(0, 100) });
  await contacts().upsertMany.mutate({ contacts: rows.slice(100) });
  const db = asOperator(app.db, app.one.id);
  const query = { organizationId: app.one.id, prefix: 'many' };
  const whole = await countTags(db, query);
  expect(whole.rows).toBe(11_000);
  expect(whole.tags).toHaveLength(1_000);
  expect(whole.tags.slice(0, 6)).toEqual([
    ...[...'abcde'].map((letter) => ({ key: `many ${letter}`, count: 110 })),
    { key: 'many 10', count: 1 },
  ]);
  for (const chunk of [97, 3_000, 11_000]) expect(await countTags(db, { ...query, chunk }), `${chunk}`).toEqual(whole);
});

test('Remembered counts are an organization’s own, and are shown to those alone whom the database admits', async () => {
  await using remembering = await testApp({ deps: { listTags: createTagCounts({ rememberFrom: 1 }) } });
  const { one, other } = remembering;
  const of = (key: string) => remembering.trpc(key).contacts;
  const tags = async (key: string, prefix?: string) => (await of(key).tags.query({ prefix })).items;
  await of(one.key).create.mutate({ name: 'Ada', tags: ['kept'] });
  await of(other.key).create.mutate({ name: 'Ada', tags: ['theirs'] });
  expect(await tags(one.key)).toEqual([{ tag: 'kept', count: 1 }]);
  await of(one.key).create.mutate({ name: 'Bo', tags: ['KEPT', 'new'] });
  expect(await tags(one.key)).toEqual([{ tag: 'kept', count: 1 }]);
  expect(await tags(one.key, 'K')).toEqual([{ tag: 'kept', count: 2 }]);
  expect(await tags(other.key)).toEqual([{ tag: 'theirs', count: 1 }]);
  const revoked = await remembering.issue(one.id);
  expect(await tags(revoked.key)).toEqual([{ tag: 'kept', count: 1 }]);
  await remembering.trpc(one.key).keys.revoke.mutate({ id: revoked.apiKey.id });
  await expect(tags(revoked.key)).rejects.toMatchObject({ data: { httpStatus: 401 } });
  // A refused call beside calls that are admitted fails alone.
  const both = await Promise.allSettled([tags(revoked.key, 'n'), tags(one.key, 'n'), tags(one.key, 'n')]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
});
