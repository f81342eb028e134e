import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { createIntrozyClient, IntrozyError } from '../../client/index.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import { KEY_PREFIX } from '../../shared/keyFormat.ts';
import type { TestApp } from './testApp.ts';

/** A text with the form of a key. No organization has this key. */
export const KEY = KEY_PREFIX + 'ab'.repeat(32);
/** An id that no row has. */
export const ABSENT = '01920000-0000-7000-8000-000000000000';

/** A client of the app, and the requests that the client made. */
export function clientOf(app: TestApp, key = app.one.key) {
  const requests: Request[] = [];
  const send: typeof fetch = async (...request) => {
    requests.push(new Request(...request));
    return app.app.request(...(request as [string, RequestInit]));
  };
  return { requests, client: createIntrozyClient({ url: 'http://introzy.test', key, fetch: send }) };
}

/** The error with which a call rejects. */
export async function errorOf(call: Promise<unknown>): Promise<IntrozyError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof IntrozyError)) throw new Error(`Not an error of a call: ${inspect(error)}`);
  return error;
}

/**
 * Starts a service that answers each request with the next function of `answers`, and further requests with the last
 * function.
 */
export async function stub(...answers: ((request: IncomingMessage, response: ServerResponse) => void)[]) {
  const at: number[] = [];
  const server = createServer((request, response) => {
    const answer = answers[Math.min(at.push(performance.now()), answers.length) - 1];
    request.resume().on('end', () => answer?.(request, response));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    /** The time of each request, in milliseconds. */
    at,
    client: createIntrozyClient({ url, key: KEY }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}

export const succeed = (data: unknown) => ({ result: { data: { json: data } } });
export const fail = (code: ErrorCode, httpStatus: number) => ({
  error: { json: { message: 'No', code: -32000, data: { code, httpStatus } } },
});
export const answer =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (_: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
export const unavailable = answer(503, [fail('SERVICE_UNAVAILABLE', 503)], { 'retry-after': '1' });
export const limited = answer(429, [fail('TOO_MANY_REQUESTS', 429)], { 'retry-after': '1' });
