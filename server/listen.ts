import { randomUUID } from 'node:crypto';
import { createServer, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener, RequestError } from '@hono/node-server';
import { CONNECTION_ERRORS, ERRORS } from '../shared/errors.ts';
import type { createApp } from './app.ts';
import { type Config, ConfigError } from './config.ts';

/** Milliseconds for a request's headers, for all of it, and that an idle connection stays open. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 72_000 } as const;
const MAX_CONNECTIONS = 10_000;
/** Milliseconds that the listener stays open after the drain begins, for a balancer to see /readyz turn. */
const NOTICE = 1_000;
/** Milliseconds that open requests may take from then on; what the service has to record after them comes on top. */
const GRACE = 6_000;

export interface Listener {
  port: number;
  /** Stops taking connections, and ends once every open request is answered, or has had its time. */
  drain(): Promise<void>;
}

/** Serves `app` over HTTP. */
export async function listen(
  app: ReturnType<typeof createApp>,
  { host, port }: Pick<Config, 'host' | 'port'>,
): Promise<Listener> {
  // How often Node looks for connections that are over their time; half a minute unless told. A missing Host is answered
  // below, as Node's own answer has no body.
  const options = { ...TIMEOUTS, connectionsCheckingInterval: 1_000, requireHostHeader: false };
  const server = createServer(options, getRequestListener(app.fetch, { errorHandler: answerRequestError }));
  server.maxConnections = MAX_CONNECTIONS;
  server.on('clientError', answerClientError);
  let isDraining = false;
  server.on('request', (_request, response) => {
    if (isDraining) response.setHeader('Connection', 'close');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ code = '', message }: NodeJS.ErrnoException) =>
      reject(new ConfigError(`It cannot listen at ${host}, port ${port}: ${LISTEN_ERRORS[code] ?? message}.`)),
    );
    server.listen(port, host, resolve);
  });

  return {
    port: (server.address() as AddressInfo).port,
    async drain() {
      isDraining = true;
      await new Promise((resolve) => setTimeout(resolve, NOTICE));
      const closed = new Promise((resolve) => server.close(resolve));
      // A connection whose request was open when the drain began stays open after its answer: for minutes.
      const sweep = setInterval(() => server.closeIdleConnections(), 50);
      const cut = setTimeout(() => server.closeAllConnections(), GRACE);
      await closed;
      clearInterval(sweep);
      clearTimeout(cut);
    },
  };
}

const LISTEN_ERRORS: Record<string, string> = {
  EADDRINUSE: 'another program listens there. Stop it, or set PORT to another port',
  EACCES: 'this user may not. Set PORT to one above 1023',
  EADDRNOTAVAIL: 'the address is not one of this machine’s. Set HOST to 127.0.0.1, or to 0.0.0.0 for all of them',
  ENOTFOUND: 'there is no such host. Set HOST to 127.0.0.1, or to 0.0.0.0 for all addresses of this machine',
};

/** What an answer carries that the app has no part in. */
const ownHeaders = () => ({
  'Content-Type': 'application/json; charset=UTF-8',
  'Cache-Control': 'no-store',
  'X-Request-Id': randomUUID(),
});

/** Answers a request whose Host or target is none: it never reaches the app. */
function answerRequestError(error: unknown): Response {
  const isCallers = error instanceof RequestError;
  const { status, message } = ERRORS[isCallers ? 'BAD_REQUEST' : 'INTERNAL_SERVER_ERROR'];
  const details = isCallers ? { issues: [{ path: ['Host'], message: error.message }] } : undefined;
  return Response.json({ success: false, error: message, details }, { status, headers: ownHeaders() });
}

const CLIENT_ERRORS: Record<string, keyof typeof CONNECTION_ERRORS> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'TIMEOUT',
};

/** Answers what is no HTTP request, and therefore never reaches the app. */
function answerClientError(error: Error & { code?: string }, socket: Socket) {
  if (error.code === 'ECONNRESET' || !socket.writable) return socket.destroy();
  const { status, message } = CONNECTION_ERRORS[CLIENT_ERRORS[error.code ?? ''] ?? 'NOT_HTTP'];
  const body = JSON.stringify({ success: false, error: message });
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      ...Object.entries(ownHeaders()).map((header) => header.join(': ')),
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
