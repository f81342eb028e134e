import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { mintKey } from '../../server/auth/keySecret.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** The secret part of a key. The 8 characters before the secret part are the key's hint, which everybody may see. */
const secretOf = (key: string) => key.slice('introzy_'.length + 8);

/** Every value of every table, as text. */
async function dump({ db }: TestApp): Promise<string> {
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`.execute(
    db.root,
  );
  // Without `force`, the policies do not hold the tables' owner.
  const parts: string[] = [];
  for (const { name } of tables) {
    await sql`alter table ${sql.table(name)} no force row level security`.execute(db.root);
    const { rows } = await sql<{ row: string }>`select each_row::text as row from ${sql.table(name)} each_row`.execute(
      db.root,
    );
    parts.push(`${name}: ${rows.length}`, ...rows.map(({ row }) => row));
  }
  return parts.join('\n');
}

/** Calls the app and keeps all answers. */
function startCollecting({ app }: TestApp) {
  const answers: string[] = [];
  const call = async (method: string, path: string, headers: Record<string, string> = {}, body?: string) => {
    const response = await app.request(path, { method, headers, ...(body !== undefined && { body }) });
    const text = await response.text();
    return { status: response.status, text, whole: [...response.headers].flat().concat(text).join('\n') };
  };
  return {
    answers,
    /** Makes a call, and keeps the answer. */
    async send(...request: Parameters<typeof call>) {
      const { status, text, whole } = await call(...request);
      answers.push(whole);
      return { status, text };
    },
    call,
  };
}

const json = { 'content-type': 'application/json' };
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

/** Issues and rotates keys through both doors. */
async function makeCanaries(app: TestApp): Promise<string[]> {
  const trpc = app.trpc(app.one.key);
  const [first, second] = [
    (await app.api(app.one.key, 'POST', '/api/keys', { name: 'by REST' })).body.data,
    await trpc.keys.issue.mutate({ name: 'by tRPC' }),
  ];
  return [
    first.key,
    second.key,
    (await app.api(app.one.key, 'POST', `/api/keys/${first.apiKey.id}/rotate`, {})).body.data.key,
    (await trpc.keys.rotate.mutate({ id: second.apiKey.id })).key,
  ];
}

/** Requests with a key in a wrong place: method, path, headers, body. */
function misuses(key: string): [string, string, Record<string, string>?, string?][] {
  const encoded = key.replace(/^.{12}/, (start) => start.replace(/./g, (c) => `%${c.charCodeAt(0).toString(16)}`));
  const spoilt = `%${key.replace('_', '%%5F')}`;
  const paths = [key, encoded, spoilt].flatMap((some) => [
    ...['/', '/api/', '/api/contacts/', '/api/keys/', '/trpc/', '/trpc/keys.'].map((path) => path + some),
    `/trpc/keys.current,${some}?batch=1&input={}`,
    ...['key', 'api_key', 'cursor', 'limit', 'email', 'organizationId', some].map(
      (name) => `/api/contacts?${name}=${some}`,
    ),
    `/api/keys?${some}`,
    `/trpc/contacts.list?input=${some}`,
    `/trpc/contacts.list?input=${encodeURIComponent(JSON.stringify({ json: { [key]: key, cursor: key } }))}`,
    `/%ff${some}`,
  ]);
  const bodies = [
    key,
    JSON.stringify(key),
    `{"${key}`,
    ...[
      { [key]: 1 },
      { name: 'x', [key]: { [key]: key } },
      { name: { [key]: key } },
      { name: 'x', email: key },
      { name: 'x', linkedinUrl: key },
      { name: 'x', tags: [[key]] },
      { name: 'x', scopes: [key], expiresInDays: key },
      { id: key, expectedVersion: key, organizationId: key },
      { json: { [key]: key }, meta: { values: { [key]: ['Date'] } } },
      { json: { name: key }, meta: { values: { name: [key] } } },
      { json: { name: key }, meta: { values: { name: [['custom', key]] } } },
      { json: { name: key }, meta: { values: { name: ['URL'] } } },
      { json: { name: key }, meta: { [key]: key, values: key } },
      [key],
      [{ [key]: key }],
      [{ name: 'x', email: key, [key]: 1 }],
    ].map((body) => JSON.stringify(body)),
  ];
  const id = '00000000-0000-7000-8000-000000000000';
  const written: [string, string][] = [
    ['POST', '/api/contacts'],
    ['PATCH', `/api/contacts/${id}`],
    ['POST', '/api/contacts/batch'],
    ['POST', '/api/keys'],
    ['POST', `/api/keys/${id}/rotate`],
    ['POST', '/trpc/contacts.create'],
    ['POST', '/trpc/keys.issue'],
    ['POST', '/trpc/contacts.upsertMany?batch=1'],
  ];
  const headers = ['cookie', 'x-api-key', 'user-agent', 'accept', 'content-type', 'if-match', 'origin', 'trpc-accept'];
  return [
    ...paths.map((path): [string, string] => ['GET', path]),
    ...paths.slice(0, 6).map((path): [string, string, Record<string, string>, string] => ['POST', path, json, '{}']),
    ...written.flatMap(([method, path]) =>
      bodies.map((body): [string, string, Record<string, string>, string] => [method, path, json, body]),
    ),
    ...headers.map((name): [string, string, Record<string, string>, string] => [
      'PATCH',
      `/api/contacts/${id}`,
      { ...json, [name]: name === 'cookie' ? `key=${key}` : key },
      '{}',
    ]),
  ];
}

/** Authorization headers with a key in a wrong form. */
const wrongly = (key: string) => [`Basic ${key}`, key, `Bearer ${key}x`, `Bearer "${key}"`, `Bearer ${key} ${key}`];

function expectNone(text: string, canaries: string[], where: string) {
  for (const key of canaries) expect(text.includes(secretOf(key)), `a key in ${where}: ${near(text, key)}`).toBe(false);
}
const near = (text: string, key: string) => {
  const at = text.indexOf(secretOf(key));
  return at < 0 ? '' : text.slice(Math.max(at - 200, 0), at + 100);
};

test('No key is in a log line, in an answer but its first, or in the database, wherever it was sent', async () => {
  await using app = await testApp({ isAlone: true });
  const { answers, send } = startCollecting(app);
  const canaries = [...(await makeCanaries(app)), mintKey(app.keySecrets).key];
  const [first = ''] = canaries;
  const statuses = new Set<number>();
  for (const key of canaries) {
    const requests = misuses(key);
    // Each request carries a valid key too. The requests of the first key are also sent without a valid key.
    for (const headers of key === first ? [bearer(app.one.key), {}] : [bearer(app.one.key)]) {
      for (const [method, path, more, body] of requests) {
        const { status } = await send(method, path, { ...headers, ...more }, body);
        statuses.add(status);
        if (method !== 'GET')
          expect([path, body, status < 400 && !path.includes('batch')]).toEqual([path, body, false]);
      }
    }
    for (const authorization of wrongly(key)) {
      expect((await send('GET', '/api/contacts', { authorization })).status).toBe(401);
      expect((await send('GET', '/trpc/contacts.list', { authorization })).status).toBe(401);
    }
  }

  // Now the keys are used correctly, with every kind of refusal.
  const theirs = (await app.api(app.other.key, 'POST', '/api/contacts', { name: 'Theirs' })).body.data.id;
  await send('POST', '/api/contacts', { ...bearer(first), ...json }, '{"name":"Ada","email":"ada@example.com"}');
  const taken = await send(
    'POST',
    '/api/contacts',
    { ...bearer(first), ...json },
    '{"name":"A","email":"ada@example.com"}',
  );
  const foreign = await send('GET', `/api/contacts/${theirs}`, bearer(first));
  const scopeless = await send('GET', '/api/keys', bearer(first));
  const batched = await send('GET', '/trpc/keys.current,keys.list,contacts.list?batch=1', bearer(first));
  const { id } = JSON.parse((await send('GET', '/api/keys/current', bearer(first))).text).data;
  await send('DELETE', `/api/keys/${id}`, bearer(first));
  const revoked = await send('GET', '/api/contacts', bearer(first));
  const rotated = await send('POST', `/api/keys/${id}/rotate`, { ...bearer(app.one.key), ...json }, '{}');
  expect([taken, foreign, scopeless, batched, revoked, rotated].map(({ status }) => status)).toEqual([
    409, 403, 403, 207, 401, 409,
  ]);
  await app.deps.lastUse.flush();

  expect([...statuses]).toEqual(expect.arrayContaining([400, 401, 404, 405, 415]));
  const all = [...canaries, app.one.key, app.other.key];
  expectNone(app.logs.join(''), all, 'the log');
  expectNone(answers.join('\n'), all, 'an answer');
  const dumped = await dump(app);
  expect(dumped).toMatch(/api_key_secrets: [1-9]/);
  expect(dumped).toContain(app.one.key.slice('introzy_'.length, 16));
  expectNone(dumped, all, 'the database');
});

test('A defect is a 500 that says nothing of its cause; the log has that under the request id, and no key', async () => {
  await using app = await testApp({ isAlone: true });
  const canaries = [...(await makeCanaries(app)), app.one.key];
  const parts = canaries.map((key) => key.slice(0, -1));
  await sql`alter table contacts rename column notes to memos`.execute(app.db.root);
  for (const key of canaries) {
    // A text that holds a valid key is refused before the defect: this text is the key with a wrong checksum.
    const like = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`;
    const fields = { name: like, email: `${like}@example.com`, notes: like, customFields: { [like]: like } };
    const body = JSON.stringify(fields);
    for (const [path, text] of [
      ['/api/contacts', body],
      ['/trpc/contacts.create', `{"json":${body}}`],
    ] as const) {
      const response = await app.app.request(path, {
        method: 'POST',
        headers: { ...bearer(app.one.key), ...json },
        body: text,
      });
      const answer = await response.text();
      expect(response.status).toBe(500);
      if (path === '/api/contacts') expect(answer).toBe('{"success":false,"error":"Internal server error"}');
      else expect(JSON.parse(answer).error.json.message).toBe('Internal server error');
      expect(answer).not.toMatch(/memos|column|stack|\.ts/);
      const requestId = response.headers.get('x-request-id') as string;
      const line = app.logs.find((some) => some.includes(requestId) && some.includes('"level":50'));
      expect(line, 'the cause, under the request id').toMatch(/\bnotes\b.* does not exist/);
      expectNone(answer, parts, 'an answer');
    }
  }
  expectNone(app.logs.join(''), parts, 'the log');
});
