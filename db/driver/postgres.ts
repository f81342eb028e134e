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
  // A connection that ends, idle or in use, emits `error`, and an `error` without a listener would end the process. The
  // listeners need not do anything: node-postgres also passes the error to the flight that waits on the connection.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));

  return {
    deadline,
    async acquire(within = deadline) {
      const until = performance.now() + within;
      const connecting = pool.connect();
      // The pool's own limit is the whole deadline. A shorter wait needs a timer of its own.
      const inTime = within < deadline ? giveUpAt(until, connecting) : connecting;
      const client = await inTime.catch((error: Error) => {
        throw toUnavailable(error);
      });
      return createConnection(client, { until, prepare });
    },
    release: (connection) => (connection as PooledConnection).release(),
    close: () => pool.end(),
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
  release(): void;
}

function createConnection(
  client: pg.PoolClient,
  { until, prepare }: { until: number; prepare: boolean },
): PooledConnection {
  let isCutOff = false;
  return {
    async send(statements) {
      const flight = createFlight(statements, { prepare });
      return new Promise((resolve, reject) => {
        const fail = (error: Error) => {
          clearTimeout(timer);
          reject(error instanceof pg.DatabaseError ? translateError(error) : toUnavailable(error));
        };
        // pg's own query_timeout does not end the connection. The connection would return to the pool while the server
        // still has to answer the old query.
        const timer = setTimeout(
          () => {
            isCutOff = true;
            cutOff(client);
            fail(new Error('no answer in time'));
          },
          Math.max(until - performance.now(), 0),
        );
        const done = (answers: QueryResult<unknown>[]) => {
          clearTimeout(timer);
          resolve(answers);
        };
        client.query(flight(done, fail));
      });
    },
    release: () => client.release(isCutOff),
  };
}

/** Translates an error that PostgreSQL did not send: the connection is lost, or could not be made. */
function toUnavailable(error: Error) {
  return new DatabaseUnavailable(`The database cannot be reached: ${error.message}`, { cause: error });
}
