import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener, RequestError } from '@hono/node-server';
import type { Logger } from 'pino';
import { CONNECTION_ERRORS, ERRORS, type ErrorDetails } from '../../shared/errors.ts';
import { allowOrigin } from '../http/cors.ts';
import { isOverHttps, securityHeaders } from '../http/securityHeaders.ts';
import { type Config, ConfigError } from './config.ts';
import { capConnections } from './connectionCap.ts';

/** Milliseconds for a request's headers, for the whole request, and for a connection without a request. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 72_000 } as const;
/**
 * Milliseconds without a byte in either direction, after which an answer that its reader does not take is given up. A
 * silent stream goes on, such as the stream to an MCP client that listens.
 */
const STALL = 20_000;
/** Milliseconds in which a peer may read the answer to an unreadable request, and close. Then the connection is reset. */
const LINGER = 2_000;
const MAX_CONNECTIONS = 10_000;
/** Milliseconds that the listener stays open after the drain begins: a load balancer sees `/readyz` turn to 503. */
const NOTICE = 1_000;
/** Milliseconds that open requests may take after `NOTICE`. The service's last writes to the database come on top. */
const GRACE = 6_000;

export interface Listener {
  port: number;
  /** Stops taking connections, and resolves when every open request is answered, or is cut off after `GRACE`. */
  drain(): Promise<void>;
}

interface ListenOptions
  extends Pick<Config, 'host' | 'port'>,
    Partial<Pick<Config, 'connectionsPerAddress' | 'publicUrl' | 'allowedOrigins'>> {
  log: Logger;
}

type Fetch = Parameters<typeof getRequestListener>[0];

/** Serves `fetch` over HTTP. Throws `ConfigError` where the address or the port cannot be had. */
export async function listen(fetch: Fetch, options: ListenOptions): Promise<Listener> {
  const { host, port, log, connectionsPerAddress: most, publicUrl = '', allowedOrigins = new Set() } = options;
  const security = securityHeaders(isOverHttps({ publicUrl, forwardedProto: null }));
  const answer = ownAnswers(log, { security, allowedOrigins });
  // Node looks for connections that are over their time every second, not every half minute (Node's default). A missing
  // `Host` is answered by `answerRequestError`, as Node's own answer has no body.
  const settings = { ...TIMEOUTS, connectionsCheckingInterval: 1_000, requireHostHeader: false };
  const server = createServer(settings, getRequestListener(fetch, { errorHandler: answerRequestError(answer) }));
  server.maxConnections = MAX_CONNECTIONS;
  server.on('drop', makeRoom(server));
  if (most !== undefined) capConnections(server, { most, log });
  server.setTimeout(STALL, endStalled);
  server.on('clientError', answerClientError(answer));
  server.on('checkExpectation', answerExpectation(answer));
  if (allowedOrigins.size > 0) {
    server.on('request', ({ socket, headers: { origin } }) => {
      if (origin !== undefined || origins.has(socket)) origins.set(socket, origin);
    });
  }
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
      // A connection whose request was open when the drain began stays open after the answer, for `keepAliveTimeout`.
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

/** Closes the connections that only wait for their next request, at most once a second: to look for them takes time. */
function makeRoom(server: Server) {
  let madeAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - madeAt < 1_000) return;
    madeAt = performance.now();
    server.closeIdleConnections();
  };
}

/** Ends a connection that waited too long for its next request, or whose peer does not read its answer. */
function endStalled(socket: Socket) {
  // After an answer Node sets the time to `keepAliveTimeout`.
  if (socket.timeout !== STALL || socket.writableLength > 0) socket.destroy();
}

/** Makes answers without the app, and writes the line of each answer to the log. */
const ownAnswers =
  (log: Logger, { security, allowedOrigins }: OwnHeaders) =>
  (parts: OwnAnswer) => {
    const { status, error, details, cause, origin } = parts;
    const requestId = randomUUID();
    if (status >= 500) log.error({ requestId, err: cause });
    log.info({ requestId, status, reason: (cause as NodeJS.ErrnoException | undefined)?.code });
    const headers = {
      'Content-Type': 'application/json; charset=UTF-8',
      'Cache-Control': 'no-store',
      'X-Request-Id': requestId,
      ...security,
      ...allowOrigin(allowedOrigins, origin),
    };
    return { status, headers, body: JSON.stringify({ success: false, error, details }) };
  };
type Answerer = ReturnType<typeof ownAnswers>;

interface OwnHeaders {
  security: Readonly<Record<string, string>>;
  /** Pages of these origins may read the answers, whose address is not always known. */
  allowedOrigins: ReadonlySet<string>;
}

interface OwnAnswer {
  status: number;
  error: string;
  details?: ErrorDetails | undefined;
  cause?: unknown;
  /** The header `Origin` of the request, where it was read. */
  origin?: string | undefined;
}

/** Answers 400 where `Host` or the target is missing or malformed: the app never gets the request. Otherwise 500. */
const answerRequestError = (answer: Answerer) => (cause: unknown) => {
  const isCallers = cause instanceof RequestError;
  const { status, message } = ERRORS[isCallers ? 'BAD_REQUEST' : 'INTERNAL_SERVER_ERROR'];
  const details = isCallers ? { issues: [{ path: ['Host'], message: cause.message }] } : undefined;
  const { body, headers } = answer({ status, error: message, details, cause });
  return new Response(body, { status, headers });
};

/** Answers 417 to an `Expect` header other than `100-continue` (RFC 9110, section 10.1.1). */
const answerExpectation = (answer: Answerer) => (request: IncomingMessage, response: ServerResponse) => {
  const { status, message: error } = CONNECTION_ERRORS.EXPECTATION_FAILED;
  const { headers, body } = answer({ status, error, origin: request.headers.origin });
  response.writeHead(status, { ...headers, Connection: 'close' }).end(body);
};

const CLIENT_ERRORS: Record<string, keyof typeof CONNECTION_ERRORS> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'TIMEOUT',
};

/** By connection, where pages of other origins may call: the `Origin` of the last request. */
const origins = new WeakMap<Socket, string | undefined>();

interface ClientError extends Error {
  code?: string;
  /** The bytes that Node could not read as HTTP; at a timeout there are none. */
  rawPacket?: Buffer;
}

/** Finds the header `Origin` in the bytes of a request that is not HTTP, or whose headers are too large. */
const findOrigin = (packet: Buffer) => /^origin:[ \t]*(\S+)[ \t]*\r?$/im.exec(packet.toString('latin1'))?.[1];

/** The connections that have got their last answer, and end within `LINGER`. */
const answered = new WeakSet<Socket>();

/** Answers where Node cannot read an HTTP request (400, 408 or 431): the app never gets the request. */
const answerClientError = (answer: Answerer) => (cause: ClientError, socket: Socket) => {
  if (cause.code === 'ECONNRESET') return socket.destroy();
  // The peer goes on sending. To destroy the connection now might take the answer away before the peer has read it.
  if (answered.has(socket)) return;
  if (!socket.writable) return socket.destroy();
  answered.add(socket);
  const { status, message: error } = CONNECTION_ERRORS[CLIENT_ERRORS[cause.code ?? ''] ?? 'NOT_HTTP'];
  // A request that broke off is still the connection's last; of a request that cannot be read, there are some bytes.
  const origin = cause.rawPacket ? findOrigin(cause.rawPacket) : origins.get(socket);
  const { headers, body } = answer({ status, error, cause, origin });
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      ...Object.entries(headers).map((header) => header.join(': ')),
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
  // `end` closes our half alone. A peer that never closes its own half would keep the connection for ever.
  const reset = setTimeout(() => socket.resetAndDestroy(), LINGER);
  socket.once('close', () => clearTimeout(reset));
};
