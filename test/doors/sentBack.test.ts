import { expect, test } from 'vitest';
import { connectMcp } from '../helpers/mcp.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const FIELDS = {
  email: 'ada@example.com',
  otherEmails: ['Other@example.com'],
  phone: '+44 20 7946 0958',
  otherPhones: ['112'],
  tags: ['a'],
  notes: 'as it was',
  customFields: { plan: 'pro', deep: { a: [1] } },
};
const make = (app: TestApp, fields = FIELDS) =>
  app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada', ...fields });
const refused = (path: string[], message: RegExp) => ({ path, message: expect.stringMatching(message) });

test('What a get gave can be sent back whole, over every door, and changes nothing', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const made = await make(app);
  expect(await contacts.update.mutate(made)).toEqual(made);
  const { body } = await app.api(app.one.key, 'GET', `/api/contacts/${made.id}`);
  const patched = await app.api(app.one.key, 'PATCH', `/api/contacts/${made.id}`, body.data);
  expect([patched.status, patched.body.data]).toEqual([200, body.data]);
  for (const merge of [false, true]) {
    const unchanged = [{ index: 0, outcome: 'unchanged', id: made.id, version: 1 }];
    expect((await contacts.upsertMany.mutate({ contacts: [made], merge })).results).toEqual(unchanged);
    const answer = await app.api(app.one.key, 'POST', '/api/contacts/batch', { contacts: [body.data], merge });
    expect(answer.body.data.results).toEqual(unchanged);
  }
  await using agent = await connectMcp({ app: app.app, key: app.one.key });
  const { contacts: read } = await agent.result('get_contacts', { ids: [made.id] });
  expect((await agent.result('update_contact', read[0])).contact.version).toBe(1);
  expect((await agent.result('upsert_contacts', { contacts: read })).results).toMatchObject([{ outcome: 'unchanged' }]);
});

test('What a get gave can be sent back with fields of the caller changed', async () => {
  await using app = await testApp();
  const made = await make(app);
  const { body } = await app.api(app.one.key, 'GET', `/api/contacts/${made.id}`);
  const changed = await app.api(app.one.key, 'PATCH', `/api/contacts/${made.id}`, { ...body.data, name: 'Augusta' });
  expect(changed.body.data).toMatchObject({ name: 'Augusta', version: 2 });
  // The copy is of an older version now.
  const stale = await app.api(app.one.key, 'PATCH', `/api/contacts/${made.id}`, body.data);
  expect([stale.status, stale.body.details.issues]).toEqual([
    400,
    [
      refused(['updatedAt'], /^Is set by the service, and is "20.*leave it out$/),
      refused(['version'], /and is 2: leave it out, or send it as expectedVersion/),
    ],
  ]);
  const { results } = await app.trpc(app.one.key).contacts.upsertMany.mutate({
    contacts: [{ name: 'New' }, { ...made, name: 'Stale' }],
  });
  expect(results).toMatchObject([
    { outcome: 'created' },
    { index: 1, outcome: 'failed', issues: [{ path: ['updatedAt'] }, { path: ['version'] }] },
  ]);
  expect(await app.trpc(app.one.key).contacts.get.query({ id: made.id })).toMatchObject({
    name: 'Augusta',
    version: 2,
  });
});

test('A date is the same in every way of writing it, and another instant is refused', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const { id, createdAt } = await make(app);
  const iso = createdAt.toISOString();
  const elsewhere = new Date(createdAt.getTime() + 2 * 3_600_000).toISOString().replace('Z', '+02:00');
  for (const same of [createdAt, iso, elsewhere]) {
    expect((await contacts.update.mutate({ id, createdAt: same })).version).toBe(1);
    expect((await app.api(app.one.key, 'PATCH', `/api/contacts/${id}`, { createdAt: same })).status).toBe(200);
  }
  for (const [field, value] of [
    ['createdAt', new Date(createdAt.getTime() + 1)],
    ['updatedAt', new Date(0)],
    ['deletedAt', new Date()],
    ['version', 2],
    ['version', 0],
  ] as const) {
    await expect(contacts.update.mutate({ id, notes: 'new', [field]: value }), field).rejects.toMatchObject({
      data: { httpStatus: 400, details: { issues: [refused([field], /^Is set by the service/)] } },
    });
  }
  const wrong = await app.api(app.one.key, 'PATCH', `/api/contacts/${id}`, { id: app.one.id, notes: 'new' });
  expect([wrong.status, wrong.body.details.issues[0].path]).toEqual([400, ['id']]);
  const foreign = await app.api(app.one.key, 'PATCH', `/api/contacts/${id}`, { organizationId: app.other.id });
  expect(foreign.status).toBe(403);
  expect(await contacts.get.query({ id })).toMatchObject({ notes: 'as it was', version: 1 });
});

test('expectedVersion decides before what is sent back, and a deleted contact stays 404', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const made = await make(app);
  await contacts.update.mutate({ id: made.id, name: 'Augusta' });
  await expect(contacts.update.mutate({ ...made, expectedVersion: 1 })).rejects.toMatchObject({
    data: { httpStatus: 412, details: { currentVersion: 2 } },
  });
  await expect(contacts.update.mutate({ ...made, expectedVersion: 2 })).rejects.toMatchObject({
    data: { httpStatus: 400 },
  });
  await contacts.delete.mutate({ id: made.id });
  await expect(contacts.update.mutate(made)).rejects.toMatchObject({ data: { httpStatus: 404 } });
});

test('A copy of a contact as a new contact is refused with the reason for each field', async () => {
  await using app = await testApp();
  const made = await make(app);
  const copy = await app.api(app.one.key, 'POST', '/api/contacts', { ...made, email: null });
  expect([copy.status, copy.body.details.issues]).toEqual([
    400,
    ['id', 'createdAt', 'updatedAt', 'deletedAt', 'version'].map((field) =>
      refused([field], /^Is set by the service: leave it out$/),
    ),
  ]);
  // A row that finds no contact has nothing to be unchanged.
  const { results } = await app.trpc(app.one.key).contacts.upsertMany.mutate({
    contacts: [{ name: 'Copy', email: 'copy@example.com', version: 1, deletedAt: null }],
  });
  const own = { name: 'Own', organizationId: app.one.id };
  const { results: named } = await app.trpc(app.one.key).contacts.upsertMany.mutate({
    contacts: [own, { ...own, organizationId: app.other.id }],
  });
  expect(named).toMatchObject([{ outcome: 'created' }, { outcome: 'failed', issues: [{ path: ['organizationId'] }] }]);
  expect(results).toMatchObject([{ outcome: 'failed', issues: [{ path: ['deletedAt'] }, { path: ['version'] }] }]);
});

test('Of two updates at once that send the same copy back, one is written', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const made = await make(app);
  const outcomes = await Promise.allSettled(
    ['One', 'Two', 'Three'].map((name) => contacts.update.mutate({ ...made, name })),
  );
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect((await contacts.get.query({ id: made.id })).version).toBe(2);
});
