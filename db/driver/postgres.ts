import type { QueryResult } from 'kysely';
import pg from 'pg';
import { DatabaseUnavailable, translateError } from '../errors.ts';
import type { Connection, ConnectionSource } from './connection.ts';
import { createFlight, cutOff } from './wire.ts';

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
  pool.on('connect', (client) => {
    const drop = () => {
      lost.add(client);
      const index = atHand.findIndex((idle) => idle.client === client);
      if (index !== -1) atHand.splice(index, 1)[0]?.client.release(true);
    };
    client.on('error', drop);
    client.on('end', drop);
  });
  const flights = watchDeadlines();

  return {
    deadline,
    async acquire(within = deadline) {
      const until = performance.now() + within;
      const idle = atHand.pop();
      if (idle) return createConnection(idle.client, { until, prepare, flights, lost });
      const connecting = pool.connect();
      // The pool's own limit is the whole deadline. A shorter wait needs a timer of its own.
      const inTime = within < deadline ? giveUpAt(until, connecting) : connecting;
      const client = await inTime.catch((error: Error) => {
        throw toUnavailable(error);
      });
      return createConnection(client, { until, prepare, flights, lost });
    },
    release(connection) {
      const { client } = connection as PooledConnection;
      const isLost = lost.has(client);
      if (isLost || isClosed || pool.waitingCount > 0) return client.release(isLost);
      atHand.push({ client, since: performance.now() });
      sweepLater();
    },
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

/** A flight that waits for its answer. */
interface Waiting {
  /** The time of `performance.now()` at which the flight is given up. */
  until: number;
  giveUp(): void;
}

/** Milliseconds between two looks at the flights that wait: how late a flight is given up at most. */
const LOOK_EVERY = 25;

/** Gives up flights at their deadline, with a single timer for all flights. */
function watchDeadlines() {
  const waiting = new Set<Waiting>();
  let isLooking = false;
  const lookLater = () => {
    isLooking = true;
    setTimeout(look, LOOK_EVERY);
  };
  const look = () => {
    isLooking = false;
    const now = performance.now();
    for (const flight of waiting) if (flight.until <= now) flight.giveUp();
    if (waiting.size > 0) lookLater();
  };
  return {
    add(flight: Waiting) {
      waiting.add(flight);
      if (!isLooking) lookLater();
    },
    delete: (flight: Waiting) => void waiting.delete(flight),
  };
}

interface PooledConnection extends Connection {
  readonly client: pg.PoolClient;
}

interface ConnectionOptions {
  until: number;
  prepare: boolean;
  flights: ReturnType<typeof watchDeadlines>;
  lost: WeakSet<pg.PoolClient>;
}

function createConnection(
  client: pg.PoolClient,
  { until, prepare, flights, lost }: ConnectionOptions,
): PooledConnection {
  return {
    client,
    send(statements) {
      const flight = createFlight(statements, { prepare });
      return new Promise((resolve, reject) => {
        const fail = (error: Error) => {
          flights.delete(waiting);
          // PostgreSQL ends the connection after a FATAL error, and the end may come after the client was given back.
          if (!(error instanceof pg.DatabaseError) || error.severity === 'FATAL') lost.add(client);
          reject(error instanceof pg.DatabaseError ? translateError(error) : toUnavailable(error));
        };
        // pg's own query_timeout does not end the connection. The connection would return to the pool while the server
        // still has to answer the old query.
        const waiting: Waiting = {
          until,
          giveUp() {
            cutOff(client);
            fail(new Error('no answer in time'));
          },
        };
        const done = (answers: QueryResult<unknown>[]) => {
          flights.delete(waiting);
          resolve(answers);
        };
        flights.add(waiting);
        client.query(flight(done, fail));
      });
    },
  };
}

/** Translates an error that PostgreSQL did not send: the connection is lost, or could not be made. */
function toUnavailable(error: Error) {
  return new DatabaseUnavailable(`The database cannot be reached: ${error.message}`, { cause: error });
}
