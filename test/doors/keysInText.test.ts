import { expect, test } from 'vitest';
import { importFile } from '../../client/dashboard/pages/contacts/importFile.ts';
import { parseOptions } from '../../server/cli/input.ts';
import { ApiKeyIssueRequest } from '../../shared/apiKeys.ts';
import { ContactCreateRequest } from '../../shared/contacts.ts';
import { addMember, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { newKey, wrongKey } from '../helpers/strayKeys.ts';
import { readTables } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

const MESSAGE = /^Must not contain an API key: take the key out/;

/** Each way to put `text` into a field of a contact: the fields, and the path of the text. */
const contactsWith = (text: string): [object, (string | number)[]][] => [
  [{ name: `Ada ${text}` }, ['name']],
  [{ email: `${text}@example.com` }, ['email']],
  [{ phone: text }, ['phone']],
  [{ company: `"${text}"` }, ['company']],
  [{ title: `x${text}x` }, ['title']],
  [{ location: `${text}, London` }, ['location']],
  [{ linkedinUrl: `https://linkedin.com/in/ada?key=${text}` }, ['linkedinUrl']],
  [{ notes: `Their key:\n${text}\n` }, ['notes']],
  [{ tags: ['friend', text] }, ['tags', 1]],
  [{ customFields: { token: text } }, ['customFields', 'token']],
  [{ customFields: { deep: [{ list: [1, `Bearer ${text}`] }] } }, ['customFields', 'deep', 0, 'list', 1]],
  [{ customFields: { [text]: true } }, ['customFields', 'introzy_…']],
];

test('A contact with a key in any text is refused at every door, which names the field and not the key', async () => {
  await using app = await testApp();
  const { key } = app.one;
  const trpc = app.trpc(key);
  const { id } = (await app.api(key, 'POST', '/api/contacts', { name: 'Ada' })).body.data;
  const before = await readTables(app);
  const stray = newKey();
  for (const [fields, path] of contactsWith(stray)) {
    const given = { name: 'Ada', ...fields };
    const issues = [{ path, message: expect.stringMatching(MESSAGE) }];
    const refused = { status: 400, body: { error: 'Invalid request', details: { issues } } };
    const answers = [
      await app.api(key, 'POST', '/api/contacts', given),
      await app.api(key, 'PATCH', `/api/contacts/${id}`, fields),
    ];
    for (const answer of answers) expect(answer).toMatchObject(refused);
    const failed = [{ index: 0, outcome: 'failed', issues }];
    const batch = await app.api(key, 'POST', '/api/contacts/batch', [given]);
    expect(batch).toMatchObject({ status: 200, body: { data: { results: failed } } });
    const error = await trpc.contacts.create.mutate(given).catch((thrown) => thrown);
    expect(error.data).toMatchObject({ httpStatus: 400, details: { issues } });
    expect((await trpc.contacts.upsertMany.mutate({ contacts: [given] })).results).toMatchObject(failed);
    const tool = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'create_contact', arguments: given } };
    const mcp = await app.api(key, 'POST', '/mcp', tool, { accept: 'application/json, text/event-stream' });
    expect(mcp.body.result.isError).toBe(true);
    expect(mcp.body.result.content[0].text).toContain(`${path.join('.')}: Must not contain an API key`);
    expect(JSON.stringify([answers, batch, error.data, mcp])).not.toContain(stray.slice(16));
  }
  const { contacts } = await readTables(app);
  expect(contacts).toEqual(before.contacts);
});

test('A key is refused in every field also percent-encoded, and in upper case: a lower-case copy is searched', () => {
  const stray = newKey();
  for (const disguised of [
    stray.replace('_', '%5F'),
    stray.replace('i', '%69').replace('_', '%5f'),
    stray.toUpperCase(),
  ]) {
    for (const [fields] of contactsWith(disguised)) {
      const { error } = ContactCreateRequest.safeParse({ name: 'Ada', ...fields });
      expect(error?.issues[0]?.message, JSON.stringify(fields)).toMatch(MESSAGE);
    }
  }
});

test('A text of a key’s form with a wrong checksum is taken in every field', () => {
  for (const [fields] of contactsWith(wrongKey())) {
    expect(ContactCreateRequest.safeParse({ name: 'Ada', ...fields }).error, JSON.stringify(fields)).toBeUndefined();
  }
  expect(ApiKeyIssueRequest.safeParse({ name: wrongKey() }).success).toBe(true);
});

test('What is only looked for may be a key', async () => {
  await using app = await testApp();
  const stray = newKey();
  for (const query of [`search=${stray}`, `tag=${stray}`, `email=${stray}@example.com`]) {
    expect(await app.api(app.one.key, 'GET', `/api/contacts?${query}`)).toMatchObject({ status: 200 });
  }
  await app.trpc(app.one.key).contacts.list.query({ search: stray, tag: stray, email: stray });
});

test('The name of a key, and the address of an invitation, hold no key', async () => {
  await using app = await testApp();
  const stray = newKey();
  const issues = (path: string) => [{ path: [path], message: expect.stringMatching(MESSAGE) }];
  const named = { name: `For ${stray}` };
  for (const [method, path] of [
    ['POST', '/api/keys'],
    ['PATCH', `/api/keys/${app.one.keyId}`],
  ] as const) {
    const answer = await app.api(app.one.key, method, path, named);
    expect(answer).toMatchObject({ status: 400, body: { details: { issues: issues('name') } } });
    expect(answer.text).not.toContain(stray.slice(16));
  }
  const { trpc } = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  const error = await trpc.members.invite.mutate({ email: `${stray}@example.com` }).catch((thrown) => thrown);
  expect(error.data).toMatchObject({ httpStatus: 400, details: { issues: issues('email') } });
});

test('The names of people and organizations, and whatever else an account keeps, hold no key', async () => {
  await using app = await testApp({ choices: { openSignUp: true } });
  const stray = newKey();
  const account = { name: 'Ada', email: 'ada@example.com', password: PASSWORD };
  const person = await signedIn(app, await addMember(app, app.one.id));
  const visitor = openBrowser(app);
  const attempts: [typeof visitor, string, object, (string | number)[]][] = [
    [visitor, '/sign-up/email', { ...account, name: `Ada ${stray}` }, ['name']],
    [visitor, '/sign-up/email', { ...account, email: `${stray}@example.com` }, ['email']],
    [visitor, '/sign-up/email', { ...account, image: `https://example.com/${stray}` }, ['image']],
    [person, '/update-user', { name: stray }, ['name']],
    [person, '/update-user', { image: stray }, ['image']],
    [person, '/organization/create', { name: stray, slug: 'mine' }, ['name']],
    [person, '/organization/create', { name: 'Mine', slug: stray }, ['slug']],
    [person, '/organization/create', { name: 'Mine', slug: 'm', metadata: { a: [stray] } }, ['metadata', 'a', 0]],
  ];
  for (const [browser, path, body, field] of attempts) {
    const answer = await browser.account(path, body);
    expect([answer.status, answer.body.details], JSON.stringify(body)).toEqual([
      400,
      { issues: [{ path: field, message: expect.stringMatching(MESSAGE) }] },
    ]);
    expect(answer.text).not.toContain(stray.slice(16));
  }
  // A password is kept as a hash.
  expect((await visitor.account('/sign-up/email', { ...account, password: newKey() })).status).toBe(200);
});

test('A row of a CSV file with a key fails alone, and the reason names the field', async () => {
  await using app = await testApp();
  const stray = newKey();
  const csv = `Name,Company,Notes,Token\nAda,,,\nGrace,,see ${stray},\nHedy,,,${stray}\n,${stray},,\n`;
  const failures = await importFile(new Blob([csv]), {
    signal: new AbortController().signal,
    onProgress: () => {},
    write: async (contacts) =>
      (await app.trpc(app.one.key).contacts.upsertMany.mutate({ contacts: contacts as never, merge: true })).results,
  });
  const [, ...rows] = (await failures?.text())?.trim().split('\n') ?? [];
  const reason = (row = '') => /^(\d+),"(.*?): Must not contain an API key: take the key out/.exec(row)?.slice(1);
  expect(rows.map(reason)).toEqual([
    ['3', 'notes'],
    ['4', 'customFields.Token'],
    ['5', 'company'],
  ]);
  expect((await app.trpc(app.one.key).contacts.list.query()).items.map(({ name }) => name)).toEqual(['Ada']);
});

test('A command refuses the same, and does not repeat the key', () => {
  const stray = newKey();
  const issue = () => parseOptions(ApiKeyIssueRequest, { name: stray });
  expect(issue).toThrow(/^--name: Must not contain an API key: take the key out/);
  expect(issue).not.toThrow(stray.slice(16));
});
