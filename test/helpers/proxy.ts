import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** The most connections that the proxy takes: enough for one pool. */
const MOST = 20;

/**
 * Starts a TCP proxy on 127.0.0.1 in front of a database. The proxy can delay the database's answers, and hold all
 * answers.
 */
export async function startProxy(databaseUrl: string) {
  const { hostname, port } = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  /**
   * A time of `performance.now()`. Answers before this time wait until this time; answers after this time wait for
   * `heal`.
   */
  let slowUntil: number | undefined;
  let { promise: free, resolve: letThrough } = Promise.withResolvers<void>();

  const turn = async () => {
    const until = slowUntil;
    if (until === undefined) return;
    if (performance.now() >= until) return await free;
    // A timer may end a fraction of a millisecond early. An answer that passed then would let a next answer pass too.
    while (slowUntil === until && performance.now() < until) {
      const wait = until - performance.now();
      await Promise.race([free, new Promise((resolve) => setTimeout(resolve, wait))]);
    }
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
    /**
     * For `milliseconds` from now, holds the database's answers until that time is over. Later answers wait for `heal`.
     */
    slowThenMute(milliseconds: number) {
      ({ promise: free, resolve: letThrough } = Promise.withResolvers<void>());
      slowUntil = performance.now() + milliseconds;
    },
    /** Sends all held answers, and holds no further answers. */
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
