import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { forgetAllLostWords, forgetLostWords } from '../../db/contactWords.ts';
import { forgetWords } from '../../server/start/eraseDeleted.ts';
import { addMember, signedIn } from '../helpers/browser.ts';
import { runAs } from '../helpers/database.ts';
import { readTables, runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const wordsOf = async (app: TestApp, organizationId: string, table = 'contact_words') => {
  const rows = await runAsAdmin(
    app,
    `select word from ${table} where organization_id = '${organizationId}' order by 1`,
  );
  return rows.map(({ word }) => word as string);
};
const find = async (app: TestApp, search: string) => {
  const { items } = await app.trpc(app.one.key).contacts.list.query({ search });
  return items.map(({ name }) => name).sort();
};

test('The words of an organization’s contacts are kept once, and the words that no contact has go', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const tenant = asOperator(app.db, app.one.id);
  const ada = await contacts.create.mutate({ name: 'Ada Lovelace', company: 'Engines', tags: ['Very Important'] });
  await contacts.create.mutate({ name: 'Ada Byron' });
  await app.trpc(app.other.key).contacts.create.mutate({ name: 'Ada Elsewhere' });
  expect(await wordsOf(app, app.one.id)).toEqual(['ada', 'byron', 'engines', 'important', 'lovelace', 'very']);
  expect(await wordsOf(app, app.other.id)).toEqual(['ada', 'elsewhere']);

  await contacts.update.mutate({ id: ada.id, name: 'Augusta King' });
  await contacts.update.mutate({ id: ada.id, title: 'Countess' });
  expect(await wordsOf(app, app.one.id, 'contact_words_left')).toEqual(['ada', 'lovelace']);
  await forgetWords(app.deps);
  expect(await wordsOf(app, app.one.id)).toEqual([
    'ada',
    'augusta',
    'byron',
    'countess',
    'engines',
    'important',
    'king',
    'very',
  ]);
  expect(await wordsOf(app, app.one.id, 'contact_words_left')).toEqual([]);
  expect(await wordsOf(app, app.other.id)).toEqual(['ada', 'elsewhere']);

  // A deleted contact keeps its words, as the contact can be restored and is listed with the deleted contacts.
  await contacts.delete.mutate({ id: ada.id });
  await forgetAllLostWords(tenant, app.one.id);
  const { items } = await contacts.list.query({ search: 'ugust', includeDeleted: true });
  expect(items.map(({ name }) => name)).toEqual(['Augusta King']);
});

test('After an erasure no table has a word of the contact, not even of a name that the contact had before', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const former = randomUUID().replaceAll('-', '');
  const { id } = await contacts.create.mutate({ name: `Ada ${former}` });
  await contacts.update.mutate({ id, name: 'Ada Lovelace' });
  expect(JSON.stringify(await readTables(app))).toContain(former);
  const owner = await signedIn(app, await addMember(app, app.one.id, 'owner'));
  expect(await owner.trpc.contacts.erase.mutate({ ids: [id] })).toEqual({ erased: [id] });
  expect(JSON.stringify(await readTables(app))).not.toContain(former);
});

test('A part of a word is found wherever the part is, in a word of any length, and among many words', async () => {
  await using app = await testApp({ isAlone: true });
  const { contacts } = app.trpc(app.one.key);
  const long = `${'x'.repeat(300)}needle${'y'.repeat(300)}`;
  await contacts.create.mutate({ name: 'Long', notes: long });
  await contacts.create.mutate({ name: 'Jean-Luc', location: '東京都港区' });
  await contacts.create.mutate({ name: 'Zoë', phone: '+44 20 7946 0123' });
  // These are the newest contacts: a list does not find the others before it asks the index. Each has a word of its own.
  await runAsAdmin(
    app,
    `insert into contacts (organization_id, id, name, name_key, form, folded, tag_keys, phone_keys)
      select '${app.one.id}', ('01ffffff-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, name, lower(name), 2,
          ' ' || lower(name) || repeat(E'\\n', 9), '{}', '{}'
        from (select n, 'Person' || md5(n::text) as name from generate_series(1, 12100) n) names`,
  );
  expect(await find(app, 'needle')).toEqual(['Long']);
  expect(await find(app, `${'x'.repeat(100)}needle`)).toEqual(['Long']);
  expect(await find(app, 'x'.repeat(150))).toEqual(['Long']);
  expect(await find(app, 'ean-lu')).toEqual(['Jean-Luc']);
  expect(await find(app, 'jean lu')).toEqual(['Jean-Luc']);
  expect(await find(app, '京都')).toEqual(['Jean-Luc']);
  expect(await find(app, 'zo')).toEqual(['Zoë']);
  expect(await find(app, '7946 01')).toEqual(['Zoë']);
  expect(await find(app, 'absent')).toEqual([]);
  // More than 10,000 words have this part, so that only the text tells. The oldest contact has the other word.
  await contacts.update.mutate({
    id: (await contacts.list.query({ search: 'needle' })).items[0]?.id as string,
    title: 'person',
  });
  expect(await find(app, 'person needle')).toEqual(['Long']);
  const { count } = await contacts.count.query({ search: 'person' });
  expect(count).toBe(12_101);
});

test('A word that a writer has found is not taken away before the writer’s contact is there', async () => {
  await using app = await testApp({ isAlone: true });
  if (app.db.kind === 'embedded') return;
  const { contacts } = app.trpc(app.one.key);
  const tenant = asOperator(app.db, app.one.id);
  const { id } = await contacts.create.mutate({ name: 'Shared' });
  await contacts.update.mutate({ id, name: 'Other' });
  const insert = sql`
    insert into contacts (organization_id, id, name, name_key, form, folded, tag_keys, phone_keys)
      values (${app.one.id}, ${randomUUID()}, 'Shared', 'shared', 2, ${` shared${'\n'.repeat(9)}`}, '{}', '{}')`;
  await tenant.transaction().execute(async (trx) => {
    await insert.execute(trx);
    expect(await forgetLostWords(tenant, app.one.id)).toBeUndefined();
  });
  expect(await forgetLostWords(tenant, app.one.id)).toBe(1);
  expect(await wordsOf(app, app.one.id)).toEqual(['other', 'shared']);
});

test('An erasure does not wait for a long writer: the hourly work takes the words away', async () => {
  await using app = await testApp({ isAlone: true });
  if (app.db.kind === 'embedded') return;
  const { id } = await app.trpc(app.one.key).contacts.create.mutate({ name: 'Ada Lovelace' });
  const owner = await signedIn(app, await addMember(app, app.one.id, 'owner'));
  const lock = `pg_advisory_xact_lock_shared(hashtextextended('introzy words ${app.one.id}', 0))`;
  const writing = runAs(app.adminUrl as string, ['begin', `select ${lock}`, 'select pg_sleep(4)', 'commit']);
  for (let held = 0; held === 0; ) {
    const [row] = await runAsAdmin(
      app,
      `select count(*)::int as n from pg_locks where locktype = 'advisory' and granted`,
    );
    held = row?.n as number;
  }
  expect(await owner.trpc.contacts.erase.mutate({ ids: [id] })).toEqual({ erased: [id] });
  expect(await wordsOf(app, app.one.id)).toEqual(['ada', 'lovelace']);
  await writing;
  await forgetWords(app.deps);
  expect(await wordsOf(app, app.one.id)).toEqual([]);
});
