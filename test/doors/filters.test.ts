import { expect, test } from 'vitest';
import { connectMcp } from '../helpers/mcp.ts';
import { testApp } from '../helpers/testApp.ts';

const EMPTY = [
  ['search', 'Must not be empty: leave it out, or give words to look for'],
  ['tag', 'Must not be empty: leave it out, or give a tag'],
  ['email', 'Must not be empty: leave it out, or give an address'],
] as const;

test('An empty filter is refused over every door, with what to do: it would list everybody', async () => {
  await using app = await testApp();
  await using agent = await connectMcp({ app: app.app, key: app.one.key });
  for (const [field, message] of EMPTY) {
    for (const value of ['', ' ', '\u3000']) {
      const issues = [{ path: [field], message }];
      const rest = await app.api(app.one.key, 'GET', `/api/contacts?${field}=${encodeURIComponent(value)}`);
      expect([rest.status, rest.body.details], field).toEqual([400, { issues }]);
      await expect(app.trpc(app.one.key).contacts.list.query({ [field]: value })).rejects.toMatchObject({
        data: { httpStatus: 400, details: { issues } },
      });
      const tool = field === 'search' ? { query: value } : { [field]: value };
      expect((await agent.failure('search_contacts', tool)).text).toContain(message);
    }
  }
  const unnamed = await app.api(app.one.key, 'GET', '/api/contacts?email');
  expect([unnamed.status, unnamed.body.details.issues[0].path]).toEqual([400, ['email']]);
});

test('A plus in an address of the query is a plus, escaped or not', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const addresses = ['ada+work@example.com', '+ada@example.com', 'a++b@example.com', 'ada@example.com', 'a+b+c@x.org'];
  for (const email of addresses) await contacts.create.mutate({ name: email, email });
  const found = async (query: string) =>
    (await app.api(app.one.key, 'GET', `/api/contacts?${query}`)).body.data.map(({ name }: { name: string }) => name);
  for (const email of addresses) expect(await found(`email=${encodeURIComponent(email)}`)).toEqual([email]);
  for (const email of addresses.filter((address) => !address.startsWith('+'))) {
    expect(await found(`email=${email}`)).toEqual([email]);
    expect(await found(`limit=5&email=+${email}+`)).toEqual([email]);
  }
  // A blank that is escaped is a blank, and so is a plus in a search.
  expect(await found('email=ada%20work@example.com')).toEqual([]);
  expect(await found('search=ada+example.com&limit=1')).toHaveLength(1);
});

test('A number of a query that JavaScript would round is refused', async () => {
  await using app = await testApp();
  const long = '9007199254740993';
  const rest = await app.api(app.one.key, 'GET', `/api/contacts?limit=${long}`);
  expect([rest.status, rest.body.details.issues]).toEqual([400, [{ path: ['limit'], message: expect.any(String) }]]);
  const get = async (input: string, batch = '') =>
    await app.api(app.one.key, 'GET', `/trpc/contacts.list${batch}input=${encodeURIComponent(input)}`);
  const one = await get(`{"json":{"limit":0.1000000000000000055511151231257827}}`, '?');
  expect(one.body.error.json.data).toMatchObject({
    httpStatus: 400,
    details: { issues: [{ path: ['limit'], message: expect.stringMatching(/kept exactly/) }] },
  });
  // In a batch, only the call fails that has the number.
  const [first, second] = (
    await get(`{"0":{"json":{"limit":${long}}},"1":{"json":{"limit":1}}}`, ',contacts.list?batch=1&')
  ).body;
  expect(first.error.json.data.details.issues[0].path).toEqual(['limit']);
  expect(second.result.data.json.items).toEqual([]);
});

test('A key is refused before a number is', async () => {
  await using app = await testApp();
  const body = '{"name":"Ada","customFields":{"n":9007199254740993}}';
  expect((await app.api('introzy_none', 'POST', '/api/contacts', body)).status).toBe(401);
  expect((await app.api('introzy_none', 'POST', '/trpc/contacts.create', `{"json":${body}}`)).status).toBe(401);
});

test('superjson’s numbers beyond JSON are refused', async () => {
  await using app = await testApp();
  const create = async (n: string, type: string) => {
    const wire = `{"json":{"name":"Ada","customFields":{"n":${n}}},"meta":{"values":{"customFields.n":["${type}"]}}}`;
    return (await app.api(app.one.key, 'POST', '/trpc/contacts.create', wire)).body.error?.json.data.details.issues[0];
  };
  expect(await create('"9007199254740993"', 'bigint')).toEqual({
    path: [],
    message: expect.stringMatching(/^Not superjson/),
  });
  for (const n of ['"Infinity"', '"NaN"']) {
    expect(await create(n, 'number')).toEqual({
      path: ['customFields', 'n'],
      message: expect.stringMatching(/kept exactly/),
    });
  }
});
