import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
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

test.each([
  ['503', unavailable],
  ['429', limited],
  ['a broken connection', (request: IncomingMessage) => void request.socket.destroy()],
])('a mutation is never sent again: %s', async (_, refuse) => {
  await using service = await stub(refuse);
  await errorOf(service.client.contacts.create.mutate({ name: 'Ada' }));
  expect(service.at).toHaveLength(1);
});
