import pg from 'pg';
import type { Connection, ConnectionSource } from './connection.ts';
import { watchDeadlines } from './deadlines.ts';
import { createPassenger, type LaunchParts, launch, toUnavailable } from './launch.ts';
import { createSharing } from './sharing.ts';
import { onSettingChanged, prepareAnew, prepareFlight } from './wire.ts';

export interface PostgresOptions {
  url: string;
  /** The largest number of connections that the pool opens. */
  poolSize: number;
  /**
   * Milliseconds from the request for a connection until the connection's last answer. A connection that has not
   * answered by then is destroyed.
   */
  deadline: number;
  /**
   * Each connection prepares each distinct statement once. Must be false behind a transaction pooler that does not
   * support prepared statements.
   */
  prepare: boolean;
}

/**
 * The largest number of milliseconds to wait for a new connection, whatever the deadline: a server may accept a
 * connection and then send nothing.
 */
const CONNECT_TIMEOUT = 10_000;

/**
 * Milliseconds for which an idle connection is kept at hand. pg's pool sets timers, and takes turns of the event loop, for
 * each connection that comes and goes; a connection at hand costs neither.
 */
const AT_HAND = 1_000;

/** Milliseconds by which a call may be older than its first connection, without a timer of its own. */
const SLACK = 25;

/** Opens a pool of connections to PostgreSQL. The pool connects when the first statement is sent. */
export function openPostgres({ url, poolSize, deadline, prepare }: PostgresOptions): ConnectionSource {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: Math.min(deadline, CONNECT_TIMEOUT),
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    application_name: 'introzy',
  });
  /** Idle clients that are still checked out of the pool. The client that was used last is at the end. */
  const atHand: { client: pg.PoolClient; since: number }[] = [];
  let sweep: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;
  const giveBackAll = (before = Number.POSITIVE_INFINITY) => {
    while (atHand[0] && atHand[0].since <= before) atHand.shift()?.client.release();
  };
  const sweepLater = () => {
    sweep ??= setTimeout(() => {
      sweep = undefined;
      giveBackAll(performance.now() - AT_HAND);
      if (atHand.length > 0) sweepLater();
    }, AT_HAND).unref();
  };

  // A connection that ends, idle or in use, emits `error`, and an `error` without a listener would end the process.
  // node-postgres also passes the error to the flight that waits on the connection.
  pool.on('error', () => {});
  /** Clients with a lost connection. A connection may be lost before the call gives the client back, or afterwards. */
  const lost = new WeakSet<pg.PoolClient>();
  const clients = new Set<pg.PoolClient>();
  pool.on('remove', (client) => clients.delete(client as pg.PoolClient));
  pool.on('connect', (client) => {
    clients.add(client);
    const drop = () => {
      lost.add(client);
      const index = atHand.findIndex((idle) => idle.client === client);
      if (index !== -1) atHand.splice(index, 1)[0]?.client.release(true);
    };
    client.on('error', drop);
    client.on('end', drop);
    onSettingChanged(client, () => lost.add(client));
  });
  // Every connection has prepared statements from before the migration, and a retry may travel over any connection.
  const onChangedPlan = () => clients.forEach(prepareAnew);
  const parts: LaunchParts = { lost, deadlines: watchDeadlines(), onChangedPlan };
  const checkOut = async (until: number) => {
    const within = until - performance.now();
    if (within <= 0) throw toUnavailable(new Error('no connection in time'));
    const idle = atHand.pop();
    if (idle) return idle.client;
    const connecting = pool.connect();
    // The pool's own limit is the whole deadline. A shorter wait needs a timer of its own.
    const inTime = within < deadline - SLACK ? giveUpAt(until, connecting) : connecting;
    return await inTime.catch((error: Error) => {
      throw toUnavailable(error);
    });
  };
  const giveBack = (client: pg.PoolClient) => {
    const isLost = lost.has(client);
    if (isLost || isClosed || pool.waitingCount > 0) return client.release(isLost);
    atHand.push({ client, since: performance.now() });
    sweepLater();
  };
  const share = createSharing({ checkOut, giveBack, prepare, ...parts });

  return {
    deadline,
    async acquire(within = deadline) {
      const until = performance.now() + within;
      return createConnection(await checkOut(until), { until, prepare, ...parts });
    },
    release: (connection) => giveBack((connection as PooledConnection).client),
    share: (statements, within = deadline) => share(statements, performance.now() + within),
    async close() {
      isClosed = true;
      clearTimeout(sweep);
      giveBackAll();
      await pool.end();
    },
  };
}

/** Gives the client, or throws at `until`. A client that arrives later goes back to the pool. */
async function giveUpAt(until: number, connecting: Promise<pg.PoolClient>): Promise<pg.PoolClient> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      connecting.then(
        (client) => client.release(),
        () => {},
      );
      reject(new Error('no connection in time'));
    }, until - performance.now());
  });
  return await Promise.race([connecting, late]).finally(() => clearTimeout(timer));
}

interface PooledConnection extends Connection {
  readonly client: pg.PoolClient;
}

interface ConnectionParts extends LaunchParts {
  until: number;
  prepare: boolean;
}

const createConnection = (client: pg.PoolClient, { until, prepare, ...parts }: ConnectionParts): PooledConnection => ({
  client,
  send: (statements) =>
    new Promise((resolve, reject) =>
      launch(client, [createPassenger(prepareFlight(statements, { prepare }), until, [resolve, reject])], parts),
    ),
});
