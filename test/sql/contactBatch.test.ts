import { afterAll, beforeAll, expect, test } from 'vitest';
import { PAGE_BYTES } from '../../shared/paging.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const NONE = '01890000-0000-7000-8000-000000000000';
let app: TestApp;
beforeAll(async () => {
  app = await testApp();
});
afterAll(() => app[Symbol.asyncDispose]());

const contacts = (key = app.one.key) => app.trpc(key).contacts;
const NOTHING = { ids: [], emails: [] };
const idsOf = ({ contacts: found }: { contacts: { id: string }[] }) => found.map(({ id }) => id);

test('Contacts come in the order asked, each once, and what is not there is named', async () => {
  const [ada, bo, cy, gone] = await Promise.all(
    ['ada', 'bo', 'cy', 'gone'].map((name) => contacts().create.mutate({ name, email: `${name}@many.example` })),
  );
  if (!ada || !bo || !cy || !gone) throw new Error('Not made');
  await contacts().delete.mutate({ id: gone.id });
  const asked = await contacts().getMany.query({
    ids: [cy.id.toUpperCase(), NONE, ada.id, cy.id, gone.id, NONE],
    emails: [' BO@Many.Example', 'ada@many.example', 'gone@many.example', 'nobody@many.example', 'bo@many.example'],
  });
  expect(asked).toEqual({
    contacts: [cy, ada, bo],
    missing: { ids: [NONE, gone.id], emails: ['gone@many.example', 'nobody@many.example'] },
    unread: NOTHING,
  });
  expect(await contacts().getMany.query({ emails: ['bo@many.example'] })).toMatchObject({ contacts: [bo] });
});

test('Another organization’s id refuses the call, and its email is nobody’s', async () => {
  const theirs = await contacts(app.other.key).create.mutate({ name: 'Theirs', email: 'theirs@many.example' });
  const mine = await contacts().create.mutate({ name: 'Mine' });
  const deleted = await contacts(app.other.key).create.mutate({ name: 'Theirs' });
  await contacts(app.other.key).delete.mutate({ id: deleted.id });
  for (const { id } of [theirs, deleted]) {
    const refused = contacts().getMany.query({ ids: [mine.id, id] });
    await expect(refused).rejects.toMatchObject({ data: { httpStatus: 403 } });
  }
  expect(await contacts().getMany.query({ ids: [mine.id], emails: ['theirs@many.example'] })).toEqual({
    contacts: [mine],
    missing: { ids: [], emails: ['theirs@many.example'] },
    unread: NOTHING,
  });
});

test('1 to 100 ids and emails are taken together', async () => {
  const ids = Array.from({ length: 100 }, () => crypto.randomUUID());
  expect((await contacts().getMany.query({ ids })).missing.ids).toEqual(ids);
  const message = 'Give 1 to 100 ids and emails in all';
  for (const input of [{}, { ids: [], emails: [] }, { ids: [...ids, NONE] }, { ids, emails: ['a@b.example'] }]) {
    const answer = await app.api(app.one.key, 'POST', '/api/contacts/get', input);
    expect([answer.status, answer.body.details.issues[0].message]).toEqual([400, message]);
  }
});

test('What an answer of 4 MiB has no room for is named, and can be asked for as it is', async () => {
  const notes = '€'.repeat(50_000);
  const emails = Array.from({ length: 60 }, (_, index) => `long${index}@many.example`);
  const made: { id: string }[] = [];
  for (const email of emails) made.push(await contacts().create.mutate({ name: email, email, notes }));
  const ids = made.slice(0, 30).map(({ id }) => id);
  let asked = { ids, emails: emails.slice(30) };
  const read: string[] = [];
  let calls = 0;
  while (asked.ids.length + asked.emails.length > 0) {
    const answer = await app.api(app.one.key, 'POST', '/api/contacts/get', asked);
    expect(Buffer.byteLength(answer.text)).toBeLessThanOrEqual(PAGE_BYTES + 10_000);
    expect(answer.body.data.missing).toEqual(NOTHING);
    read.push(...idsOf(answer.body.data));
    asked = answer.body.data.unread;
    calls += 1;
  }
  expect(calls).toBe(3);
  expect(read).toEqual(made.map(({ id }) => id));
});
