import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Connections at most: those of one pool. */
const MOST = 20;

/** A TCP proxy before a database, on 127.0.0.1, which can make it slow, and mute. */
export async function startProxy(databaseUrl: string) {
  const { hostname, port } = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  /** Until when, on the monotonic clock, answers wait; those that come later than that wait to be let through. */
  let slowUntil: number | undefined;
  let { promise: free, resolve: letThrough } = Promise.withResolvers<void>();

  const turn = async () => {
    if (slowUntil === undefined) return;
    const wait = slowUntil - performance.now();
    await (wait > 0 ? Promise.race([free, new Promise((resolve) => setTimeout(resolve, wait))]) : free);
  };
  const server = createServer((client) => {
    const database = connect(Number(port || 5432), hostname);
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        for (const end of [client, database]) end.destroy();
      });
    }
    client.pipe(database);
    database.on('data', async (chunk) => {
      database.pause();
      await turn();
      client.write(chunk);
      database.resume();
    });
  });
  server.maxConnections = MOST;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as AddressInfo;

  return {
    url: Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(own) }).href,
    /** From now on, holds what the database answers until `milliseconds` are over; what it answers after that, for good. */
    slowThenMute(milliseconds: number) {
      ({ promise: free, resolve: letThrough } = Promise.withResolvers<void>());
      slowUntil = performance.now() + milliseconds;
    },
    /** Lets through all that was held, and all that comes. */
    heal() {
      slowUntil = undefined;
      letThrough();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
