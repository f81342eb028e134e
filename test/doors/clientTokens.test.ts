import { setTimeout as wait } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createIntrozyClient, type GivenKey } from '../../client/index.ts';
import { errorOf, KEY } from '../helpers/client.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

afterEach(() => void vi.unstubAllGlobals());

/** A client whose key is a function, and the paths of its requests. */
function clientWith({ app }: Pick<TestApp, 'app'>, key: GivenKey) {
  const paths: string[] = [];
  const send: typeof fetch = async (...request) => {
    paths.push(new URL(request[0] as string).pathname);
    return await app.request(...(request as [string, RequestInit]));
  };
  return { paths, ...createIntrozyClient({ url: 'http://introzy.test', key, fetch: send }) };
}

/** A page's backend: has the key, and mints a token at each question. */
function backendOf(app: TestApp) {
  const minted: string[] = [];
  const { keys } = app.trpc(app.one.key);
  return {
    minted,
    async mint() {
      const { token } = await keys.mintToken.mutate({ expiresInMinutes: 5 });
      minted.push(token);
      return token;
    },
    /** Ends the newest token. */
    end: async () => void (await app.trpc(minted.at(-1)).keys.revoke.mutate({ id: 'current' })),
  };
}

describe('A key that is a function', () => {
  test('is asked once before the first request, however many calls wait, and not again while its token works', async () => {
    await using app = await testApp();
    const backend = backendOf(app);
    const { keys, contacts, paths } = clientWith(app, backend.mint);
    expect(backend.minted).toEqual([]);
    await Promise.all([keys.current.query(), contacts.list.query(), contacts.create.mutate({ name: 'Ada' })]);
    await contacts.list.query();
    expect([backend.minted.length, paths.length]).toEqual([1, 3]);
  });

  test('is asked for another token where one ends, once for all calls, and each call is sent once more', async () => {
    await using app = await testApp();
    const backend = backendOf(app);
    const { contacts, paths } = clientWith(app, backend.mint);
    await contacts.list.query();
    await backend.end();
    paths.length = 0;
    const calls = [
      contacts.list.query(),
      contacts.count.query({}),
      contacts.create.mutate({ name: 'Ada' }),
      contacts.create.mutate({ name: 'Bob', notes: 'x'.repeat(20_000) }),
    ];
    await Promise.all(calls);
    expect(backend.minted).toHaveLength(2);
    // Batches stay batches.
    expect(paths.filter((path) => path === '/trpc/contacts.list,contacts.count')).toHaveLength(2);
    expect((await contacts.list.query()).items.map(({ name }) => name).sort()).toEqual(['Ada', 'Bob']);
    expect(backend.minted).toHaveLength(2);
  });

  test('and a mutation whose answer was lost is done once, also where its token ends before the next attempt', async () => {
    await using app = await testApp();
    const backend = backendOf(app);
    let sent = 0;
    const lose: typeof fetch = async (...request) => {
      const answer = await app.app.request(...(request as [string, RequestInit]));
      if (sent++ > 0) return answer;
      await backend.end();
      throw new TypeError('fetch failed');
    };
    const { contacts } = createIntrozyClient({ url: 'http://introzy.test', key: backend.mint, fetch: lose });
    const { id } = await contacts.create.mutate({ name: 'Ada' });
    expect([sent, backend.minted.length]).toEqual([3, 2]);
    expect((await contacts.list.query()).items.map((contact) => contact.id)).toEqual([id]);
  });

  test('may give a key, at once or later', async () => {
    await using app = await testApp();
    for (const key of [() => app.one.key, async () => app.one.key]) {
      expect((await clientWith(app, key).keys.current.query()).id).toBe(app.one.keyId);
    }
  });

  test('whose tokens are all refused is asked twice, and then the call fails', async () => {
    await using app = await testApp();
    let asked = 0;
    const { contacts, paths } = clientWith(app, async () => {
      asked++;
      return KEY;
    });
    expect(await errorOf(contacts.create.mutate({ name: 'Ada' }))).toMatchObject({
      status: 401,
      reason: 'Invalid API key',
    });
    expect([asked, paths.length]).toEqual([2, 2]);
  });

  test('that fails, or gives no key, fails the calls that wait with its reason, and is asked again by the next', async () => {
    await using app = await testApp();
    const answers = [
      async () => {
        await wait(50);
        throw new Error('The backend is away');
      },
      () => Promise.resolve('secret-in-the-wrong-place'),
      () => undefined as unknown as string,
      () => app.one.key,
    ];
    const { keys, contacts, paths } = clientWith(app, () => answers.shift()?.() ?? '');
    const [first, second] = await Promise.all([
      errorOf(keys.current.query()),
      errorOf(contacts.create.mutate({ name: 'Ada' })),
    ]);
    expect([first.message, second.message]).toEqual(['The backend is away', 'The backend is away']);
    for (const _ of [1, 2]) {
      const error = await errorOf(keys.current.query());
      expect(error.message).toMatch(/^Not an API key: The answer of the function `key` must be/);
      expect(inspect(error, { depth: Infinity })).not.toContain('secret');
    }
    expect(paths).toEqual([]);
    expect((await keys.current.query()).id).toBe(app.one.keyId);
  });

  test('needs no leave to work in a browser, as a fixed key does', async () => {
    await using app = await testApp();
    vi.stubGlobal('window', {});
    vi.stubGlobal('document', {});
    expect(() => clientWith(app, app.one.key)).toThrow(
      /does not belong in a web page.*mints a token \(keys\.mintToken\)/,
    );
    expect((await clientWith(app, () => app.one.key).keys.current.query()).id).toBe(app.one.keyId);
  });

  test('and its tokens are in nothing that is printed', async () => {
    await using app = await testApp();
    const backend = backendOf(app);
    const client = clientWith(app, backend.mint);
    await client.contacts.list.query();
    const error = await errorOf(client.contacts.get.query({ id: app.one.id }));
    const printed = inspect([client, error], { depth: Infinity, showHidden: true, getters: true });
    expect(printed).not.toContain(backend.minted[0]);
  });
});
