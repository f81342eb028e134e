import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { listen } from '../../server/start/listen.ts';
import { until } from '../helpers/instance.ts';
import { openSocket, parseAnswer } from '../helpers/service.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const MEBIBYTE = 1_048_576;

/** Starts the app behind a real listener. */
async function listenApp(allowedOrigins: ReadonlySet<string> = new Set()) {
  const app = await testApp({ choices: { allowedOrigins } });
  const listener = await listen(app.app.fetch, { host: '127.0.0.1', port: 0, log: app.deps.log, allowedOrigins });
  const address = `http://127.0.0.1:${listener.port}`;
  return {
    ...app,
    address,
    /** Sends text, and parses the received text once the connection ends. */
    async exchange(text: string) {
      const { send, closed } = openSocket(address);
      send(text);
      return parseAnswer(await closed);
    },
    async [Symbol.asyncDispose]() {
      await listener.drain();
      await app[Symbol.asyncDispose]();
    },
  };
}

const post = ({ one }: Pick<TestApp, 'one'>, headers: string) =>
  `POST /api/contacts HTTP/1.1\r\nHost: introzy.test\r\nConnection: close\r\nAuthorization: Bearer ${one.key}\r\n` +
  `Content-Type: application/json\r\n${headers}\r\n\r\n`;

const envelope = (error: string) => JSON.stringify({ success: false, error });

test.concurrent('Headers that are too large are a 431, and noise is a 400, in the form of every error', async () => {
  await using app = await listenApp();
  const large = await app.exchange(
    `GET /livez HTTP/1.1\r\nHost: introzy.test\r\nX-Large: ${'x'.repeat(70_000)}\r\n\r\n`,
  );
  const many = await app.exchange(`GET /livez HTTP/1.1\r\nHost: introzy.test\r\n${'X-Many: 1\r\n'.repeat(9_000)}\r\n`);
  for (const answer of [large, many]) {
    expect(answer.status).toBe(431);
    expect(answer.body).toBe(envelope('The request headers are too large'));
    expect(answer.headers.get('content-type')).toBe('application/json; charset=UTF-8');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
  }
  for (const noise of ['\x16\x03\x01 no HTTP\r\n\r\n', 'GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n']) {
    const answer = await app.exchange(noise);
    expect([answer.status, answer.body]).toEqual([400, envelope('Not an HTTP request')]);
  }
  expect((await fetch(`${app.address}/livez`)).status).toBe(200);
});

test.concurrent('A body over 1 MiB is a 413, whether its length is told or not, and nothing of it is kept', async () => {
  await using app = await listenApp();
  const body = JSON.stringify({ name: 'x'.repeat(MEBIBYTE) });
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n`;
  const sent = [
    post(app, `Content-Length: ${body.length}`) + body,
    // The body never comes: the length alone decides.
    post(app, `Content-Length: ${body.length}`),
    `${post(app, 'Transfer-Encoding: chunked')}${chunk}0\r\n\r\n`,
    // The end of the body never comes.
    post(app, 'Transfer-Encoding: chunked') + chunk,
  ];
  for (const text of sent) {
    const answer = await app.exchange(text);
    expect([answer.status, answer.body]).toEqual([413, envelope('The request body is larger than 1 MiB')]);
  }
  // The service reads a body of exactly 1 MiB, and then refuses the name as too long.
  const fits = JSON.stringify({ name: 'x'.repeat(MEBIBYTE - '{"name":""}'.length) });
  const answer = await app.exchange(post(app, `Content-Length: ${fits.length}`) + fits);
  expect([answer.status, JSON.parse(answer.body).details.issues[0].path]).toEqual([400, ['name']]);
  expect((await app.api(app.one.key, 'GET', '/api/contacts')).body.data).toEqual([]);
  const padded = JSON.stringify({ name: 'Ada' }).padEnd(MEBIBYTE);
  expect((await app.exchange(post(app, `Content-Length: ${padded.length}`) + padded)).status).toBe(201);
});

test.concurrent('Two Authorization or two Host headers are a 400, in whatever case, and nothing is done', async () => {
  await using app = await listenApp();
  const body = '{"name":"Ada"}';
  const length = `Content-Length: ${body.length}`;
  for (const header of [`authorization: Bearer ${app.other.key}`, `AUTHORIZATION: Bearer ${app.one.key}`, 'host: b']) {
    const answer = await app.exchange(post(app, `${length}\r\n${header}`) + body);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ success: false, error: 'Invalid request' });
  }
  expect((await app.api(app.one.key, 'GET', '/api/contacts')).body.data).toEqual([]);
  // A request with a single Authorization header and a single Host header succeeds.
  expect((await app.exchange(post(app, length) + body)).status).toBe(201);
});

test.concurrent('A request without a Host, or with one that is none, is a 400 in the form of every error', async () => {
  await using app = await listenApp();
  for (const host of ['', 'Host: a b\r\n', 'Host: a/b\r\n', 'Host: \r\n']) {
    const answer = await app.exchange(`GET /livez HTTP/1.1\r\nConnection: close\r\n${host}\r\n`);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ success: false, error: 'Invalid request' });
    expect(answer.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
  }
});

test.concurrent('Over tRPC, two Authorization headers are a 400 in the form of tRPC’s errors', async () => {
  await using app = await listenApp();
  const bearer = `Authorization: Bearer ${app.one.key}\r\n`;
  for (const path of ['/trpc/keys.current', '/trpc/keys.current,contacts.list?batch=1', '/trpc/nothing']) {
    const answer = await app.exchange(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${bearer}${bearer}\r\n`);
    expect(answer.status).toBe(400);
    const { error } = JSON.parse(answer.body);
    expect(error.json.data).toMatchObject({ code: 'BAD_REQUEST', httpStatus: 400 });
    expect(error.json.data.requestId).toBe(answer.headers.get('x-request-id'));
    expect(error.json.data.details.issues[0].message).toContain('Authorization');
  }
});

test.concurrent('What comes to no door is in the log too, under the id that its answer has', async () => {
  await using app = await listenApp();
  const get = 'GET /livez HTTP/1.1\r\nConnection: close\r\n';
  for (const [text, status, error] of [
    [`${get}Host: a\r\nX-Large: ${'x'.repeat(70_000)}\r\n\r\n`, 431, 'The request headers are too large'],
    [`${get}\r\n`, 400, 'Invalid request'],
    [`${get}Host: a b\r\n\r\n`, 400, 'Invalid request'],
    [`${get}Host: a\r\nExpect: foo\r\n\r\n`, 417, 'An Expect header may be 100-continue alone'],
    [
      `${post(app, 'Content-Length: 14\r\nExpect: foo')}{"name":"Ada"}`,
      417,
      'An Expect header may be 100-continue alone',
    ],
    ['no HTTP\r\n\r\n', 400, 'Not an HTTP request'],
  ] as const) {
    const answer = await app.exchange(text);
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([status, { success: false, error }]);
    expect(answer.headers.get('content-type')?.toLowerCase()).toBe('application/json; charset=utf-8');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const requestId = answer.headers.get('x-request-id') as string;
    const lines = app.logs.map((line) => JSON.parse(line)).filter((line) => line.requestId === requestId);
    expect(lines, `${status} ${error}`).toMatchObject([{ level: 30, status }]);
  }
  // A client that sends `Expect: 100-continue` is told to go on.
  const { send, closed, received } = openSocket(app.address);
  send(post(app, 'Content-Length: 14\r\nExpect: 100-continue'));
  await until(() => received().startsWith('HTTP/1.1 100 '), 'a word to go on');
  send('{"name":"Ada"}');
  expect(await closed).toContain('HTTP/1.1 201 ');
});

test.concurrent('Who breaks off in the middle of a body is no failure of ours, and leaves nothing behind', async () => {
  await using app = await listenApp();
  const heads = [post(app, 'Content-Length: 1000'), post(app, 'Transfer-Encoding: chunked')].flatMap((head) => [
    head,
    head.replace('/api/contacts', '/trpc/contacts.create'),
  ]);
  let heard = 0;
  for (const head of heads) {
    for (const end of ['end', 'destroy', 'resetAndDestroy'] as const) {
      for (const wait of [0, 30]) {
        const { socket, send, closed } = openSocket(app.address);
        await once(socket, 'connect');
        send(`${head}5\r\n{"nam\r\n`);
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        socket[end]();
        await closed;
        // A reset may overtake the bytes before the reset, so that the service may never see the request.
        if (end !== 'resetAndDestroy') heard += 1;
      }
    }
  }
  const answered = () => app.logs.map((line) => JSON.parse(line)).filter(({ method }) => method === 'POST');
  await until(() => answered().length >= heard, 'a line for each');
  expect(app.logs.filter((line) => line.includes('"level":50'))).toEqual([]);
  expect(answered().filter(({ status }) => status >= 500)).toEqual([]);
  expect((await app.api(app.one.key, 'GET', '/api/contacts')).body.data).toEqual([]);
});

test.concurrent('Headers that do not come in time are a 408, and the connection ends', {
  timeout: 60_000,
}, async () => {
  await using app = await listenApp();
  const begun = performance.now();
  const answer = await app.exchange('GET /livez HTTP/1.1\r\nHost: introzy.test\r\nX-Slow: ');
  const seconds = (performance.now() - begun) / 1000;
  expect([answer.status, answer.body]).toEqual([408, envelope('The request did not arrive in time')]);
  expect(seconds).toBeGreaterThan(5);
  expect(seconds).toBeLessThan(30);
});

test.concurrent('A body that does not come in time is a 408, which a page of an allowed origin may read', async () => {
  const origin = 'https://app.example.com';
  await using app = await listenApp(new Set([origin]));
  const [answer, foreign] = await Promise.all(
    [origin, 'https://evil.example'].map((from) =>
      app.exchange(`${post(app, `Origin: ${from}\r\nContent-Length: 9`)}{`),
    ),
  );
  expect([answer?.status, foreign?.status]).toEqual([408, 408]);
  expect(answer?.headers.get('access-control-allow-origin')).toBe(origin);
  expect(foreign?.headers.get('access-control-allow-origin')).toBeNull();
});

/** The `node:http` server behind an address. */
async function serverOf(address: string): Promise<Server> {
  let server: Server | undefined;
  const note = (message: unknown) => void ({ server } = message as { server: Server });
  subscribe('http.server.request.start', note);
  const port = Number(new URL(address).port);
  await until(async () => {
    await fetch(`${address}/livez`);
    return (server?.address() as AddressInfo | undefined)?.port === port;
  }, 'the server');
  unsubscribe('http.server.request.start', note);
  return server as Server;
}

test.concurrent('The listener bounds its connections, and the time of a request', async () => {
  await using app = await listenApp();
  const server = await serverOf(app.address);
  expect(server.maxConnections).toBeGreaterThan(100);
  expect(server.maxConnections).toBeLessThanOrEqual(10_000);
  expect(server).toMatchObject({ headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 72_000 });
});

test.concurrent('Where the listener has all the connections it takes, those without a request make room', async () => {
  await using app = await listenApp();
  const server = await serverOf(app.address);
  server.maxConnections = 5;
  const get = 'GET /livez HTTP/1.1\r\nHost: introzy.test\r\n';
  const idle = Array.from({ length: 10 }, () => openSocket(app.address));
  for (const { send } of idle) send(`${get}\r\n`);
  await until(async () => {
    const { send, closed } = openSocket(app.address);
    send(`${get}Connection: close\r\n\r\n`);
    return parseAnswer(await closed).status === 200;
  }, 'a connection has room');
  for (const { socket } of idle) socket.destroy();
});

test.concurrent('A peer that goes on sending still reads its error, and is reset soon after', async () => {
  await using app = await listenApp();
  const { socket, send, closed } = openSocket(app.address);
  const sending = setInterval(() => send('x'.repeat(10_000)), 10);
  send(`GET /livez HTTP/1.1\r\nHost: introzy.test\r\nX-Large: ${'x'.repeat(100_000)}`);
  const answer = parseAnswer(await closed);
  clearInterval(sending);
  expect([answer.status, answer.body]).toEqual([431, envelope('The request headers are too large')]);
  socket.destroy();
});
