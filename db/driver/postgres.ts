import type { QueryResult } from 'kysely';
import pg from 'pg';
import { DatabaseUnavailable, translateError } from '../errors.ts';
import type { Connection, ConnectionSource } from './connection.ts';
import { createFlight, cutOff } from './wire.ts';

export interface PostgresOptions {
  url: string;
  /** Connections at most. */
  poolSize: number;
  /** Milliseconds from asking for a connection until its last answer; past it the connection is destroyed. */
  deadline: number;
  /** Prepare each distinct statement once a connection. Off behind a transaction pooler without support for it. */
  prepare: boolean;
}

/** Milliseconds to wait for a connection at most, whatever the deadline: a server may accept it and then say nothing. */
const CONNECT_TIMEOUT = 10_000;

/** Opens a pool on PostgreSQL. Nothing connects before the first statement. */
export function openPostgres({ url, poolSize, deadline, prepare }: PostgresOptions): ConnectionSource {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: Math.min(deadline, CONNECT_TIMEOUT),
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    application_name: 'introzy',
  });
  // Without listeners, the end of a connection, idle or in use, would end the process. The flight on it fails anyway.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));

  return {
    deadline,
    async acquire(within = deadline) {
      const until = performance.now() + within;
      const connecting = pool.connect();
      // The pool itself waits no longer than the whole deadline.
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

/** The client, or else an error at `until`; a client that comes later goes back to the pool. */
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
        // pg's own query_timeout would give the connection back to the pool with the old answer still to come.
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

/** An error that PostgreSQL did not send means that the connection is lost. */
function toUnavailable(error: Error) {
  return new DatabaseUnavailable(`The database cannot be reached: ${error.message}`, { cause: error });
}
