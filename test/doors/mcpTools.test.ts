import { describe, expect, test } from 'vitest';
import { tools } from '../../server/doors/mcp/tools.ts';
import { connectMcp } from '../helpers/mcp.ts';
import { testApp } from '../helpers/testApp.ts';

const [READ, CHANGE] = ['contacts:read', 'contacts:write'] as const;
/** By tool: read only, destructive, idempotent. */
const HINTS = {
  whoami: [true, false, true],
  search_contacts: [true, false, true],
  get_contacts: [true, false, true],
  list_tags: [true, false, true],
  create_contact: [false, false, false],
  update_contact: [false, true, true],
  update_contacts: [false, true, true],
  upsert_contacts: [false, true, true],
  delete_contacts: [false, true, true],
  restore_contacts: [false, false, true],
};
const READING = ['whoami', 'search_contacts', 'get_contacts', 'list_tags'];
const CHANGING = Object.keys(HINTS).filter((name) => !READING.includes(name));

test('Every tool has its four hints, and schemas for what it takes and gives', async () => {
  await using app = await testApp();
  await using mcp = await connectMcp({ app: app.app, key: app.one.key });
  const { tools: listed } = await mcp.client.listTools();
  expect(Object.fromEntries(listed.map(({ name, annotations }) => [name, annotations]))).toEqual(
    Object.fromEntries(
      Object.entries(HINTS).map(([name, [readOnlyHint, destructiveHint, idempotentHint]]) => [
        name,
        { readOnlyHint, destructiveHint, idempotentHint, openWorldHint: false },
      ]),
    ),
  );
  for (const { name, title, description, inputSchema, outputSchema } of listed) {
    expect(title && description, name).toBeTruthy();
    expect(inputSchema, name).toMatchObject({ type: 'object', properties: expect.any(Object) });
    expect(outputSchema, name).toMatchObject({ type: 'object', required: expect.any(Array) });
  }
});

test('No tool issues or shows a key', async () => {
  await using app = await testApp();
  await using mcp = await connectMcp({ app: app.app, key: app.one.key });
  const { key } = await mcp.result('whoami');
  expect(Object.keys(key).sort()).toEqual(['expiresAt', 'holder', 'id', 'name', 'scopes']);
  expect(tools.map(({ name }) => name).filter((name) => /key|issue|rotate/.test(name))).toEqual([]);
});

describe('A key with', () => {
  for (const [scope, allowed, forbidden] of [
    [READ, READING, CHANGING],
    [CHANGE, ['whoami', ...CHANGING], READING.slice(1)],
    ['keys:manage', ['whoami'], [...READING.slice(1), ...CHANGING]],
  ] as const) {
    test(`${scope} alone sees and calls the tools that it allows, and no other`, async () => {
      await using app = await testApp();
      const { key } = await app.issue(app.one.id, { scopes: [scope] });
      await using mcp = await connectMcp({ app: app.app, key });
      const { tools: listed } = await mcp.client.listTools();
      expect(listed.map(({ name }) => name)).toEqual(allowed);
      for (const name of forbidden) {
        const needed = READING.includes(name) ? READ : CHANGE;
        const reason = `The API key lacks the scope ${needed}`;
        // The input is invalid on purpose: a caller without the scope must not learn a tool's input.
        const { text, error } = await mcp.failure(name, { nonsense: true });
        expect(error).toMatchObject({ status: 403, details: { reason } });
        expect(text).toContain(`${reason}. Ask whoever gave you the key`);
      }
    });
  }
});

for (const mode of ['auto', 'legacy'] as const) {
  test(`Contacts are found, made, changed, deleted and restored (${mode})`, async () => {
    await using app = await testApp();
    await using mcp = await connectMcp({ app: app.app, key: app.one.key, mode });
    await mcp.client.listTools();
    const unique = `${mode}${Date.now()}`;
    const email = `ada@${unique}.example.com`;
    const fields = { name: `Ada ${unique}`, email, tags: ['maths'], customFields: { born: 1815 }, notes: 'Poetical' };
    const { contact } = await mcp.result('create_contact', fields);
    expect(contact).toEqual({
      ...{ id: expect.any(String), name: fields.name, email, company: null, title: null, tags: ['maths'], version: 1 },
    });
    const { id } = contact;
    expect(await mcp.result('search_contacts', { query: unique })).toEqual({ contacts: [contact], nextCursor: null });
    expect(await mcp.result('search_contacts', { email: email.toUpperCase() })).toMatchObject({ contacts: [contact] });
    expect(await mcp.result('search_contacts', { tag: 'maths', query: unique })).toMatchObject({ contacts: [contact] });

    const whole = await app.trpc(app.one.key).contacts.get.query({ id });
    const { organizationId: _, ...told } = JSON.parse(JSON.stringify(whole));
    const asked = await mcp.result('get_contacts', { ids: [id, id], emails: [` ${email}`, 'nobody@example.com'] });
    expect(asked).toEqual({
      contacts: [told],
      missing: { ids: [], emails: ['nobody@example.com'] },
      unread: { ids: [], emails: [] },
    });

    const changes = { id, expectedVersion: 1, title: 'Countess', notes: null };
    expect(await mcp.result('update_contact', changes)).toMatchObject({ contact: { title: 'Countess', version: 2 } });
    expect(await app.trpc(app.one.key).contacts.get.query({ id })).toMatchObject({ notes: null, company: null });

    const rows = [{ email, name: fields.name }, { email: `new@${unique}`, name: 'New' }, { name: '' }];
    const { results } = await mcp.result('upsert_contacts', { contacts: rows, merge: true });
    expect(results).toEqual([
      { index: 0, outcome: 'unchanged', id, version: 2 },
      { index: 1, outcome: 'created', id: expect.any(String), version: 1 },
      { index: 2, outcome: 'failed', error: expect.stringMatching(/^Invalid request: name: .*Mend the input/) },
    ]);

    const none = crypto.randomUUID();
    expect(await mcp.result('delete_contacts', { ids: [id, none] })).toEqual({
      results: [
        { id, outcome: 'done' },
        { id: none, outcome: 'failed', error: expect.stringContaining('There is no contact with this id') },
      ],
    });
    expect(await mcp.result('search_contacts', { email })).toEqual({ contacts: [], nextCursor: null });
    const gone = await mcp.failure('update_contact', { id, title: 'Lady' });
    expect(gone.text).toMatch(
      /^The contact is deleted: restore it first\. deletedAt: 20\S+Z\. restore_contacts brings/,
    );
    expect(gone.error).toMatchObject({ details: { deletedAt: expect.stringMatching(/^20.*Z$/) } });
    expect(await mcp.result('restore_contacts', { ids: [id] })).toEqual({ results: [{ id, outcome: 'done' }] });
    expect(await mcp.result('update_contacts', { where: { ids: [id] }, addTags: ['poet'] })).toMatchObject({
      ids: [id],
    });
    expect(await mcp.result('search_contacts', { email })).toMatchObject({ contacts: [{ id }] });
  });
}

test('A search gives 10 rows unless told, 50 at most, and a cursor for the next', async () => {
  await using app = await testApp();
  const word = `w${Date.now()}`;
  const contacts = Array.from({ length: 60 }, (_, index) => ({ name: `${word} ${index}` }));
  await app.trpc(app.one.key).contacts.upsertMany.mutate({ contacts });
  await using mcp = await connectMcp({ app: app.app, key: app.one.key });
  const first = await mcp.result('search_contacts', { query: word });
  expect(first.contacts).toHaveLength(10);
  const second = await mcp.result('search_contacts', { query: word, cursor: first.nextCursor, limit: 50 });
  expect(second).toMatchObject({ contacts: { length: 50 }, nextCursor: null });
  const ids = [...first.contacts, ...second.contacts].map(({ id }: { id: string }) => id);
  expect(new Set(ids).size).toBe(60);
  for (const limit of [0, 51, 1.5]) {
    expect((await mcp.failure('search_contacts', { limit })).text).toMatch(/^Invalid request: limit: /);
  }
});

test('A hundred ids and emails are taken, and not one more, nor none', async () => {
  await using app = await testApp();
  await using mcp = await connectMcp({ app: app.app, key: app.one.key });
  const contacts = Array.from({ length: 100 }, (_, index) => ({ name: `Contact ${index}` }));
  const { results } = await mcp.result('upsert_contacts', { contacts });
  const ids = results.map(({ id }: { id: string }) => id);
  expect((await mcp.result('get_contacts', { ids })).contacts.map(({ id }: { id: string }) => id)).toEqual(ids);
  expect((await mcp.result('delete_contacts', { ids })).results).toHaveLength(100);
  for (const [name, input] of [
    ['get_contacts', { ids, emails: ['one@example.com'] }],
    ['get_contacts', {}],
    ['delete_contacts', { ids: [...ids, ids[0]] }],
    ['restore_contacts', { ids: [] }],
    ['upsert_contacts', { contacts: [...contacts, { name: 'One more' }] }],
  ] as const) {
    expect((await mcp.failure(name, input)).text, name).toMatch(/^Invalid request: .*Nothing was written/);
  }
});

test('A dry run of a tool answers as the call does, and changes nothing', async () => {
  await using app = await testApp();
  await using mcp = await connectMcp({ app: app.app, key: app.one.key });
  const { contacts } = app.trpc(app.one.key);
  const tag = `dry${Date.now()}`;
  const made = await contacts.create.mutate({ name: 'Ada', tags: [tag] });
  const gone = await contacts.create.mutate({ name: 'Gone' });
  await contacts.delete.mutate({ id: gone.id });
  const calls: [string, object][] = [
    ['create_contact', { name: 'Bo', tags: [tag] }],
    ['update_contact', { id: made.id, title: 'Countess' }],
    ['upsert_contacts', { contacts: [{ name: 'Cy', tags: [tag] }] }],
    ['update_contacts', { where: { tag }, addTags: ['more'] }],
    ['delete_contacts', { ids: [made.id] }],
    ['restore_contacts', { ids: [gone.id] }],
  ];
  for (const [name, input] of calls) expect(await mcp.result(name, { ...input, dryRun: true }), name).toBeTruthy();
  expect((await contacts.list.query({ tag, includeDeleted: true })).items).toEqual([made]);
  expect((await contacts.getMany.query({ ids: [gone.id] })).missing.ids).toEqual([gone.id]);
  expect(await mcp.result('update_contacts', { where: { tag, query: 'ada' }, addTags: ['more'] })).toEqual({
    ...{ matched: 1, updated: 1, unchanged: 0, ids: [made.id] },
  });
  expect(await mcp.result('list_tags', { prefix: tag.toUpperCase() })).toEqual({
    ...{ tags: [{ tag, count: 1 }], nextCursor: null },
  });
});
