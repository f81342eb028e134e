import { Client, InMemoryTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createIntrozyClient } from '../../client/index.ts';
import { createRemoteServer } from '../../server/cli/remoteMcp.ts';
import { ERRORS } from '../../shared/errors.ts';
import { addMember, signedIn } from '../helpers/browser.ts';
import { callTool } from '../helpers/idempotency.ts';
import { readTables, runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp();
});
afterAll(() => app[Symbol.asyncDispose]());

let made = 0;
const newKey = () => `key ${++made} ${Math.random()}`;
const newName = () => `Once${++made}x${Math.random().toString(36).slice(2)}`;
const keyed = (idempotencyKey: string) => ({ 'idempotency-key': idempotencyKey });
const count = async (search: string) => (await app.trpc(app.one.key).contacts.count.query({ search })).count;
const isReplayed = ({ headers }: { headers: Headers }) => headers.get('idempotency-replayed') === 'true';

interface Sent {
  key?: string | undefined;
  body?: unknown;
  idempotencyKey: string;
}

/** Calls REST with an idempotency key. */
const send = (method: string, path: string, { key = app.one.key, body, idempotencyKey }: Sent) =>
  app.api(key, method, path, body, keyed(idempotencyKey));

test('A repeated create makes one contact, and has the same status, body, Location and ETag', async () => {
  const name = newName();
  const idempotencyKey = newKey();
  const first = await send('POST', '/api/contacts', { body: { name, tags: ['a'] }, idempotencyKey });
  expect([first.status, isReplayed(first)]).toEqual([201, false]);
  // A change meanwhile does not change the answer. The order of fields is no difference.
  await app.api(app.one.key, 'PATCH', `/api/contacts/${first.body.data.id}`, { title: 'changed' });
  const again = await send('POST', '/api/contacts', { body: { tags: ['a'], name }, idempotencyKey });
  expect([again.status, again.text, isReplayed(again)]).toEqual([201, first.text, true]);
  for (const header of ['location', 'etag', 'content-type', 'cache-control']) {
    expect([header, again.headers.get(header)]).toEqual([header, first.headers.get(header)]);
  }
  expect(again.headers.get('location')).toBe(`/api/contacts/${first.body.data.id}`);
  expect(again.headers.get('etag')).toBe('"1"');
  expect(await count(name)).toBe(1);
});

test('Every write of contacts, and of keys without a secret in the answer, is done once', async () => {
  const { contacts } = app.trpc(app.one.key);
  const contact = await contacts.create.mutate({ name: newName(), company: 'Once Ltd' });
  const { apiKey } = await app.issue(app.one.id);
  const writes: [method: string, path: string, body?: object][] = [
    ['PATCH', `/api/contacts/${contact.id}`, { title: 'Countess', expectedVersion: 1 }],
    ['POST', '/api/contacts/batch', { contacts: [{ name: newName() }, { name: '' }] }],
    ['POST', '/api/contacts/update', { where: { company: 'Once Ltd' }, addTags: ['once'] }],
    ['DELETE', `/api/contacts/${contact.id}`],
    ['POST', `/api/contacts/${contact.id}/restore`],
    ['PATCH', `/api/keys/${apiKey.id}`, { description: 'once' }],
    ['POST', `/api/keys/${apiKey.id}/end-grace`, {}],
    ['DELETE', `/api/keys/${apiKey.id}`],
  ];
  for (const [method, path, body] of writes) {
    const idempotencyKey = newKey();
    const first = await send(method, path, { body, idempotencyKey });
    expect([method, path, first.status, isReplayed(first)]).toEqual([method, path, 200, false]);
    await app.deps.lastUse.flush();
    const before = await readTables(app);
    const again = await send(method, path, { body, idempotencyKey });
    expect([again.status, again.text, again.headers.get('etag'), isReplayed(again)]).toEqual([
      ...[200, first.text, first.headers.get('etag'), true],
    ]);
    await app.deps.lastUse.flush();
    const {
      api_key_days: _,
      api_key_secrets: __,
      api_keys: ___,
      api_key_places: ____,
      ...after
    } = await readTables(app);
    expect(before).toMatchObject(after);
  }
  const { items } = await app.trpc(app.one.key).audit.list.query({ action: 'apiKey.revoked' });
  expect(items.filter(({ subject }) => subject.id === apiKey.id)).toHaveLength(1);
});

test('100 calls at once under one key make one contact, and have the same answer', async () => {
  const name = newName();
  const idempotencyKey = newKey();
  const body = { name, email: `${name}@example.com` };
  const create = async (): Promise<Awaited<ReturnType<typeof send>>> => {
    const answer = await send('POST', '/api/contacts', { body, idempotencyKey });
    return answer.status === 503 ? await create() : answer;
  };
  const answers = await Promise.all(Array.from({ length: 100 }, create));
  expect(new Set(answers.map(({ status, text, headers }) => [status, headers.get('location'), text].join()))).toEqual(
    new Set([[201, answers[0]?.headers.get('location'), answers[0]?.text].join()]),
  );
  expect(answers.filter((answer) => !isReplayed(answer))).toHaveLength(1);
  expect(await count(name)).toBe(1);
});

test('Another body, path or procedure under the same key is 422, at every door', async () => {
  const { contacts } = app.trpc(app.one.key);
  const [a, b] = [await contacts.create.mutate({ name: newName() }), await contacts.create.mutate({ name: newName() })];
  const idempotencyKey = newKey();
  const path = `/api/contacts/${a.id}`;
  expect((await send('PATCH', path, { body: { title: 'one' }, idempotencyKey })).status).toBe(200);
  const others: [method: string, path: string, body?: unknown][] = [
    ['PATCH', path, { title: 'two' }],
    ['PATCH', `/api/contacts/${b.id}`, { title: 'one' }],
    ['PATCH', `${path}?expectedVersion=2`, { title: 'one' }],
    ['DELETE', path, undefined],
    ['POST', '/api/contacts', { name: '' }],
    ['POST', '/trpc/contacts.update', { json: { id: a.id, title: 'two' } }],
  ];
  for (const [method, at, body] of others) {
    const { status, text } = await send(method, at, { body, idempotencyKey });
    expect([at, status]).toEqual([at, 422]);
    expect(text).toContain(ERRORS.UNPROCESSABLE_CONTENT.message);
  }
  expect(await contacts.get.query({ id: a.id })).toMatchObject({ version: 2, title: 'one' });
  // The same call at another door is the same request.
  const same = await send('POST', '/trpc/contacts.update', {
    body: { json: { id: a.id, title: 'one' } },
    idempotencyKey,
  });
  expect([same.status, same.body.result.data.json.version, isReplayed(same)]).toEqual([200, 2, true]);
});

test('After an answer that is no 2xx the key is unused', async () => {
  const idempotencyKey = newKey();
  const name = newName();
  const email = `${name}@example.com`;
  const taken = await app.trpc(app.one.key).contacts.create.mutate({ name: newName(), email });
  const attempt = (body: object) => send('POST', '/api/contacts', { body, idempotencyKey });
  expect((await attempt({ name: '' })).status).toBe(400);
  const conflict = await attempt({ name, email });
  expect([conflict.status, conflict.body.details]).toEqual([409, { existingId: taken.id }]);
  await app.trpc(app.one.key).contacts.delete.mutate({ id: taken.id });
  // The very same request succeeds now, and so may another.
  expect((await attempt({ name, email })).status).toBe(201);
  expect(isReplayed(await attempt({ name, email }))).toBe(true);
});

test('A key belongs to the API key, its tokens and rotations, or to the person', async () => {
  const idempotencyKey = newKey();
  const name = newName();
  const { key, apiKey } = await app.issue(app.one.id);
  const create = (as: string) => send('POST', '/api/contacts', { key: as, body: { name }, idempotencyKey });
  expect((await create(key)).status).toBe(201);
  const { token } = await app.trpc(key).keys.mintToken.mutate({ expiresInMinutes: 5 });
  const { key: rotated } = await app.trpc(app.one.key).keys.rotate.mutate({ id: apiKey.id });
  for (const same of [key, token, rotated]) expect(isReplayed(await create(same))).toBe(true);
  expect(await count(name)).toBe(1);
  for (const other of [app.one.key, app.other.key]) expect(isReplayed(await create(other))).toBe(false);
  expect(await count(name)).toBe(2);

  const person = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  const invite = () =>
    person.call(
      'POST',
      '/trpc/members.invite',
      { json: { email: `${name}@example.com`, role: 'member' } },
      keyed(idempotencyKey),
    );
  const [first, again] = [await invite(), await invite()];
  expect([first.status, again.status, again.text]).toEqual([200, 200, first.text]);
  await app.deps.background.idle();
  const mails = app.logs.filter((line) => line.includes(`${name.toLowerCase()}@example.com`));
  expect(mails).toHaveLength(1);
});

test('A revoked key gets 401, a key that has lost its right 403, and a replay counts against the rate', async () => {
  const idempotencyKey = newKey();
  const { key, apiKey } = await app.issue(app.one.id);
  const create = () => send('POST', '/api/contacts', { key, body: { name: 'Ada' }, idempotencyKey });
  expect((await create()).status).toBe(201);
  const before = Number(/r=(\d+)/.exec((await create()).headers.get('ratelimit') ?? '')?.[1]);
  const after = Number(/r=(\d+)/.exec((await create()).headers.get('ratelimit') ?? '')?.[1]);
  expect(after).toBe(before - 1);
  const { keys } = app.trpc(app.one.key);
  await keys.update.mutate({ id: apiKey.id, allowedAddresses: ['203.0.113.0/24'] });
  expect((await create()).status).toBe(403);
  await keys.update.mutate({ id: apiKey.id, allowedAddresses: null });
  expect((await create()).status).toBe(201);
  await keys.revoke.mutate({ id: apiKey.id });
  expect((await create()).status).toBe(401);
});

test('Answers that show a secret are not kept: a repetition is 409 with the id, and issues nothing', async () => {
  const idempotencyKey = newKey();
  const issue = () => send('POST', '/api/keys', { body: { name: 'once' }, idempotencyKey });
  const issued = await issue();
  const id = issued.body.data.apiKey.id;
  const repeated = await issue();
  expect([repeated.status, repeated.body.details]).toEqual([409, { existingId: id }]);
  const [rotating, minting] = [newKey(), newKey()];
  const rotate = () => send('POST', `/api/keys/${id}/rotate`, { body: {}, idempotencyKey: rotating });
  const mint = () =>
    send('POST', '/api/keys/current/tokens', {
      key: issued.body.data.key,
      body: { expiresInMinutes: 5 },
      idempotencyKey: minting,
    });
  for (const call of [mint, rotate]) {
    expect((await call()).status).toBeLessThan(300);
    const again = await call();
    expect([again.status, again.body.details]).toEqual([409, { existingId: id }]);
    expect(again.text).not.toContain('introzy_');
  }
  const { secrets } = await app.trpc(app.one.key).keys.get.query({ id });
  expect(secrets.map(({ type }) => type).sort()).toEqual(['secret', 'secret', 'token']);
});

test('A dry run and a read ignore the key', async () => {
  const idempotencyKey = newKey();
  const name = newName();
  for (let time = 0; time < 2; time++) {
    const dry = await send('POST', '/api/contacts?dryRun=true', { body: { name }, idempotencyKey });
    expect([dry.status, isReplayed(dry)]).toEqual([201, false]);
    for (const ignored of [idempotencyKey, '']) {
      expect((await send('GET', '/api/contacts?limit=1', { idempotencyKey: ignored })).status).toBe(200);
    }
    const many = await send('POST', '/api/contacts/get', { body: { emails: [`${name}@example.com`] }, idempotencyKey });
    expect([many.status, isReplayed(many)]).toEqual([200, false]);
  }
  expect((await send('POST', '/api/contacts', { body: { name }, idempotencyKey })).status).toBe(201);
  expect((await send('POST', '/api/contacts?dryRun=true', { body: { name: '' }, idempotencyKey: '' })).status).toBe(
    400,
  );
  expect(await count(name)).toBe(1);
});

describe('A key of another form is 400', () => {
  const message = 'An idempotency key has 1 to 255 characters, and no control characters';
  test.each([
    ['empty', ''],
    ['too long', 'k'.repeat(256)],
    ['with a control character', 'a\tb'],
    ['with a control character of Latin-1', 'a\u0085b'],
  ])('%s', async (_, idempotencyKey) => {
    const name = newName();
    for (const [path, body] of [
      ['/api/contacts', { name }],
      ['/trpc/contacts.create', { json: { name } }],
    ] as const) {
      const { status, text } = await send('POST', path, { body, idempotencyKey });
      expect([status, text]).toEqual([400, expect.stringContaining(message)]);
    }
    const tool = await callTool(app, app.one.key, { name: 'create_contact', input: { name }, idempotencyKey });
    expect(tool.result._meta['introzy/error']).toMatchObject({
      status: 400,
      details: { issues: [{ path: ['_meta', 'idempotencyKey'], message }] },
    });
    expect(await count(name)).toBe(0);
  });

  test('no text, over MCP', async () => {
    const { result } = await callTool(app, app.one.key, {
      name: 'create_contact',
      input: { name: newName() },
      idempotencyKey: 7,
    });
    expect(result._meta['introzy/error'].status).toBe(400);
  });

  test('but 255 characters are taken', async () => {
    const body = { name: newName() };
    for (const status of [201, 201]) {
      expect((await send('POST', '/api/contacts', { body, idempotencyKey: 'ü'.repeat(255) })).status).toBe(status);
    }
    expect(await count(body.name)).toBe(1);
  });
});

test('A key in UTF-8 is the text that it is: 255 characters, and the same for the client, over REST and in any byte', async () => {
  const client = createIntrozyClient({
    key: app.one.key,
    url: 'http://introzy.test',
    fetch: (input, init) => Promise.resolve(app.app.request(input as string, init as RequestInit)),
  });
  for (const text of ['é', 'ключ', '東京', '😀']) {
    const idempotencyKey = `${text.repeat(20)} ${newKey()}`;
    const input = { name: newName() };
    const { id } = await client.contacts.create.mutate(input, { idempotencyKey });
    const again = await send('POST', '/api/contacts', { body: input, idempotencyKey: bytesOf(idempotencyKey) });
    expect([again.status, again.body.data.id, isReplayed(again)], text).toEqual([201, id, true]);
  }
  const longest = (length: number) =>
    send('POST', '/api/contacts', { body: { name: newName() }, idempotencyKey: bytesOf('ж'.repeat(length)) });
  expect([(await longest(255)).status, (await longest(256)).status]).toEqual([201, 400]);
});

/** A text in UTF-8, as a header has it: a character for each byte. */
const bytesOf = (text: string) => Buffer.from(text).toString('latin1');

test('Several calls in one request with a key are refused, and not one is done', async () => {
  const names = [newName(), newName()];
  const batch = (some: string[]) => ({
    path: `/trpc/${some.map(() => 'contacts.create').join()}?batch=1`,
    body: Object.fromEntries(some.map((name, index) => [index, { json: { name } }])),
  });
  const { path, body } = batch(names);
  const refused = await send('POST', path, { body, idempotencyKey: newKey() });
  expect([refused.status, refused.body[0].error.json.data.details.issues]).toEqual([
    400,
    [
      {
        path: ['Idempotency-Key'],
        message: 'An idempotency key stands for one call: send each call in a request of its own',
      },
    ],
  ]);
  for (const name of names) expect(await count(name)).toBe(0);
  const single = batch([newName()]);
  const idempotencyKey = newKey();
  const first = await send('POST', single.path, { body: single.body, idempotencyKey });
  const again = await send('POST', single.path, { body: single.body, idempotencyKey });
  expect([first.status, again.text, isReplayed(again)]).toEqual([200, first.text, true]);
});

describe('A streamed batch with a key', () => {
  const STREAM = { 'content-type': 'application/json', 'trpc-accept': 'application/jsonl' };
  const stream = (path: string, body: object, idempotencyKey: string, key = app.one.key) =>
    app.app.request(`/trpc/${path}?batch=1`, {
      method: 'POST',
      headers: { ...STREAM, ...keyed(idempotencyKey), authorization: `Bearer ${key}` },
      body: JSON.stringify(body),
    });

  test('and several writes is one 400 before the stream, and not one is done; a refused caller learns nothing of it', async () => {
    const names = [newName(), newName()];
    const body = { ...names.map((name) => ({ json: { name } })) };
    const path = 'contacts.create,contacts.create';
    const refused = await stream(path, body, newKey());
    expect([refused.status, refused.headers.get('content-type')]).toEqual([400, 'application/json']);
    expect(await refused.json()).toMatchObject({
      error: { json: { data: { details: { issues: [{ path: ['Idempotency-Key'] }] } } } },
    });
    for (const name of names) expect(await count(name)).toBe(0);
    expect((await stream(path, body, newKey(), 'wrong')).status).toBe(401);
  });

  test('and several reads ignores the key', async () => {
    const answer = await stream('keys.current,contacts.list', {}, newKey());
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining(app.one.keyId)]);
  });

  test('and one write is done once, and its repetition has the header too', async () => {
    const name = newName();
    const create = (idempotencyKey: string) => stream('contacts.create', { 0: { json: { name } } }, idempotencyKey);
    const idempotencyKey = newKey();
    const [first, again] = [await create(idempotencyKey), await create(idempotencyKey)];
    expect([first.status, isReplayed(first), again.status, isReplayed(again)]).toEqual([200, false, 200, true]);
    expect(await again.text()).toBe(await first.text());
    expect(again.headers.get('content-type')).toBe('application/jsonl');
    expect(await count(name)).toBe(1);
  });
});

test('A key beyond ASCII is the same key in UTF-8 and in Latin-1', async () => {
  const body = { name: newName() };
  const idempotencyKey = `Straße À ${newKey()}`;
  const utf8 = Buffer.from(idempotencyKey).toString('latin1');
  expect((await send('POST', '/api/contacts', { body, idempotencyKey: utf8 })).status).toBe(201);
  for (const same of [utf8, idempotencyKey]) {
    expect(isReplayed(await send('POST', '/api/contacts', { body, idempotencyKey: same }))).toBe(true);
  }
  // 255 characters, of three bytes each.
  const long = Buffer.from('名'.repeat(255)).toString('latin1');
  expect((await send('POST', '/api/contacts', { body: { name: newName() }, idempotencyKey: long })).status).toBe(201);
});

describe('MCP', () => {
  test('A tool’s call with a key in _meta is done once, and its result says that it was given before', async () => {
    const name = newName();
    const idempotencyKey = newKey();
    const create = (input: object) => callTool(app, app.one.key, { name: 'create_contact', input, idempotencyKey });
    const first = await create({ name });
    const again = await create({ name });
    expect(again.result.structuredContent).toEqual(first.result.structuredContent);
    expect([first.result._meta, isReplayed(first)]).toEqual([undefined, false]);
    expect([again.result._meta, isReplayed(again)]).toEqual([{ idempotencyReplayed: true }, true]);
    expect(await count(name)).toBe(1);
    const other = await create({ name: newName() });
    expect(other.result).toMatchObject({ isError: true, _meta: { 'introzy/error': { status: 422 } } });
    expect(other.result.content[0].text).toContain('Send a new idempotencyKey with other arguments.');
  });

  test('A tool that changes contacts one by one does each change once', async () => {
    const { contacts } = app.trpc(app.one.key);
    const some = await Promise.all([1, 2, 3].map(() => contacts.create.mutate({ name: newName() })));
    const ids = some.map(({ id }) => id);
    const idempotencyKey = newKey();
    const remove = (input: object) => callTool(app, app.one.key, { name: 'delete_contacts', input, idempotencyKey });
    const first = await remove({ ids });
    expect(first.result.structuredContent.results.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      ...['done', 'done', 'done'],
    ]);
    await contacts.restore.mutate({ id: ids[0] as string });
    const again = await remove({ ids });
    expect([again.result.structuredContent, again.result._meta]).toEqual([
      first.result.structuredContent,
      { idempotencyReplayed: true },
    ]);
    expect((await contacts.get.query({ id: ids[0] as string })).version).toBe(3);
    expect((await remove({ ids: ids.slice(0, 2) })).result._meta['introzy/error'].status).toBe(422);
  });

  test('A header of the request, and a key of a tool that reads, are ignored', async () => {
    const name = newName();
    for (let time = 0; time < 2; time++) {
      const created = await callTool(app, app.one.key, {
        name: 'create_contact',
        input: { name },
        headers: keyed('a header'),
      });
      expect(created.result.isError).toBeUndefined();
      const found = await callTool(app, app.one.key, {
        name: 'search_contacts',
        input: { query: name },
        idempotencyKey: 'reads',
      });
      expect(found.result.structuredContent.contacts).toHaveLength(time + 1);
    }
  });
});

test('`introzy mcp` sends a tool’s call again whose answer was lost or is 503, and the call is done once', async () => {
  let sent = 0;
  const remote = {
    url: 'http://127.0.0.1:3000',
    key: app.one.key,
    async send(request: Request) {
      sent++;
      if (sent === 1) return Response.json({ success: false, error: 'No' }, { status: 503 });
      const answer = await app.app.request(request);
      if (sent === 2) throw new TypeError('fetch failed');
      return answer;
    },
  };
  const [here, there] = InMemoryTransport.createLinkedPair();
  await createRemoteServer(remote).connect(there);
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(here);
  const name = newName();
  const { structuredContent } = await client.callTool({ name: 'create_contact', arguments: { name } });
  expect(structuredContent).toMatchObject({ contact: { name, version: 1 } });
  expect([sent, await count(name)]).toEqual([3, 1]);
  // A client's own key goes on to the service.
  const own = { name: 'create_contact', arguments: { name }, _meta: { idempotencyKey: newKey() } };
  const [first, again] = [await client.callTool(own), await client.callTool(own)];
  expect(again.structuredContent).toEqual(first.structuredContent);
  expect(await count(name)).toBe(2);
  await client.close();
});

test('Neither the key nor the request is in the database, and an erased contact’s answer is gone: 409 with the id', async () => {
  const idempotencyKey = `secret ${newKey()}`;
  const body = { name: newName(), notes: newName() };
  const create = () => send('POST', '/api/contacts', { body, idempotencyKey });
  const { id } = (await create()).body.data;
  expect(JSON.stringify(await readTables(app))).not.toContain(idempotencyKey);
  const owner = await signedIn(app, await addMember(app, app.one.id, 'owner'));
  await owner.trpc.contacts.erase.mutate({ ids: [id] });
  expect(JSON.stringify(await readTables(app))).not.toContain(body.notes);
  const again = await create();
  expect([again.status, again.body.details]).toEqual([409, { existingId: id }]);
  expect(await count(body.name)).toBe(0);
});

test('After 24 hours by the database’s clock the key is unused', async () => {
  const idempotencyKey = newKey();
  const name = newName();
  const create = () => send('POST', '/api/contacts', { body: { name }, idempotencyKey });
  const first = await create();
  const { id } = first.body.data;
  const age = (hours: number) =>
    runAsAdmin(
      app,
      `update kept_answers set expires_at = expires_at - interval '${hours} hours' where subject_id = '${id}'`,
    );
  await age(23);
  expect((await create()).text).toBe(first.text);
  await age(1);
  const later = await create();
  expect([later.status, isReplayed(later)]).toEqual([201, false]);
  expect(later.body.data.id).not.toBe(id);
  expect((await create()).text).toBe(later.text);
});
