import fc from 'fast-check';
import { expect, test } from 'vitest';
import { erasePerson } from '../../db/personErasure.ts';
import { trimAnswers } from '../../server/start/trimAnswers.ts';
import { addMember, signedIn } from '../helpers/browser.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** Calls REST with an idempotency key; a call that answers 503, as on a slow machine, is sent again. */
async function send(app: TestApp, method: string, path: string, { body, key }: { body?: object; key: string }) {
  for (let attempt = 1; ; attempt++) {
    const answer = await app.api(app.one.key, method, path, body, { 'idempotency-key': key });
    if (answer.status !== 503 || attempt === 20) return answer;
  }
}

test('100 calls at once under one key make one contact, and have the same answer', async () => {
  await using app = await testApp();
  const body = { name: 'At once', email: 'at.once@example.com' };
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => send(app, 'POST', '/api/contacts', { body, key: 'at once' })),
  );
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  expect(answers[0]?.status).toBe(201);
  expect(answers.filter(({ headers }) => !headers.has('idempotency-replayed'))).toHaveLength(1);
  expect(await app.trpc(app.one.key).contacts.count.query({ email: body.email })).toMatchObject({ count: 1 });
});

test('Changes of many contacts at once, and rows with other emails, wait for each other and are done once', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  for (const name of ['a', 'b']) await contacts.create.mutate({ name, company: 'Many' });
  const change = { where: { company: 'Many' }, addTags: ['once'] };
  const rows = { contacts: [{ name: 'c', company: 'Many', otherEmails: ['c@example.com'] }] };
  const calls = Array.from({ length: 8 }, (_, index) =>
    index % 2 === 0
      ? send(app, 'POST', '/api/contacts/update', { body: change, key: 'update' })
      : send(app, 'POST', '/api/contacts/batch', { body: rows, key: 'batch' }),
  );
  const answers = await Promise.all(calls);
  const [updates, batches] = [0, 1].map((rest) => answers.filter((_, index) => index % 2 === rest));
  for (const some of [updates, batches]) {
    expect(new Set(some?.map(({ text }) => text)).size).toBe(1);
    expect(some?.[0]?.status).toBe(200);
  }
  const { items } = await contacts.list.query({ company: 'Many' });
  expect(items.map(({ name, version }) => [name, version]).filter(([name]) => name !== 'c')).toEqual([
    ['b', 2],
    ['a', 2],
  ]);
  expect(items.filter(({ name }) => name === 'c')).toHaveLength(1);
});

/** A call of the model: which contact, which write, which key of a few, and how many at once. */
const someCall = fc.record({
  contact: fc.integer({ min: 0, max: 1 }),
  write: fc.constantFrom('create', 'rename', 'title', 'delete', 'restore', 'taken', 'invalid', 'absent'),
  key: fc.integer({ min: 0, max: 3 }),
  times: fc.integer({ min: 1, max: 3 }),
});

test('Whatever is repeated, under whatever keys, no write is done twice', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(someCall, { minLength: 1, maxLength: 12 }), async (calls) => {
      const name = `model${++run}`;
      const [one, two] = [await contacts.create.mutate({ name }), await contacts.create.mutate({ name })];
      const email = `${name}@example.com`;
      await contacts.create.mutate({ name: 'taken', email });
      /** By key: the request that the key stands for, and its answer. */
      const kept = new Map<number, { request: string; text: string }>();
      let made = 0;
      for (const { contact, write, key, times } of calls) {
        const { id } = contact === 0 ? one : two;
        const requests: Record<typeof write, [method: string, path: string, body?: object]> = {
          create: ['POST', '/api/contacts', { name: `${name}new${contact}` }],
          rename: ['PATCH', `/api/contacts/${id}`, { name: `${name} renamed` }],
          title: ['PATCH', `/api/contacts/${id}`, { title: `title ${Math.random()}` }],
          delete: ['DELETE', `/api/contacts/${id}`],
          restore: ['POST', `/api/contacts/${id}/restore`],
          taken: ['POST', '/api/contacts', { name, email }],
          invalid: ['POST', '/api/contacts', { name: '' }],
          absent: ['PATCH', '/api/contacts/01890000-0000-7000-8000-000000000000', { title: 'none' }],
        };
        const [method, path, body] = requests[write];
        const request = JSON.stringify([method, path, body]);
        const known = kept.get(key);
        const before = await readVersions(app, [one.id, two.id]);
        const answers = await Promise.all(
          Array.from({ length: times }, () =>
            send(app, method, path, { ...(body && { body }), key: `${name} ${key}` }),
          ),
        );
        const after = await readVersions(app, [one.id, two.id]);
        const news = answers.filter(({ status, headers }) => status < 300 && !headers.has('idempotency-replayed'));
        if (known) {
          const expected = known.request === request ? known.text : undefined;
          for (const { status, text } of answers) {
            if (expected === undefined) expect(status).toBe(422);
            else expect(text).toBe(expected);
          }
          expect([news.length, after]).toEqual([0, before]);
          continue;
        }
        const done = answers.filter(({ status }) => status < 300);
        expect(new Set(done.map(({ text }) => text)).size).toBe(done.length > 0 ? 1 : 0);
        expect(news.length).toBe(done.length > 0 ? 1 : 0);
        if (done[0]) kept.set(key, { request, text: done[0].text });
        if (write === 'create') made += 1;
        expect(after.reduce((a, b) => a + b) - before.reduce((a, b) => a + b)).toBeLessThanOrEqual(1);
      }
      expect((await contacts.count.query({ search: `${name}new` })).count).toBe(made);
    }),
    { numRuns: 15 },
  );
});

/** The versions of contacts, deleted or not. */
async function readVersions(app: TestApp, ids: string[]): Promise<number[]> {
  const { items } = await app.trpc(app.one.key).contacts.list.query({ ids, includeDeleted: true, sort: 'createdAt' });
  return items.map(({ version }) => version);
}

test('A call whose answer cannot be kept is not done, and the hourly work deletes the answers of yesterday', async () => {
  await using app = await testApp({ isAlone: true });
  const create = (key: string) => send(app, 'POST', '/api/contacts', { body: { name: 'Ada' }, key });
  await runAsAdmin(app, 'alter table kept_answers add constraint refused check (false) not valid');
  expect((await create('refused')).status).toBe(500);
  await runAsAdmin(app, 'alter table kept_answers drop constraint refused');
  expect((await app.trpc(app.one.key).contacts.count.query()).count).toBe(0);

  for (const key of ['a', 'b', 'c']) expect((await create(key)).status).toBe(201);
  const left = async () => (await runAsAdmin(app, 'select from kept_answers')).length;
  await trimAnswers(app.deps);
  expect(await left()).toBe(3);
  await runAsAdmin(
    app,
    `update kept_answers set expires_at = now() where key_digest in (select key_digest from kept_answers limit 2)`,
  );
  await trimAnswers(app.deps);
  expect(await left()).toBe(1);
});

test('An erased person is in no kept answer; the calls are not done again', async () => {
  await using app = await testApp();
  const person = await addMember(app, app.one.id, 'admin');
  const browser = await signedIn(app, person);
  const headers = { 'idempotency-key': 'of a person' };
  const body = { json: { contacts: [{ name: 'by the person' }] } };
  expect((await browser.call('POST', '/trpc/contacts.upsertMany', body, headers)).status).toBe(200);
  expect((await browser.call('POST', '/trpc/keys.issue', { json: { name: 'held' } })).status).toBe(200);
  const { items } = await app.trpc(app.one.key).keys.list.query();
  const issued = items.find(({ name }) => name === 'held');
  const rename = () =>
    send(app, 'PATCH', `/api/keys/${issued?.id}`, { body: { description: 'kept' }, key: 'of a key' });
  const renamed = await rename();
  expect([renamed.status, renamed.text.includes(person.email)]).toEqual([200, true]);
  const about = async (text: string) =>
    (await runAsAdmin(app, `select to_jsonb(k)::text as row from kept_answers k`)).filter(({ row }) =>
      String(row).includes(text),
    ).length;
  expect(await about(person.email)).toBe(1);
  expect(await about(person.userId)).toBeGreaterThan(1);
  expect(await erasePerson(app.db.root, person.email)).toMatchObject({ userId: person.userId });
  expect(await about(person.email)).toBe(0);
  expect(await about(person.userId)).toBe(0);
  const again = await rename();
  expect([again.status, again.body.details]).toEqual([409, { existingId: issued?.id }]);
});
