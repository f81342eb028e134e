import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { expect, inject, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { remakeContacts } from '../../db/contactForm.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const taken = (id: string) => ({ data: { httpStatus: 409, details: { existingId: id } } });
const readEmails = (app: TestApp) =>
  runAsAdmin(
    app,
    `select email_key, contact_id from contact_emails where organization_id = '${app.one.id}' order by contact_id, email_key`,
  );

test('Other emails and phones are kept as written, without repetitions and without the first', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const made = await contacts.create.mutate({
    name: 'Ada',
    email: 'Ada@Example.com',
    otherEmails: ['b@example.com', ' ADA@example.com', 'C@example.com ', 'B@EXAMPLE.com'],
    phone: '020 7946 0958',
    otherPhones: [' +44 20 7946 0958', '+44 20 7946 0959 ', '020 7946 0959', '112'],
  });
  expect(made).toMatchObject({
    email: 'Ada@Example.com',
    otherEmails: ['b@example.com', 'C@example.com '],
    otherPhones: ['+44 20 7946 0959', '112'],
  });
  const { id } = made;
  const update = (fields: object) => contacts.update.mutate({ id, ...fields });
  // An address is in one place alone, and a change that changes nothing makes no version.
  expect(await update({ otherEmails: ['b@example.com', 'ada@example.com', 'C@example.com '] })).toMatchObject({
    otherEmails: ['b@example.com', 'C@example.com '],
    version: 1,
  });
  expect(await update({ otherPhones: ['+44 20 7946 0959', '112', '(020) 79460958'] })).toMatchObject({ version: 1 });
  expect(await update({ email: 'c@example.com' })).toMatchObject({ otherEmails: ['b@example.com'], version: 2 });
  expect(await update({ phone: '1-1-2' })).toMatchObject({ otherPhones: ['+44 20 7946 0959'], version: 3 });
  expect(await update({ email: 'b@example.com', otherEmails: ['c@example.com'] })).toMatchObject({ version: 4 });
  expect(await update({ email: null })).toMatchObject({ email: null, otherEmails: ['c@example.com'] });
  expect(await update({ otherEmails: null, otherPhones: [] })).toMatchObject({ otherEmails: [], otherPhones: [] });
  expect(await readEmails(app)).toEqual([]);
});

test('There are up to 20 of each, and each is an address', async () => {
  await using app = await testApp();
  const emails = Array.from({ length: 21 }, (_, n) => `a${n}@example.com`);
  const refused = [
    [{ otherEmails: emails }, ['otherEmails'], 'Must be at most 20'],
    [{ otherPhones: emails }, ['otherPhones'], 'Must be at most 20'],
    [{ otherEmails: ['a@example.com', 'nowhere'] }, ['otherEmails', 1], 'Not an email address'],
    // NEL is a blank that no comparison trims.
    [{ email: 'a@example.com\u0085' }, ['email'], 'Must be a single line, without control characters'],
    [{ otherPhones: [' '] }, ['otherPhones', 0], 'Must be 1 to 100 characters'],
    [{ otherPhones: ['1'.repeat(101)] }, ['otherPhones', 0], 'Must be 1 to 100 characters'],
  ] as const;
  for (const [fields, path, message] of refused) {
    const answer = await app.api(app.one.key, 'POST', '/api/contacts', { name: 'Ada', ...fields });
    expect([answer.status, answer.body.details.issues], JSON.stringify(path)).toEqual([400, [{ path, message }]]);
  }
  const all = { name: 'Ada', otherEmails: emails.slice(1), otherPhones: emails.slice(1) };
  expect((await app.api(app.one.key, 'POST', '/api/contacts', all)).body.data).toMatchObject(all);
});

test('An email that a living contact has in either place is taken, for creating, updating and restoring', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const ada = await contacts.create.mutate({ name: 'Ada', email: 'a@example.com', otherEmails: ['b@example.com'] });
  const eve = await contacts.create.mutate({ name: 'Eve', email: 'e@example.com' });
  const takes = [
    { email: ' A@example.com' },
    { email: 'B@example.com' },
    { otherEmails: ['x@example.com', 'A@example.com'] },
    { email: 'x@example.com', otherEmails: ['b@example.com'] },
  ];
  for (const fields of takes) {
    await expect(contacts.create.mutate({ name: 'Bob', ...fields })).rejects.toMatchObject(taken(ada.id));
    await expect(contacts.update.mutate({ id: eve.id, ...fields })).rejects.toMatchObject(taken(ada.id));
  }
  // Another organization has emails of its own.
  await app
    .trpc(app.other.key)
    .contacts.create.mutate({ name: 'Ada', otherEmails: ['a@example.com', 'b@example.com'] });

  await contacts.delete.mutate({ id: ada.id });
  expect((await readEmails(app)).filter(({ contact_id }) => contact_id === ada.id)).toEqual([]);
  const bob = await contacts.create.mutate({ name: 'Bob', otherEmails: ['a@example.com'] });
  await expect(contacts.restore.mutate({ id: ada.id })).rejects.toMatchObject(taken(bob.id));
  await contacts.update.mutate({ id: bob.id, email: 'b@example.com', otherEmails: [] });
  await expect(contacts.restore.mutate({ id: ada.id })).rejects.toMatchObject(taken(bob.id));
  await contacts.update.mutate({ id: bob.id, email: 'bob@example.com' });
  expect(await contacts.restore.mutate({ id: ada.id })).toMatchObject({ otherEmails: ['b@example.com'], version: 3 });
  expect((await readEmails(app)).filter(({ contact_id }) => contact_id === ada.id)).toEqual([
    { email_key: 'b@example.com', contact_id: ada.id },
  ]);
});

test('A contact is listed by any of its emails, and a deleted contact by its email', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const { id } = await contacts.create.mutate({ name: 'Ada', email: 'a@example.com', otherEmails: ['Ü@example.com'] });
  await contacts.create.mutate({ name: 'Bob', email: 'bob@example.com' });
  const list = async (query: object) => (await contacts.list.query(query)).items.map((contact) => contact.id);
  for (const email of ['a@example.com', ' ü@EXAMPLE.com', 'U\u0308@example.com'])
    expect(await list({ email })).toEqual([id]);
  expect(await list({ email: 'ü@example.com', search: 'bob' })).toEqual([]);
  await contacts.delete.mutate({ id });
  expect(await list({ email: 'ü@example.com' })).toEqual([]);
  expect(await list({ email: 'a@example.com', includeDeleted: true })).toEqual([id]);
});

test('A search looks at all emails, and at each phone by itself', async () => {
  await using app = await testApp({ isAlone: true });
  const { contacts } = app.trpc(app.one.key);
  const { id } = await contacts.create.mutate({
    name: 'Ada',
    email: 'ada@example.com',
    otherEmails: ['countess@lovelace.example', 'Zoë@example.org'],
    phone: '+44 20 7946 0958',
    otherPhones: ['(415) 555-2671', '112'],
  });
  const isFound = async (search: string) => (await contacts.list.query({ search })).items.length === 1;
  const expectFound = async (isChanged = false) => {
    for (const search of [
      'countess',
      'lovelace.example zoe',
      '0958',
      '415 555',
      '5552671',
      '11',
      '44',
      '112 countess',
    ]) {
      expect(await isFound(search), search).toBe(!isChanged);
    }
  };
  await expectFound();
  // The end of a phone and the beginning of the next.
  for (const search of ['0958415', '2671112', '67111']) expect(await isFound(search), search).toBe(false);
  await runAsAdmin(app, `update contacts set form = 0 where id = '${id}'`);
  expect(await remakeContacts(app.db)).toBe(1);
  await expectFound();
  await contacts.update.mutate({ id, otherEmails: [], phone: '9', otherPhones: [] });
  await expectFound(true);
});

/** Writes as the version before does: with `email_key`, and without the other emails. */
const writeOld = (app: TestApp, statement: string) =>
  asOperator(app.db, app.one.id)
    .transaction()
    .execute((trx) => sql.raw(statement).execute(trx));

test('The version before takes no email that is another contact’s other email', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const { id } = await contacts.create.mutate({ name: 'Ada', otherEmails: ['b@example.com', 'c@example.com'] });
  const eve = await contacts.create.mutate({ name: 'Eve' });
  const insert = `insert into contacts (organization_id, id, name, name_key, email, email_key, form)
    values ('${app.one.id}', '${uuidv7()}', 'Old', 'old', 'b@example.com', 'b@example.com', 1)`;
  const update = (of: string) =>
    `update contacts set email = 'B@example.com', email_key = 'b@example.com', form = -1 where id = '${of}'`;
  for (const statement of [insert, update(eve.id)]) {
    await expect(writeOld(app, statement)).rejects.toMatchObject({ code: '23505', constraint: 'contact_emails_pkey' });
  }
  // Its own other email becomes the contact's email.
  await writeOld(app, update(id));
  expect(await contacts.get.query({ id })).toMatchObject({ email: 'B@example.com', otherEmails: ['c@example.com'] });
  expect(await readEmails(app)).toEqual([{ email_key: 'c@example.com', contact_id: id }]);
});

test('A contact that was stored before has the new fields in every answer, before it is made anew', async () => {
  await using app = await testApp({ isAlone: true });
  const { contacts } = app.trpc(app.one.key);
  const customFields = { otherEmails: ['not these'], note: ',"otherEmails":' };
  const { id } = await contacts.create.mutate({
    name: 'Ada',
    email: 'ada@example.com',
    notes: ',"otherEmails":',
    customFields,
  });
  // A document of the version before, which no trigger makes anew.
  const makeOld = () =>
    runAsAdmin(
      app,
      `do $$ begin
        perform set_config('session_replication_role', 'replica', true);
        update contacts set form = 1, folded = null, tag_keys = null, phone_keys = null,
          document = replace(document, '"otherEmails":[],"otherPhones":[],', '') where id = '${id}';
      end $$`,
    );
  const expected = { otherEmails: [], otherPhones: [], customFields, notes: ',"otherEmails":' };
  const seen = async () => [
    await contacts.get.query({ id }),
    ...(await contacts.list.query()).items,
    ...(await contacts.list.query({ includeDeleted: true })).items,
    ...(await contacts.list.query({ email: 'ada@example.com' })).items,
    ...(await contacts.list.query({ search: 'ada' })).items,
    (await app.api(app.one.key, 'GET', `/api/contacts/${id}`)).body.data,
    ...(await app.api(app.one.key, 'GET', '/api/contacts')).body.data,
  ];
  await makeOld();
  const [row] = await runAsAdmin(app, `select document from contacts where id = '${id}'`);
  expect(String(row?.document)).not.toContain(',"otherEmails":[]');
  const answers = await seen();
  expect(answers).toHaveLength(7);
  for (const answer of answers) expect(answer).toMatchObject(expected);
  expect(await remakeContacts(app.db)).toBe(1);
  for (const answer of await seen()) expect(answer).toMatchObject(expected);
  await makeOld();
  expect(await contacts.delete.mutate({ id })).toMatchObject(expected);
});

// The embedded database has a single connection, so that no two transactions meet.
test.runIf(inject('database').kind === 'postgres')(
  'Of two transactions that take an email, in whatever place and order, one has it',
  async () => {
    await using app = await testApp();
    const tenant = asOperator(app.db, app.one.id);
    const insert = (email: string | null, others: string[]) => sql`
    insert into contacts (organization_id, id, name, name_key, email, email_key, other_emails, other_email_keys)
      values (${app.one.id}, ${uuidv7()}, 'A', 'a', ${email}, ${email}, ${others}, ${others})`;
    const isRefused = (error: { code?: string }) => error.code;
    const places = [
      ['e', ['o']],
      ['o', ['e']],
      [null, ['e', 'o']],
      ['e', []],
    ] as const;
    for (const [n, first] of places.entries()) {
      for (const [m, second] of places.entries()) {
        const name = (email: string | null) => email && `${email}${n}${m}@example.com`;
        const of = ([email, others]: (typeof places)[number]) =>
          insert(
            name(email),
            others.map((other) => name(other) as string),
          );
        const one = await tenant.startTransaction().execute();
        await of(first).execute(one);
        const waiting = tenant
          .transaction()
          .execute((two) => of(second).execute(two))
          .then(() => undefined, isRefused);
        expect(await Promise.race([waiting, new Promise((resolve) => setTimeout(() => resolve('waits'), 30))])).toBe(
          'waits',
        );
        await one.commit().execute();
        expect(await waiting, `${first} ${second}`).toBe('23505');
      }
    }
  },
);

test.runIf(inject('database').kind === 'embedded')(
  'The embedded database takes statistics of the contacts, as it has no autovacuum',
  async () => {
    await using app = await testApp({ isAlone: true });
    const analyzed = async () => {
      const [row] = await runAsAdmin(app, `select reltuples >= 0 as analyzed from pg_class where relname = 'contacts'`);
      return row?.analyzed;
    };
    const { contacts } = app.trpc(app.one.key);
    await contacts.upsertMany.mutate({
      contacts: Array.from({ length: 100 }, (_, n) => ({ name: 'Ada', email: `a${n}@example.com` })),
    });
    expect(await analyzed()).toBe(false);
    for (let n = 0; n < 64; n += 1) await runAsAdmin(app, 'select');
    expect(await analyzed()).toBe(true);
  },
);
