import { setTimeout as wait } from 'node:timers/promises';
import { QueryClient } from '@tanstack/react-query';
import {
  createTRPCClient,
  type HTTPBatchStreamLinkOptions,
  httpBatchLink,
  httpBatchStreamLink,
  httpLink,
  isTRPCClientError,
  retryLink,
  splitLink,
  type TRPCClientError,
  type TRPCLink,
} from '@trpc/client';
import { createTRPCOptionsProxy } from '@trpc/tanstack-react-query';
import { expect, expectTypeOf, test } from 'vitest';
import type { AppRouter } from '../../server/procedures/router.ts';
import { listen } from '../../server/start/listen.ts';
import { transformer } from '../../shared/transformer.ts';
import { addMember, openBrowser, signedIn } from '../helpers/browser.ts';
import { until } from '../helpers/instance.ts';
import { addContacts, LONG } from '../helpers/longContacts.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** The app behind a real listener, for the links of tRPC's own client. */
async function listenApp(options: Parameters<typeof testApp>[0] = {}) {
  const app = await testApp(options);
  const listener = await listen(app.app.fetch, { host: '127.0.0.1', port: 0, log: app.deps.log });
  return {
    ...app,
    listener,
    endpoint: `http://127.0.0.1:${listener.port}/trpc`,
    async [Symbol.asyncDispose]() {
      await listener.drain();
      return await app[Symbol.asyncDispose]();
    },
  };
}
type Listening = Awaited<ReturnType<typeof listenApp>>;

type Headers = Record<string, string>;
const optionsOf = ({ endpoint, one }: Pick<Listening, 'endpoint' | 'one'>) => ({
  url: endpoint,
  transformer,
  headers: { authorization: `Bearer ${one.key}` } as Headers | (() => Headers),
});
type StreamOptions = Partial<HTTPBatchStreamLinkOptions<AppRouter['_def']['_config']['$types']>>;
const clientOf = (...links: TRPCLink<AppRouter>[]) => createTRPCClient<AppRouter>({ links });
const streamOf = (app: Listening, more: StreamOptions = {}) =>
  clientOf(httpBatchStreamLink({ ...optionsOf(app), ...more }));

type ClientError = TRPCClientError<AppRouter>;
const errorOf = async (call: Promise<unknown>): Promise<ClientError> => {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isTRPCClientError<AppRouter>(error)) throw new Error(`Not an error of a call: ${error}`);
  return error;
};
const responseOf = ({ meta }: ClientError) => meta?.response as Response;
const requestLines = ({ logs }: Pick<TestApp, 'logs'>) =>
  logs.map((line) => JSON.parse(line)).filter(({ method }) => method);

/** Keeps the organization's turn for changes of many, so that such a change waits until `release` is called. */
function holdTurn({ deps, one }: Pick<TestApp, 'deps' | 'one'>) {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  void deps.inBulk(one.id, () => promise);
  return release;
}

test('Every link of tRPC answers queries, mutations and errors as its documentation says, also by POST alone', async () => {
  await using app = await listenApp();
  const options = optionsOf(app);
  const post = { ...options, methodOverride: 'POST' } as const;
  for (const [name, link] of Object.entries({
    httpLink: httpLink(options),
    httpBatchLink: httpBatchLink(options),
    httpBatchStreamLink: httpBatchStreamLink(options),
    'httpBatchStreamLink by accept': httpBatchStreamLink({ ...options, streamHeader: 'accept' }),
    'httpLink by POST': httpLink(post),
    'httpBatchLink by POST': httpBatchLink(post),
    'httpBatchStreamLink by POST': httpBatchStreamLink(post),
    splitLink: splitLink({
      condition: ({ type }) => type === 'query',
      true: httpBatchStreamLink(post),
      false: httpLink(options),
    }),
  })) {
    const { contacts, keys } = clientOf(link);
    const made = await contacts.create.mutate({ name, email: `${name.replaceAll(' ', '')}@example.com` });
    const [page, key, none] = await Promise.all([
      contacts.list.query({ ids: [made.id] }),
      keys.current.query(),
      errorOf(contacts.get.query({ id: app.one.id })),
    ]);
    expect([page.items, key.id], name).toEqual([[made], app.one.keyId]);
    expect(page.items[0]?.createdAt, name).toBeInstanceOf(Date);
    expect([none.data?.code, none.data?.httpStatus], name).toEqual(['NOT_FOUND', 404]);
    const taken = await errorOf(contacts.create.mutate({ name, email: made.email }));
    expect(taken.data, name).toMatchObject({ httpStatus: 409, details: { existingId: made.id } });
    const refused = await errorOf(contacts.create.mutate({ name: '' }));
    expect(refused.data?.details?.issues, name).toEqual([{ path: ['name'], message: 'Must be 1 to 500 characters' }]);
  }
});

test('By GET nothing can be changed, whatever the link', async () => {
  await using app = await listenApp();
  for (const accept of ['application/json', 'application/jsonl']) {
    const input = encodeURIComponent(JSON.stringify({ 0: { json: { name: 'Ada' } } }));
    const headers = { 'trpc-accept': accept, authorization: `Bearer ${app.one.key}` };
    const answer = await fetch(`${app.endpoint}/contacts.create?batch=1&input=${input}`, { headers });
    expect([answer.headers.get('allow'), await answer.text()]).toEqual(['POST', expect.stringContaining('405')]);
  }
  expect((await streamOf(app).contacts.list.query()).items).toEqual([]);
});

test('A streamed batch gives each answer as soon as it is there, with the headers of every answer', async () => {
  await using app = await listenApp();
  const release = holdTurn(app);
  const responses: Response[] = [];
  const { contacts } = streamOf(app, {
    fetch: async (...request) => {
      const response = await fetch(...(request as Parameters<typeof fetch>));
      responses.push(response);
      return response;
    },
  });
  let isLate = false;
  const late = contacts.updateMany
    .mutate({ where: { company: 'Initech' }, set: { company: 'Initrode' } })
    .finally(() => void (isLate = true));
  const made = await contacts.create.mutate({ name: 'Ada' });
  expect([made.name, isLate, responses.length]).toEqual(['Ada', false, 1]);
  release();
  await late;
  const [{ status, headers } = new Response()] = responses;
  expect([status, headers.get('content-type')]).toEqual([200, 'application/jsonl']);
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  // Both calls of the batch are counted before the answer begins.
  expect(headers.get('ratelimit')).toMatch(/;r=999998;/);
  expect(requestLines(app).at(-1)).toMatchObject({ status: 200, keyId: app.one.keyId });
});

test('A streamed batch of a caller that is refused is one error under its own status, for each of its calls', async () => {
  await using app = await listenApp();
  const { key: revoked, apiKey } = await app.issue(app.one.id);
  await app.trpc(app.one.key).keys.revoke.mutate({ id: apiKey.id });
  const { key: bound, apiKey: boundKey } = await app.issue(app.one.id);
  await app.trpc(app.one.key).keys.update.mutate({ id: boundKey.id, allowedAddresses: ['203.0.113.0/24'] });
  const CHALLENGE = 'Bearer realm="introzy"';
  for (const [authorization, httpStatus, reason, challenge] of [
    [undefined, 401, 'Missing API key', CHALLENGE],
    [`Bearer ${app.one.key.slice(0, -1)}`, 401, 'Invalid API key', `${CHALLENGE}, error="invalid_token"`],
    [`Bearer ${revoked}`, 401, 'API key has been revoked', `${CHALLENGE}, error="invalid_token"`],
    [`Bearer ${bound}`, 403, expect.stringContaining('address'), null],
  ] as const) {
    const { contacts } = streamOf(app, { headers: authorization === undefined ? {} : { authorization } });
    const errors = await Promise.all(
      [contacts.create.mutate({ name: 'Ada' }), contacts.create.mutate({ name: 'Bob' })].map(errorOf),
    );
    for (const error of errors) {
      expect(error.data).toMatchObject({ httpStatus, reason, requestId: expect.any(String) });
      expect(responseOf(error).status).toBe(httpStatus);
      expect(responseOf(error).headers.get('www-authenticate')).toBe(challenge);
      expect(responseOf(error).headers.get('content-type')).toMatch(/^application\/json/);
      expect(responseOf(error).headers.get('x-request-id')).toBe(error.data?.requestId);
    }
    expect(errors[0]?.data?.requestId).toBe(errors[1]?.data?.requestId);
  }
  expect((await streamOf(app).contacts.list.query()).items).toEqual([]);
});

test('A streamed batch is counted as a whole: where its calls are too many for the rate, it is a 429 and none is made', async () => {
  await using app = await listenApp({ rateLimit: 5 });
  const { contacts } = streamOf(app);
  const batch = (name: string) => [1, 2, 3].map((row) => contacts.create.mutate({ name: `${name} ${row}` }));
  await Promise.all(batch('Ada'));
  const errors = await Promise.all(batch('Bob').map(errorOf));
  for (const error of errors) {
    const { status, headers } = responseOf(error);
    expect([status, error.data?.httpStatus]).toEqual([429, 429]);
    expect(Number(headers.get('retry-after'))).toBe(error.data?.details?.retryAfterSeconds);
    expect(headers.get('ratelimit')).toMatch(/^"default";r=0;t=\d+$/);
  }
  const { items } = await app.trpc((await app.issue(app.one.id)).key).contacts.list.query();
  expect(items.map(({ name }) => name).sort()).toEqual(['Ada 1', 'Ada 2', 'Ada 3']);
});

test('A streamed batch counts its calls by their outcomes, as any batch does', async () => {
  await using app = await listenApp();
  const { contacts } = streamOf(app);
  await Promise.allSettled([
    contacts.create.mutate({ name: 'Ada' }),
    contacts.create.mutate({ name: '' }),
    contacts.create.mutate({ name: 'Bob' }),
  ]);
  await app.deps.lastUse.flush();
  const { keys } = await app.trpc(app.one.key).keys.usage.query({ id: app.one.keyId });
  expect(keys[0]?.days).toMatchObject([{ ok: 2, clientError: 1, limited: 0, failed: 0 }]);
});

test('tRPC’s retryLink may ask a refused stream again', async () => {
  await using app = await listenApp();
  let key = 'wrong';
  const { keys } = clientOf(
    retryLink({
      retry({ error, attempts }) {
        key = app.one.key;
        return error.data?.httpStatus === 401 && attempts < 2;
      },
    }),
    httpBatchStreamLink({ ...optionsOf(app), headers: () => ({ authorization: `Bearer ${key}` }) }),
  );
  expect((await keys.current.query()).id).toBe(app.one.keyId);
});

test('A person’s page may stream with the session’s cookie, and a page of another origin may not change anything so', async () => {
  await using app = await testApp();
  const member = await addMember(app, app.one.id);
  const browser = await signedIn(app, member);
  const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ');
  const stream = (origin: string) =>
    clientOf(
      httpBatchStreamLink({
        url: 'http://localhost/trpc',
        transformer,
        headers: { cookie, origin },
        fetch: (input, init) => Promise.resolve(app.app.request(input as string, init as RequestInit)),
      }),
    );
  expect((await stream('http://localhost').contacts.create.mutate({ name: 'Ada' })).name).toBe('Ada');
  const forged = await errorOf(stream('https://evil.example').contacts.create.mutate({ name: 'Eve' }));
  expect([forged.data?.httpStatus, responseOf(forged).status]).toEqual([403, 403]);
  expect(openBrowser(app).cookies.size).toBe(0);
});

test('A batch over 20 calls says what to set, by GET, by POST and streamed, and no call of it is made', async () => {
  await using app = await listenApp();
  const sentence =
    'This batch has 21 calls, and a batch has at most 20: set maxItems to 20 in the link of your client that makes batches';
  for (const link of [httpBatchLink, httpBatchStreamLink]) {
    for (const more of [{}, { methodOverride: 'POST' as const }]) {
      const { contacts, keys } = clientOf(link({ ...optionsOf(app), ...more }));
      const reads = await Promise.all(Array.from({ length: 21 }, () => errorOf(keys.current.query())));
      const writes = await Promise.all(
        Array.from({ length: 21 }, () => errorOf(contacts.create.mutate({ name: 'Ada' }))),
      );
      for (const error of [...reads, ...writes]) {
        expect(responseOf(error).status).toBe(400);
        expect(error.data).toMatchObject({
          code: 'BAD_REQUEST',
          details: { issues: [{ path: [], message: sentence }] },
        });
      }
      const within = clientOf(link({ ...optionsOf(app), ...more, maxItems: 20 }));
      await Promise.all(Array.from({ length: 21 }, () => within.keys.current.query()));
    }
  }
  expect((await app.trpc(app.one.key).contacts.list.query()).items).toEqual([]);
});

test('A number that JavaScript cannot keep is refused in a stream as elsewhere', async () => {
  await using app = await listenApp();
  const headers = { 'trpc-accept': 'application/jsonl', authorization: `Bearer ${app.one.key}` };
  const body = '{"0":{"json":{"name":"Ada","customFields":{"n":9007199254740993}}}}';
  const written = await fetch(`${app.endpoint}/contacts.create?batch=1`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
  });
  const input = encodeURIComponent('{"0":{"json":{"limit":9007199254740993}}}');
  const read = await fetch(`${app.endpoint}/contacts.list?batch=1&input=${input}`, { headers });
  for (const answer of [written, read]) {
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('kept exactly')]);
  }
  expect((await streamOf(app).contacts.list.query()).items).toEqual([]);
});

test('A streamed batch of pages stays within 16 MiB', async () => {
  await using app = await listenApp({ isAlone: true });
  await addContacts(
    app,
    Array.from({ length: 30 }, () => LONG),
  );
  const paths = Array.from({ length: 8 }, () => 'contacts.list').join();
  const input = encodeURIComponent(JSON.stringify({ ...Array.from({ length: 8 }, () => ({ json: { limit: 200 } })) }));
  const headers = { 'trpc-accept': 'application/jsonl', authorization: `Bearer ${app.one.key}` };
  const answer = await fetch(`${app.endpoint}/${paths}?batch=1&input=${input}`, { headers });
  const { byteLength } = await answer.arrayBuffer();
  expect(byteLength).toBeLessThanOrEqual(16 * 1_048_576);
  expect(byteLength).toBeGreaterThan(12 * 1_048_576);
});

test('A call that waits while its client goes away is not begun: nothing is written, and nothing counted', async () => {
  await using app = await listenApp();
  const { contacts, keys } = clientOf(httpLink(optionsOf(app)));
  const { id } = await contacts.create.mutate({ name: 'Ada', company: 'Initech' });
  await app.deps.lastUse.flush();
  const counted = async () => (await keys.usage.query({ id: app.one.keyId })).keys[0]?.total.ok ?? 0;
  const before = await counted();
  for (const link of [httpLink, httpBatchLink, httpBatchStreamLink]) {
    const release = holdTurn(app);
    const leaving = new AbortController();
    const change = { where: { company: 'Initech' }, set: { company: link.name } };
    const ended = requestLines(app).length;
    const lost = clientOf(link(optionsOf(app)))
      .contacts.updateMany.mutate(change, { signal: leaving.signal })
      .catch((error: unknown) => error);
    await wait(300);
    leaving.abort();
    expect(isTRPCClientError(await lost)).toBe(true);
    await wait(300);
    release();
    await until(() => requestLines(app).length > ended, 'the end of the call');
    await wait(300);
    expect(await contacts.get.query({ id }), link.name).toMatchObject({ company: 'Initech', version: 1 });
  }
  await app.deps.lastUse.flush();
  // The three looks at the contact, and the first look at the counts.
  expect((await counted()) - before).toBe(4);
  expect(app.logs.filter((line) => line.includes('"level":50'))).toEqual([]);
});

test('A streamed call that is not begun is given back to the rate', async () => {
  await using app = await listenApp({ rateLimit: 10 });
  const release = holdTurn(app);
  const leaving = new AbortController();
  const { contacts } = streamOf(app);
  const lost = [1, 2, 3].map((row) =>
    contacts.updateMany.mutate({ where: { company: `${row}` }, set: { title: 'Boss' } }, { signal: leaving.signal }),
  );
  await wait(300);
  leaving.abort();
  await Promise.allSettled(lost);
  await wait(300);
  release();
  await until(() => requestLines(app).length > 0, 'the end of the request');
  await wait(500);
  const { headers } = await app.api(app.one.key, 'GET', '/api/contacts');
  expect(headers.get('ratelimit')).toContain('r=9;');
});

test('A request whose client is gone before the procedure begins takes nothing of the rate', async () => {
  await using app = await testApp({ rateLimit: 2 });
  for (const [method, path, body] of [
    ['POST', '/api/contacts', '{"name":"Ada"}'],
    ['POST', '/trpc/contacts.create', '{"json":{"name":"Ada"}}'],
    ['GET', '/trpc/keys.current'],
    ['GET', '/api/contacts'],
  ] as const) {
    const incoming = { socket: { destroyed: true }, rawHeaders: [] };
    const headers = { authorization: `Bearer ${app.one.key}`, 'content-type': 'application/json' };
    const request = new Request(`http://introzy.test${path}`, { method, headers, ...(body && { body }) });
    const answer = await app.app.fetch(request, { incoming } as never);
    expect([answer.status, answer.headers.get('ratelimit')], path).toEqual([499, null]);
  }
  const { body, headers } = await app.api(app.one.key, 'GET', '/api/contacts');
  expect([body.data, headers.get('ratelimit')]).toEqual([[], expect.stringContaining('r=1;')]);
});

test('A stream that is open when the service drains is answered to its end, a new key included', async () => {
  await using app = await listenApp();
  const release = holdTurn(app);
  const { contacts, keys } = streamOf(app);
  const late = contacts.updateMany.mutate({ where: { company: 'Initech' }, set: { company: 'Initrode' } });
  const { key } = await keys.issue.mutate({ name: 'in a stream' });
  const drained = app.listener.drain();
  await wait(1_500);
  release();
  expect(await late).toMatchObject({ matched: 0 });
  await drained;
  expect((await app.trpc(key).keys.current.query()).name).toBe('in a stream');
});

test('infiniteQueryOptions pages through every list, and is typed by it', async () => {
  await using app = await listenApp();
  const { contacts } = streamOf(app, { maxItems: 20 });
  for (const row of [1, 2, 3]) await contacts.create.mutate({ name: `Ada ${row}`, tags: [`tag ${row}`] });
  for (const name of ['a', 'b']) await app.issue(app.one.id, { name });
  for (const link of [httpLink, httpBatchLink, httpBatchStreamLink]) {
    const queryClient = new QueryClient();
    const trpc = createTRPCOptionsProxy<AppRouter>({ client: clientOf(link(optionsOf(app))), queryClient });
    const paging = {
      getNextPageParam: ({ nextCursor }: { nextCursor: string | null }) => nextCursor,
      initialCursor: null,
      pages: 2,
    };
    const options = trpc.contacts.list.infiniteQueryOptions({ limit: 2, search: 'ada' }, paging);
    const { pages, pageParams } = await queryClient.fetchInfiniteQuery(options);
    expect(pages.flatMap(({ items }) => items.map(({ name }) => name))).toEqual(['Ada 3', 'Ada 2', 'Ada 1']);
    expect(pageParams[1]).toBe(pages[0]?.nextCursor);
    expectTypeOf(pages[0]?.items[0]?.createdAt).toEqualTypeOf<Date | undefined>();

    const keys = await queryClient.fetchInfiniteQuery(trpc.keys.list.infiniteQueryOptions({ limit: 2 }, paging));
    expect(keys.pages.map(({ items }) => items.length)).toEqual([2, 1]);
    const tags = await queryClient.fetchInfiniteQuery(trpc.contacts.tags.infiniteQueryOptions({ limit: 2 }, paging));
    expect(tags.pages.flatMap(({ items }) => items.map(({ tag }) => tag))).toEqual(['tag 1', 'tag 2', 'tag 3']);
    const audit = await queryClient.fetchInfiniteQuery(trpc.audit.list.infiniteQueryOptions({ limit: 2 }, paging));
    expect(audit.pages.map(({ items }) => items.length)).toEqual([2, 2]);
    // Without an input, and without a first cursor, as the documentation's shortest example has it.
    const plain = await queryClient.fetchInfiniteQuery(
      trpc.contacts.list.infiniteQueryOptions({}, { getNextPageParam: ({ nextCursor }) => nextCursor }),
    );
    expect(plain.pages[0]?.items).toHaveLength(3);
  }
  // useInfiniteQuery of @trpc/react-query sends the same fields, going back too.
  for (const direction of ['forward', 'backward'] as const) {
    expect((await contacts.list.query({ cursor: null, direction })).items).toHaveLength(3);
    expect((await contacts.tags.query({ cursor: null, direction })).items).toHaveLength(3);
  }
});
