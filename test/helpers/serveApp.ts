import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import type { TestApp } from './testApp.ts';

/** Serves a fetch handler on a free port of 127.0.0.1, for programs that need a socket. */
export async function serveApp(fetch: (request: Request) => Response | Promise<Response>) {
  const listening = Promise.withResolvers<AddressInfo>();
  const server = serve({ fetch, hostname: '127.0.0.1', port: 0 }, listening.resolve);
  const { port } = await listening.promise;
  return {
    address: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      if ('closeAllConnections' in server) server.closeAllConnections();
      await closed.promise;
    },
  };
}

/** Serves an app to a program that cannot send a key: adds `key` to each request. */
export const serveWithKey = ({ app }: Pick<TestApp, 'app'>, key: string) =>
  serveApp((request) => {
    const headers = new Headers(request.headers);
    headers.set('authorization', `Bearer ${key}`);
    return app.fetch(new Request(request, { headers }));
  });
