import { afterAll, beforeAll, expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { encodeCursor } from '../../shared/paging.ts';
import { phoneKeys } from '../../shared/phones.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

let app: TestApp;
const ids: Record<string, string> = {};
const CONTACTS = [
  {
    name: 'Zoë',
    company: 'Ácme',
    tags: ['vip', 'Berlin'],
    customFields: { plan: 'pro', seats: 3 },
    phone: '+44 20 7946 0958',
  },
  { name: 'Ada', company: 'ACME', tags: ['vip', 'a, b'], customFields: { plan: 'free', seats: '3', ok: true } },
  { name: 'émile', company: 'Acme Labs', tags: ['berlin'], customFields: { 'a:b': 'x' } },
];
beforeAll(async () => {
  app = await testApp({ isAlone: true });
  for (const contact of CONTACTS) {
    const { id } = await app.trpc(app.one.key).contacts.create.mutate(contact);
    ids[contact.name] = id;
    if (contact.phone) {
      const db = asOperator(app.db, app.one.id);
      await db
        .updateTable('contacts')
        .set({ phone_keys: phoneKeys(contact.phone), form: -2 })
        .where('id', '=', id)
        .execute();
    }
  }
});
afterAll(() => app[Symbol.asyncDispose]());

async function list(query: string): Promise<string[]> {
  const { status, body } = await app.api(app.one.key, 'GET', `/api/contacts?${query}`);
  expect(status, JSON.stringify(body)).toBe(200);
  const { body: counted } = await app.api(
    app.one.key,
    'GET',
    `/api/contacts/count?${query.replace(/&?(sort|limit)=[^&]*/g, '')}`,
  );
  expect(counted.data, query).toEqual({ count: body.data.length, isExact: true });
  return body.data.map(({ name }: { name: string }) => name);
}

test('The query has each condition; lists are separated by commas or repeated', async () => {
  for (const [query, names] of [
    ['tags=vip', ['Ada', 'Zoë']],
    ['tags=VIP,berlin', ['Zoë']],
    ['tags=vip&tags=berlin', ['Zoë']],
    ['tag=vip&tags=berlin', ['Zoë']],
    ['tag=a,%20B', ['Ada']],
    ['tags=a,b', []],
    ['company=acme', ['Ada', 'Zoë']],
    ['company=%C3%81CME', ['Ada', 'Zoë']],
    ['company=acm', []],
    ['phone=020%207946%200958', ['Zoë']],
    ['phone=%2B442079460958', ['Zoë']],
    [`ids=${ids.Ada},${ids.Zoë?.toUpperCase()}`, ['Ada', 'Zoë']],
    [`ids=${ids.Ada}&ids=${ids.émile}`, ['émile', 'Ada']],
    [`ids=01890000-0000-7000-8000-000000000000`, []],
    ['customField=plan:pro', ['Zoë']],
    ['customField=plan:PRO', []],
    ['customField=seats:3', ['Ada', 'Zoë']],
    ['customField=ok:true', ['Ada']],
    ['customField=ok:1', []],
    ['createdSince=2026-01-01T00:00:00+02:00', ['émile', 'Ada', 'Zoë']],
    ['updatedSince=2999-01-01%2000:00:00z', []],
    ['sort=name', ['Ada', 'émile', 'Zoë']],
    ['sort=createdAt', ['Zoë', 'Ada', 'émile']],
    ['sort=name&tags=berlin', ['émile', 'Zoë']],
  ] as const) {
    expect(await list(query), query).toEqual(names);
  }
});

test('A custom field by its name and value finds a value of that type alone, over tRPC', async () => {
  const { contacts } = app.trpc(app.one.key);
  const find = async (name: string, value: string | number | boolean) =>
    (await contacts.list.query({ customField: { name, value } })).items.map((contact) => contact.name);
  expect(await find('seats', 3)).toEqual(['Zoë']);
  expect(await find('seats', '3')).toEqual(['Ada']);
  expect(await find('a:b', 'x')).toEqual(['émile']);
  expect(await find('ok', true)).toEqual(['Ada']);
});

test('A custom field is not found by a number that would be rounded to its value', async () => {
  await using app = await testApp();
  for (const seats of [9007199254740992, '9007199254740993'])
    await app.trpc(app.one.key).contacts.create.mutate({ name: String(seats), customFields: { seats } });
  for (const seats of ['9007199254740992', '9007199254740993', '9007199254740992.0']) {
    const { body } = await app.api(app.one.key, 'GET', `/api/contacts?customField=seats:${seats}`);
    expect(body.data.map(({ name }: { name: string }) => name)).toEqual([seats.replace('.0', '')]);
  }
});

test('Fields are chosen; id and version come with them, over REST, tRPC and in every way to find a contact', async () => {
  const { contacts } = app.trpc(app.one.key);
  for (const conditions of [{}, { tag: 'vip' }, { search: 'ada' }, { ids: [ids.Ada as string] }]) {
    for (const sort of ['-createdAt', 'name'] as const) {
      const whole = await contacts.list.query({ ...conditions, sort });
      const chosen = await contacts.list.query({
        ...conditions,
        sort,
        fields: ['name', 'updatedAt', 'deletedAt', 'name'],
      });
      expect(chosen.items).toEqual(
        whole.items.map(({ id, version, name, updatedAt, deletedAt }) => ({ id, version, name, updatedAt, deletedAt })),
      );
    }
  }
  const { body } = await app.api(app.one.key, 'GET', '/api/contacts?fields=company,customFields&sort=name&limit=1');
  expect(body.data).toEqual([{ id: ids.Ada, version: 1, company: 'ACME', customFields: CONTACTS[1]?.customFields }]);
  expect((await app.api(app.one.key, 'GET', '/api/contacts?fields=id')).body.data[0]).toEqual({
    id: ids.émile,
    version: 1,
  });
  expect((await app.api(app.one.key, 'GET', '/api/contacts?fields=secret')).status).toBe(400);
  expect(
    (await app.api(app.one.key, 'GET', `/api/contacts?fields=name&limit=1&sort=name&cursor=${body.nextCursor}`)).body
      .data,
  ).toEqual([{ id: ids.émile, version: 1, name: 'émile' }]);
});

test('A cursor of null is none, direction is taken, and a cursor of a released client goes on in the default sort alone', async () => {
  const { contacts, keys, audit } = app.trpc(app.one.key);
  const first = await contacts.list.query({ cursor: null, direction: 'forward', limit: 1 });
  expect(first.items.map(({ name }) => name)).toEqual(['émile']);
  expect(first.nextCursor).toBe(encodeCursor(ids.Ada as string));
  const next = await contacts.list.query({ cursor: first.nextCursor, direction: 'backward', sort: '-createdAt' });
  expect(next.items.map(({ name }) => name)).toEqual(['Ada', 'Zoë']);
  for (const sort of ['createdAt', '-updatedAt', 'updatedAt', 'name'] as const) {
    await expect(contacts.list.query({ cursor: first.nextCursor, sort })).rejects.toThrow();
    const { nextCursor } = await contacts.list.query({ sort, limit: 1 });
    await expect(contacts.list.query({ cursor: nextCursor })).rejects.toThrow();
    expect((await contacts.list.query({ cursor: nextCursor, sort })).items).toHaveLength(2);
  }
  expect((await keys.list.query({ cursor: null, direction: 'forward' })).items).toHaveLength(1);
  expect((await audit.list.query({ cursor: null })).nextCursor).toBeNull();
});

test('A cursor that somebody has made up is refused, and never a defect', async () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const id = ids.Ada;
  for (const value of [
    ['name', 'ada', 'none'],
    ['name', 'a\0', id],
    ['name', '\ud800', id],
    ['name', 7, id],
    ['name', 'x'.repeat(2_000), id],
    ['updatedAt', 'ada', id],
    ['updatedAt', 1e300, id],
    ['updatedAt', 8.64e15, id],
    ['-updatedAt', -8.64e15, id],
    ['createdAt', 'ada', id],
    ['-createdAt', null, id],
    [],
    'name',
    null,
  ]) {
    const sort = Array.isArray(value) && typeof value[0] === 'string' ? value[0] : 'name';
    const { status } = await app.api(app.one.key, 'GET', `/api/contacts?sort=${sort}&cursor=${encode(value)}`);
    expect(status, JSON.stringify(value)).toBe(400);
  }
});
