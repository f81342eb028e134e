import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createIntrozyClient } from '../../client/index.ts';
import { ABSENT, clientOf, errorOf, KEY, stub } from '../helpers/client.ts';
import { testApp } from '../helpers/testApp.ts';

afterEach(() => void vi.unstubAllEnvs());

describe('a key', () => {
  test('comes from the environment where none is given', async () => {
    await using app = await testApp();
    vi.stubEnv('INTROZY_API_KEY', app.one.key);
    vi.stubEnv('INTROZY_URL', 'http://introzy.test/');
    const client = createIntrozyClient({ fetch: async (url, init) => app.app.request(url as string, init) });
    expect(await client.keys.current.query()).toMatchObject({ id: app.one.keyId, hint: app.one.key.slice(8, 16) });
  });

  test.each([(key: string) => ` ${key}`, (key: string) => `${key}\n`, (key: string) => `\t${key} \r\n`])(
    'is taken without the blanks and line ends around it',
    async (around) => {
      await using app = await testApp();
      const send: typeof fetch = async (url, init) => app.app.request(url as string, init);
      const options = { url: 'http://introzy.test', fetch: send };
      const given = createIntrozyClient({ ...options, key: around(app.one.key) });
      expect(await given.keys.current.query()).toMatchObject({ id: app.one.keyId });
      vi.stubEnv('INTROZY_API_KEY', around(app.one.key));
      expect(await createIntrozyClient(options).keys.current.query()).toMatchObject({ id: app.one.keyId });
    },
  );

  test('that is not given is asked for at once, by the name of its variable', () => {
    vi.stubEnv('INTROZY_API_KEY', '');
    expect(() => createIntrozyClient()).toThrow(/No API key: set INTROZY_API_KEY/);
  });

  test.each([
    '',
    `${KEY.slice(0, 20)} ${KEY.slice(20)}`,
    KEY.toUpperCase(),
    KEY.slice(0, -1),
    `Bearer ${KEY}`,
    'secret-in-the-wrong-place',
  ])('that is none is refused at once, and not repeated: %j', (key) => {
    for (const create of [
      () => createIntrozyClient({ key }),
      () => {
        vi.stubEnv('INTROZY_API_KEY', key || 'secret');
        createIntrozyClient();
      },
    ]) {
      const error = catchError(create);
      expect(error.message).toMatch(/^Not an API key: INTROZY_API_KEY/);
      expect(inspect(error)).not.toMatch(/secret|abab/i);
    }
  });

  test('in the place of the address is not repeated either', () => {
    for (const url of [KEY, `http://introzy.test/?key=${KEY}`, `http://${KEY}@introzy.test`, `ftp://${KEY}`, '']) {
      const error = catchError(() => createIntrozyClient({ url, key: KEY }));
      expect(error.message).toMatch(/must be a base address/);
      expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain('abab');
    }
  });

  test('is in nothing that is printed', async () => {
    await using app = await testApp();
    const { client } = clientOf(app);
    await using away = await stub((request) => void request.socket.destroy());
    const prints = [
      client,
      client.contacts,
      await errorOf(client.contacts.get.query({ id: ABSENT })),
      await errorOf(clientOf(app, KEY).client.keys.current.query()),
      await errorOf(away.client.contacts.create.mutate({ name: 'Ada' })),
    ].flatMap((value) => [
      inspect(value, { depth: Infinity, showHidden: true, showProxy: true, getters: true }),
      JSON.stringify({ value, ...(value instanceof Error && { stack: value.stack, cause: value.cause }) }),
      `${value}`,
    ]);
    for (const print of prints) {
      expect(print).not.toContain(app.one.key);
      expect(print).not.toContain('abab');
    }
  });

  test('that was just issued is not in the error of another call of the same moment', async () => {
    await using app = await testApp();
    const { client, requests } = clientOf(app);
    const issuing = client.keys.issue.mutate({ name: 'a sibling' });
    const error = await errorOf(client.keys.rename.mutate({ id: ABSENT, name: 'none' }));
    const { key } = await issuing;
    expect(requests).toHaveLength(2);
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(key);
    expect(JSON.stringify(error)).not.toContain(key);
  });
});

describe('a batch', () => {
  test('has 20 calls at most', async () => {
    await using app = await testApp();
    const { client, requests } = clientOf(app);
    await Promise.all(Array.from({ length: 20 }, () => client.keys.current.query()));
    expect(requests).toHaveLength(1);
    await Promise.all(Array.from({ length: 21 }, () => client.keys.current.query()));
    expect(requests).toHaveLength(3);
  });

  test('of queries is divided before its address is too long for a proxy', async () => {
    await using app = await testApp();
    const { client, requests } = clientOf(app);
    const search = 'é'.repeat(200);
    const pages = await Promise.all(Array.from({ length: 20 }, () => client.contacts.list.query({ search })));
    expect(pages).toHaveLength(20);
    expect(requests.length).toBeGreaterThan(1);
    expect(Math.max(...requests.map(({ url }) => url.length))).toBeLessThanOrEqual(8_000);
  });

  test('has no mutations: each has a request, and so a body, of its own', async () => {
    await using app = await testApp();
    const { client, requests } = clientOf(app);
    const notes = '\u{65e5}'.repeat(30_000);
    const made = await Promise.all(
      Array.from({ length: 12 }, () => client.contacts.create.mutate({ name: 'Ada', notes })),
    );
    expect(made).toHaveLength(12);
    expect(requests).toHaveLength(12);
    await Promise.all(Array.from({ length: 12 }, (_, row) => client.contacts.create.mutate({ name: `Ada ${row}` })));
    expect(requests).toHaveLength(24);
  });
});

test('an error has its code, reason and details', async () => {
  await using app = await testApp();
  const { client } = clientOf(app);
  const { id } = await client.contacts.create.mutate({ name: 'Ada', email: 'ada@example.com' });

  const stale = await errorOf(client.contacts.update.mutate({ id, name: 'Ada L.', expectedVersion: 7 }));
  expect(stale).toMatchObject({ code: 'PRECONDITION_FAILED', status: 412, details: { currentVersion: 1 } });
  const taken = await errorOf(client.contacts.create.mutate({ name: 'Ada', email: ' ADA@example.com' }));
  expect(taken).toMatchObject({ code: 'CONFLICT', status: 409, details: { existingId: id } });
  const invalid = await errorOf(client.contacts.create.mutate({ name: '' }));
  expect(invalid.issues).toEqual([{ path: ['name'], message: expect.any(String) }]);
  const refused = await errorOf(clientOf(app, KEY).client.keys.current.query());
  expect(refused.message).toBe('API key authentication failed');
  expect(refused).toMatchObject({ code: 'UNAUTHORIZED', status: 401, reason: 'Invalid API key' });
  expect(refused.requestId).toMatch(/^[0-9a-f-]{36}$/);
});

test('an address that is not the service is named', async () => {
  await using app = await testApp();
  const fetch: typeof globalThis.fetch = async (url, init) => app.app.request(url as string, init);
  const client = createIntrozyClient({ url: 'http://introzy.test/api', key: app.one.key, fetch });
  const error = await errorOf(client.contacts.list.query());
  expect(error.message).toBe('HTTP 404 from http://introzy.test/api/trpc, and no answer of the Introzy API');
});

test('an address that cannot be reached is named, with the reason', async () => {
  const reach = async (url: string) => {
    const error = await errorOf(createIntrozyClient({ url, key: KEY }).contacts.create.mutate({ name: 'Ada' }));
    expect([error.code, error.status]).toEqual([undefined, undefined]);
    expect(inspect(error, { depth: 9 })).not.toContain('abab');
    return error.message;
  };
  const gone = await stub();
  await gone[Symbol.asyncDispose]();
  const { message: refused } = await errorOf(gone.client.contacts.create.mutate({ name: 'Ada' }));
  expect(refused).toMatch(/^Cannot reach http:\/\/127\.0\.0\.1:\d+: connection refused\. Is Introzy running there\?$/);
  // `.invalid` is no domain.
  expect(await reach('http://introzy.invalid/base')).toBe(
    'Cannot reach http://introzy.invalid/base: there is no such host. Check the address',
  );
  await using away = await stub((request) => void request.socket.destroy());
  const { message } = await errorOf(away.client.contacts.create.mutate({ name: 'Ada' }));
  expect(message).toMatch(/^Cannot reach http:\/\/127\.0\.0\.1:\d+: the connection broke off$/);
  const fetchOfBrowser = () => Promise.reject(new TypeError('Failed to fetch'));
  const browser = createIntrozyClient({ url: 'http://introzy.test', key: KEY, fetch: fetchOfBrowser });
  expect((await errorOf(browser.keys.revoke.mutate({ id: ABSENT }))).message).toBe(
    'Cannot reach http://introzy.test: Failed to fetch',
  );
});

test('dates go and come as dates', async () => {
  await using app = await testApp();
  const { client } = clientOf(app);
  const made = await client.contacts.create.mutate({ name: 'Ada' });
  expect(made.createdAt).toBeInstanceOf(Date);
  expect((await client.contacts.list.query({ updatedSince: made.updatedAt })).items).toEqual([made]);
});

function catchError(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('Nothing was thrown');
}

test('A query whose input is too long for an address is sent in a body', async () => {
  await using app = await testApp();
  const { client, requests } = clientOf(app);
  const emails = Array.from({ length: 100 }, (_, index) => `${'é'.repeat(250)}${index}@example.com`);
  const [long, short] = await Promise.all([
    client.contacts.getMany.query({ emails }),
    client.contacts.getMany.query({ emails: emails.slice(0, 1) }),
  ]);
  expect([long.missing.emails, short.missing.emails]).toEqual([emails, emails.slice(0, 1)]);
  expect(requests).toHaveLength(2);
  // The conditions of a list may be as long.
  const ids = Array.from({ length: 100 }, () => randomUUID());
  const tags = emails.slice(0, 20).map((email) => email.slice(0, 90));
  expect((await client.contacts.list.query({ ids })).items).toEqual([]);
  expect((await client.contacts.count.query({ tags })).count).toBe(0);
});
