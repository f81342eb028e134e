import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { updateContacts } from '../../db/contactChanges.ts';
import { remakeContacts } from '../../db/contactForm.ts';
import type { ContactInput } from '../../shared/contacts.ts';
import { readTables, runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp({ isAlone: true });
});
afterAll(() => app[Symbol.asyncDispose]());

const contacts = (key = app.one.key) => app.trpc(key).contacts;
let made = 0;
/** Makes contacts that a tag of their own tells from all others. Gives the tag and the contacts. */
async function make(...inputs: Partial<ContactInput>[]) {
  const tag = `group${++made}`;
  const all = [];
  for (const { tags = [], ...input } of inputs) {
    all.push(await contacts().create.mutate({ name: `Contact ${++made}`, ...input, tags: [tag, ...tags] }));
  }
  return { tag, all, ids: all.map(({ id }) => id) };
}
const read = async (ids: string[]) => (await contacts().getMany.query({ ids })).contacts;
const post = (body: object, key = app.one.key) => app.api(key, 'POST', '/api/contacts/update', body);
const issuesOf = async (body: object) => {
  const { status, body: answer } = await post(body);
  return [status, answer.details?.issues];
};

test('The fields are written into every contact that meets the conditions, and versions grow where a value differs', async () => {
  const { tag, ids } = await make(
    { company: 'Old', customFields: { plan: 'pro', seats: 3 } },
    { company: 'New', title: 'Boss', customFields: { plan: 'free' } },
    { company: 'New', customFields: { plan: 'free' } },
  );
  const { ids: others } = await make({ company: 'Old' });
  const answer = await contacts().updateMany.mutate({
    where: { tag },
    set: { company: 'New', title: null, customFields: { plan: 'free', seats: null } },
  });
  expect(answer).toEqual({ matched: 3, updated: 2, unchanged: 1, ids: ids.slice(0, 2) });
  const told = (await read(ids)).map(({ company, title, customFields, version }) => [
    company,
    title,
    customFields,
    version,
  ]);
  expect(told).toEqual([
    ['New', null, { plan: 'free' }, 2],
    ['New', null, { plan: 'free' }, 2],
    ['New', null, { plan: 'free' }, 1],
  ]);
  expect(await read(others)).toMatchObject([{ company: 'Old', version: 1 }]);
  expect(await contacts().updateMany.mutate({ where: { tag: 'nobody has it' }, set: { title: 'x' } })).toEqual({
    ...{ matched: 0, updated: 0, unchanged: 0, ids: [] },
  });
});

test('A changed contact is found by its new values, and by its old values no more', async () => {
  const { tag, ids } = await make({ company: 'Straße & Söhne', tags: ['Blue', "'"] }, { company: 'Straße & Söhne' });
  await contacts().updateMany.mutate({
    where: { tag },
    set: { company: 'Çelik', name: 'Zoë Łukasz', phone: '+44 20 7946 0000', notes: 'Poetical science' },
    addTags: ['Großer Kunde', 'BLUE'],
    removeTags: ["'"],
  });
  const found = async (query: object) =>
    (await contacts().list.query({ tag, ...query })).items.map(({ id }) => id).sort();
  for (const query of [
    ...[{ search: 'celik' }, { search: 'lukasz zoe' }, { search: '79460000' }, { search: 'poetical' }],
    ...[{ search: 'grosser kunde' }, { tags: ['GROSSER KUNDE', 'blue'] }, { company: 'celik' }],
    ...[{ search: 'blue' }],
  ]) {
    expect(await found(query), JSON.stringify(query)).toEqual(ids);
  }
  expect(await found({ search: 'strasse' })).toEqual([]);
  expect((await read(ids)).map(({ tags }) => tags)).toEqual([
    [tag, 'Blue', 'Großer Kunde'],
    [tag, 'Großer Kunde', 'BLUE'],
  ]);
});

test('What changes in many contacts at once is kept as single updates keep it', async () => {
  const fields = { company: 'Nova', title: 'CTO', customFields: { a: { b: 1 } }, tags: ['VIP', 'Ελλάς'] };
  const { tag, ids } = await make({ tags: ['vip'] }, {}, {}, {});
  const [one = '', two = '', three = '', four = ''] = ids;
  await contacts().updateMany.mutate({ where: { ids: [one, two] }, set: { ...fields, tags: [tag, ...fields.tags] } });
  await contacts().update.mutate({ id: three, ...fields, tags: [tag, ...fields.tags] });
  await contacts().updateMany.mutate({
    where: { ids: [four] },
    set: { ...fields, tags: undefined },
    addTags: fields.tags,
  });
  const rows = (await readTables(app)).contacts.filter(({ id }) => ids.includes(String(id)));
  const kept = new Map(rows.map((row) => [row.id, row]));
  const unlike = ({
    id: _,
    name: __,
    name_key: ___,
    name_fold: ____,
    search: _____,
    document,
    folded,
    ...row
  }: Record<string, unknown>) => {
    const { id: ______, name, createdAt: _______, updatedAt: ________, ...shown } = JSON.parse(String(document));
    const { created_at, updated_at, ...others } = row;
    return { ...others, shown, folded: String(folded).replace(String(name).toLowerCase(), 'name') };
  };
  const single = unlike(kept.get(three) ?? {});
  expect(unlike(kept.get(two) ?? {})).toEqual(single);
  expect(unlike(kept.get(four) ?? {})).toEqual(single);
  expect((kept.get(one) as Record<string, unknown>).tags).toEqual([tag, 'vip', 'Ελλάς']);
});

test('Contacts in an older form are changed too, and made anew later', async () => {
  const { tag, ids } = await make({ tags: ['Old'] }, { tags: ['Old'] });
  await runAsAdmin(app, `update contacts set form = 0, title = 'by an old instance' where id = '${ids[0]}'`);
  await contacts().updateMany.mutate({
    where: { ids },
    removeTags: ['OLD'],
    addTags: ['New'],
    set: { company: 'Nova' },
  });
  expect((await read(ids)).map(({ tags, company }) => [tags, company])).toEqual([
    [[tag, 'New'], 'Nova'],
    [[tag, 'New'], 'Nova'],
  ]);
  await remakeContacts(app.db);
  expect((await contacts().list.query({ search: 'nova', tag: 'new' })).items.map(({ id }) => id).sort()).toEqual(ids);
});

test('Contacts are deleted and restored', async () => {
  const { tag, ids } = await make({}, {}, {});
  await contacts().delete.mutate({ id: ids[2] as string });
  expect(await contacts().updateMany.mutate({ where: { tag }, delete: true })).toEqual({
    ...{ matched: 2, updated: 2, unchanged: 0, ids: ids.slice(0, 2) },
  });
  expect(await read(ids)).toEqual([]);
  const { ids: living } = await make({ tags: [tag] });
  expect(await contacts().updateMany.mutate({ where: { tag }, restore: true })).toEqual({
    ...{ matched: 3, updated: 3, unchanged: 0, ids },
  });
  expect((await read([...ids, ...living])).map(({ version, deletedAt }) => [version, deletedAt])).toEqual([
    ...Array(3).fill([3, null]),
    [1, null],
  ]);
});

test('Where an email is taken by now, nothing is restored', async () => {
  const { tag, ids } = await make({}, { email: 'again@many.example' }, {});
  await contacts().updateMany.mutate({ where: { tag }, delete: true });
  const {
    ids: [holder],
  } = await make({ email: 'Again@many.example' });
  const before = await readTables(app);
  const answer = await post({ where: { tag }, restore: true });
  expect([answer.status, answer.body]).toEqual([
    409,
    { success: false, error: 'Another contact has this email', details: { existingId: holder, id: ids[1] } },
  ]);
  expect(await readTables(app)).toEqual(before);
  // Two of the contacts to restore may have the same email.
  const {
    ids: [third],
  } = await make({ tags: [tag] });
  await contacts().delete.mutate({ id: holder as string });
  await contacts().update.mutate({ id: third as string, email: 'again@many.example' });
  await contacts().delete.mutate({ id: third as string });
  const again = await post({ where: { tag }, restore: true });
  expect([again.status, again.body.details]).toEqual([409, { existingId: ids[1], id: third }]);
});

test('A dry run counts the contacts, and changes none', async () => {
  const { tag, ids } = await make({}, { tags: ['There'] });
  const before = await readTables(app);
  const change = { where: { tag }, addTags: ['there'] };
  const dry = await post({ ...change, dryRun: true });
  expect(await readTables(app)).toEqual(before);
  expect(dry.body.data).toEqual({ matched: 2, updated: 1, unchanged: 1, ids: ids.slice(0, 1) });
  expect((await app.api(app.one.key, 'POST', '/api/contacts/update?dryRun=true', change)).body).toEqual(dry.body);
  expect((await post(change)).body).toEqual(dry.body);
});

test('A contact that would have more than 100 tags, or too large custom fields, refuses the call, and is named', async () => {
  const tags = (from: number, count: number) => Array.from({ length: count }, (_, n) => `t${from + n}`);
  const { tag, all, ids } = await make({}, { tags: tags(0, 95) }, {});
  expect(await issuesOf({ where: { tag }, addTags: tags(90, 11) })).toEqual([
    400,
    [{ path: ['addTags'], message: expect.stringContaining(`100 tags at most, and ${ids[1]} would have more`) }],
  ]);
  expect(await read(ids)).toEqual(all);
  expect(await post({ where: { tag }, addTags: tags(90, 9) })).toMatchObject({
    status: 200,
    body: { data: { updated: 3 } },
  });

  await contacts().update.mutate({ id: ids[1] as string, customFields: { long: 'x'.repeat(65_000) } });
  expect(await issuesOf({ where: { tag }, set: { title: 'x', customFields: { more: 'y'.repeat(1_000) } } })).toEqual([
    400,
    [{ path: ['set', 'customFields'], message: expect.stringContaining(ids[1] as string) }],
  ]);
  expect(await read([ids[0] as string])).toMatchObject([{ title: null }]);
});

describe('Input', () => {
  const where = { tag: 'nobody' };
  const cases: [body: object, path: string, message: RegExp][] = [
    [{ where: {}, set: { title: 'x' } }, 'where', /^Give at least one condition/],
    [{ set: { title: 'x' } }, 'where', /./],
    [{ where: { search: '’' }, delete: true }, 'where', /^Give at least one condition/],
    [{ where: { includeDeleted: true }, delete: true }, 'where.includeDeleted', /./],
    [{ where: { ...where, includeDeleted: true }, delete: true }, 'where.includeDeleted', /./],
    [{ where }, '', /^Say what to change: set, addTags, removeTags, delete, restore/],
    [{ where, set: {} }, '', /^Say what to change/],
    [{ where, delete: false }, '', /^Say what to change/],
    [{ where, delete: true, restore: true }, 'delete', /leave out restore/],
    [{ where, delete: true, set: { title: 'x' } }, 'delete', /leave out set/],
    [{ where, restore: true, addTags: ['a'] }, 'restore', /leave out addTags/],
    [{ where, set: { tags: ['a'] }, addTags: ['b'] }, 'set.tags', /leave out addTags/],
    [{ where, addTags: ['Vip'], removeTags: ['vIP'] }, 'removeTags', /both added and removed/],
    [{ where, addTags: [] }, 'addTags', /./],
    [{ where, set: { email: 'ada@example.com' } }, 'set.email', /contact by contact/],
    [{ where, set: { emial: 'ada@example.com' } }, 'set.emial', /emial/],
    [{ where, set: { name: '' } }, 'set.name', /./],
  ];
  test.each(cases)('is refused with its place and what to do: %j', async (body, path, message) => {
    const [status, issues] = await issuesOf(body);
    expect(status).toBe(400);
    expect(issues.map(({ path: at }: { path: string[] }) => at.join('.'))).toContain(path);
    expect(issues[0].message).toMatch(message);
  });
});

test('An id of another organization among the conditions refuses the call, and no condition reaches its contacts', async () => {
  const theirs = await contacts(app.other.key).create.mutate({
    name: 'Theirs',
    tags: ['shared'],
    email: 'x@theirs.example',
  });
  const { ids } = await make({ tags: ['shared'] });
  expect((await post({ where: { ids: [...ids, theirs.id] }, delete: true })).status).toBe(403);
  expect(await contacts().updateMany.mutate({ where: { tag: 'shared' }, delete: true })).toMatchObject({ ids });
  expect(await contacts().updateMany.mutate({ where: { email: 'x@theirs.example' }, delete: true })).toMatchObject({
    ids: [],
  });
  expect(await contacts(app.other.key).get.query({ id: theirs.id })).toEqual(theirs);
});

/** Gives a contact's row many times over, with other ids: the service would take minutes for so many contacts. */
async function multiply(id: string, count: number) {
  const [columns] = await runAsAdmin(
    app,
    `select string_agg(quote_ident(column_name), ', ') as list from information_schema.columns where table_schema = 'public'
      and table_name = 'contacts' and is_generated = 'NEVER' and column_name not in ('id', 'document', 'search')`,
  );
  await runAsAdmin(
    app,
    `insert into contacts (id, ${columns?.list}) select overlay(gen_random_uuid()::text placing '7' from 15)::uuid, ${columns?.list}
      from contacts, generate_series(2, ${count}) where id = '${id}'`,
  );
  // As autovacuum does. A plan from before, for a small table, reads the whole table for each contact that it finds.
  await runAsAdmin(app, 'analyze contacts');
}

test('Changes of the same contacts at once, on several instances, wait for each other and do not lock each other out', async () => {
  const { tag, ids } = await make({});
  await multiply(ids[0] as string, 300);
  const { items } = await contacts().list.query({ tag, limit: 200 });
  const change = (n: number) =>
    updateContacts(asOperator(app.db, app.one.id), {
      organizationId: app.one.id,
      where: n % 2 === 0 ? { tag } : { ids: items.slice(n, n + 100).map(({ id }) => id) },
      addTags: [`change ${n}`],
    });
  const answers = await Promise.all(Array.from({ length: 6 }, (_, n) => change(n)));
  expect(answers.map((answer) => 'updated' in answer && answer.updated)).toEqual([300, 100, 300, 100, 300, 100]);
  const all = (await readTables(app)).contacts.filter(({ tags }) => (tags as string[]).includes(tag));
  for (const { version, tags } of all) expect(version).toBe((tags as string[]).length);
});

test('10,000 contacts are changed in a call, and not one more', async () => {
  const { tag, ids } = await make({});
  await multiply(ids[0] as string, 10_000);
  const changes = [
    { set: { title: 'CEO' } },
    { addTags: ['second'] },
    { set: { company: 'Nova' }, removeTags: ['none'] },
  ];
  const answers = await Promise.all(changes.map((change) => post({ where: { tag }, ...change })));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  for (const { body } of answers) expect(body.data).toMatchObject({ matched: 10_000, updated: 10_000, unchanged: 0 });
  expect(answers[0]?.body.data.ids).toHaveLength(10_000);
  const { items } = await contacts().list.query({ tag: 'second', limit: 200 });
  for (const { title, company, version } of items) expect([title, company, version]).toEqual(['CEO', 'Nova', 4]);

  await contacts().create.mutate({ name: 'One more', tags: [tag] });
  const message = /^At least 10001 contacts match, and a call changes 10000 at most/;
  expect(await issuesOf({ where: { tag }, delete: true })).toEqual([
    400,
    [{ path: ['where'], message: expect.stringMatching(message) }],
  ]);
  expect((await contacts().list.query({ tag, search: 'one more', limit: 1 })).items).toMatchObject([{ version: 1 }]);
});
