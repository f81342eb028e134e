import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { createApp } from './app.ts';
import type { Config } from './config.ts';

/** Milliseconds for a request's headers, for all of it, and that an idle connection stays open. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 72_000 } as const;
const MAX_CONNECTIONS = 10_000;
/** Milliseconds that the listener stays open after the drain begins, for a balancer to see /readyz turn. */
const NOTICE = 1_000;

export interface Listener {
  port: number;
  /** Stops taking connections, and ends once every open request is answered. */
  drain(): Promise<void>;
}

/** Serves `app` over HTTP. */
export async function listen(
  app: ReturnType<typeof createApp>,
  { host, port }: Pick<Config, 'host' | 'port'>,
): Promise<Listener> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    createServer,
    // How often Node looks for connections that are over their time; half a minute unless told.
    serverOptions: { ...TIMEOUTS, connectionsCheckingInterval: 1_000 },
  }) as Server;
  server.maxConnections = MAX_CONNECTIONS;
  server.on('clientError', answerClientError);
  let isDraining = false;
  server.on('request', (_request, response) => {
    if (isDraining) response.setHeader('Connection', 'close');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });

  return {
    port: (server.address() as AddressInfo).port,
    async drain() {
      isDraining = true;
      await new Promise((resolve) => setTimeout(resolve, NOTICE));
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeIdleConnections();
      });
    },
  };
}

const CLIENT_ERRORS: Record<string, [status: string, message: string]> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The request headers are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request did not arrive in time'],
};

/** Answers what is no HTTP request, and therefore never reaches the app. */
function answerClientError(error: Error & { code?: string }, socket: Socket) {
  if (error.code === 'ECONNRESET' || !socket.writable) return socket.destroy();
  const [status, message] = CLIENT_ERRORS[error.code ?? ''] ?? ['400 Bad Request', 'Not an HTTP request'];
  const body = JSON.stringify({ success: false, error: message });
  socket.end(
    [
      `HTTP/1.1 ${status}`,
      'Content-Type: application/json; charset=UTF-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Cache-Control: no-store',
      `X-Request-Id: ${randomUUID()}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
