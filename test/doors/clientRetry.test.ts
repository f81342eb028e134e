import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { createIntrozyClient } from '../../client/index.ts';
import { ABSENT, answer, clientOf, errorOf, fail, limited, stub, succeed, unavailable } from '../helpers/client.ts';
import { testApp } from '../helpers/testApp.ts';

describe('a query', () => {
  test.each([
    ['503', unavailable],
    ['429', limited],
  ])('that fails with %s is sent again after Retry-After', async (_, refuse) => {
    await using service = await stub(refuse, answer(200, [succeed('here')]));
    expect(await service.client.keys.current.query()).toBe('here');
    expect(service.at).toHaveLength(2);
    expect((service.at[1] as number) - (service.at[0] as number)).toBeGreaterThanOrEqual(1_000);
  });

  test('is sent three times at most', async () => {
    await using service = await stub(answer(503, [fail('SERVICE_UNAVAILABLE', 503)], { 'retry-after': '0' }));
    expect((await errorOf(service.client.keys.current.query())).code).toBe('SERVICE_UNAVAILABLE');
    expect(service.at).toHaveLength(3);
  });

  test('is sent again where it alone of its batch was refused', async () => {
    const paths: (string | undefined)[] = [];
    await using service = await stub(
      answer(207, [succeed(1), fail('TOO_MANY_REQUESTS', 429), fail('NOT_FOUND', 404)], { 'retry-after': '1' }),
      (request, response) => {
        paths.push(request.url?.split('?')[0]);
        answer(200, [succeed(2)])(request, response);
      },
    );
    const { keys, contacts } = service.client;
    const [current, page, error] = await Promise.all([
      keys.current.query(),
      contacts.list.query(),
      errorOf(contacts.get.query({ id: ABSENT })),
    ]);
    expect([current, page, error.code]).toEqual([1, 2, 'NOT_FOUND']);
    expect(paths).toEqual(['/trpc/contacts.list']);
  });

  test('is not sent again where the wait is to be long', async () => {
    const refuse = answer(503, [fail('SERVICE_UNAVAILABLE', 503)], { 'retry-after': '3600' });
    await using service = await stub(refuse);
    await errorOf(service.client.keys.current.query());
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    await using dated = await stub(answer(429, [fail('TOO_MANY_REQUESTS', 429)], { 'retry-after': date }));
    await errorOf(dated.client.keys.current.query());
    expect([service.at.length, dated.at.length]).toEqual([1, 1]);
  });

  test.each([
    ['the connection breaks', (request: IncomingMessage) => void request.socket.destroy()],
    ['a proxy has no service behind it', answer(502, '<html>', { 'content-type': 'text/html' })],
    [
      'a proxy says JSON of what is no JSON',
      (_: IncomingMessage, response: ServerResponse) =>
        void response.writeHead(502, { 'content-type': 'application/json' }).end('Bad gateway'),
    ],
    ['a proxy speaks for it', answer(503, { success: false, error: 'No' }, { 'retry-after': '0' })],
  ])('is sent again where %s', async (_, refuse) => {
    await using service = await stub(refuse, answer(200, [succeed('here')]));
    expect(await service.client.keys.current.query()).toBe('here');
  });

  test('ends at once when it is aborted while it waits', async () => {
    await using service = await stub(answer(503, [fail('SERVICE_UNAVAILABLE', 503)], { 'retry-after': '60' }));
    const startedAt = performance.now();
    const error = await errorOf(service.client.keys.current.query(undefined, { signal: AbortSignal.timeout(300) }));
    expect(error.cause).toMatchObject({ name: 'TimeoutError' });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(service.at).toHaveLength(1);
  });

  test('is not sent again for any other error', async () => {
    await using app = await testApp();
    const { client, requests } = clientOf(app);
    await errorOf(client.contacts.get.query({ id: ABSENT }));
    await errorOf(client.contacts.get.query({ id: 'no id' }));
    expect(requests).toHaveLength(2);
  });

  test('over the rate of its key is answered in the end', async () => {
    await using app = await testApp({ rateLimit: 1 });
    // Seconds. The service counts calls in a minute; a second keeps the test short.
    app.deps.rateLimiter.duration = 1;
    const { client, requests } = clientOf(app);
    await client.keys.current.query();
    expect((await client.keys.current.query()).id).toBe(app.one.keyId);
    expect(requests).toHaveLength(3);
  });
});

/** Notes the idempotency key of each request, and answers by `by`. */
const noting =
  (keys: unknown[], by: ReturnType<typeof answer>) =>
  (...[request, response]: Parameters<ReturnType<typeof answer>>) => {
    keys.push(request.headers['idempotency-key']);
    by(request, response);
  };

test.each([
  ['503', unavailable],
  ['429', limited],
  ['a broken connection', (request: IncomingMessage) => void request.socket.destroy()],
])('A mutation is sent again with the same idempotency key: %s', async (_, refuse) => {
  const keys: unknown[] = [];
  await using service = await stub(noting(keys, refuse), noting(keys, answer(200, succeed('made'))));
  expect(await service.client.contacts.create.mutate({ name: 'Ada' })).toBe('made');
  expect(keys).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), keys[0]]);
  await service.client.contacts.create.mutate({ name: 'Ada' });
  await service.client.contacts.create.mutate({ name: 'Ada' }, { idempotencyKey: 'mine' });
  expect(keys[2]).not.toBe(keys[0]);
  expect(keys[3]).toBe('mine');
});

test('Mutations that are made at once have a request and a key each, and queries share theirs', async () => {
  await using app = await testApp();
  const { client, requests } = clientOf(app);
  const names = ['Ada', 'Grace', 'Edsger'];
  const made = await Promise.all(names.map((name) => client.contacts.create.mutate({ name })));
  const keys = () => requests.map(({ headers }) => headers.get('idempotency-key'));
  expect(new Set(keys()).size).toBe(3);
  expect(keys()).not.toContain(null);
  await Promise.all(made.map(({ id }) => client.contacts.get.query({ id })));
  expect(keys()).toEqual([...keys().slice(0, 3), null]);
});

test('A program’s own idempotency key may have any characters but control characters, which are refused before a request', async () => {
  await using app = await testApp();
  const { client, requests } = clientOf(app);
  const create = (idempotencyKey: string) => client.contacts.create.mutate({ name: 'Ada' }, { idempotencyKey });
  const [first, again] = [await create('取込 7'), await create('取込 7')];
  expect([again.id, requests.length]).toEqual([first.id, 2]);
  for (const wrong of ['', 'a\nb', 'k'.repeat(256)]) {
    await expect(create(wrong)).rejects.toThrow('An idempotency key has 1 to 255 characters');
  }
  expect(requests).toHaveLength(2);
});

test('A mutation whose answer was lost is done once, and gives its answer after all', async () => {
  await using app = await testApp();
  let sent = 0;
  const client = createIntrozyClient({
    key: app.one.key,
    url: 'http://introzy.test',
    fetch: async (input, init) => {
      sent++;
      const response = await app.app.request(input as string, init as RequestInit);
      if (sent === 1) throw new TypeError('fetch failed');
      return response;
    },
  });
  const { id } = await client.contacts.create.mutate({ name: 'Ada', email: 'lost@example.com' });
  expect(sent).toBe(2);
  expect((await client.contacts.list.query({ email: 'lost@example.com' })).items).toMatchObject([{ id, version: 1 }]);
});
