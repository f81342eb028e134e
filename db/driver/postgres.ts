import type { QueryResult } from 'kysely';
import pg from 'pg';
import { DatabaseUnavailable, translateError } from '../errors.ts';
import type { Link, Links, Statement } from './connection.ts';
import { parserOf, toWire } from './wire.ts';

export interface PostgresOptions {
  url: string;
  /** Connections at most. */
  poolSize: number;
  /** Milliseconds from asking for a connection until its last answer; past it the connection is destroyed. */
  deadline: number;
  /** Prepare each distinct statement once a connection. Off behind a transaction pooler without support for it. */
  prepare: boolean;
}

/** Distinct statements that a connection keeps prepared; past it the one that was not used for longest makes room. */
const PREPARED_LIMIT = 256;

/** Milliseconds to wait for a connection at most, whatever the deadline: a server may take it and say nothing. */
const CONNECT_TIMEOUT = 10_000;

/** Opens a pool on PostgreSQL. Nothing connects before the first statement. */
export function openPostgres({ url, poolSize, deadline, prepare }: PostgresOptions): Links {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: Math.min(deadline, CONNECT_TIMEOUT),
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    application_name: 'introzy',
  });
  // Without listeners, the end of a connection, idle or in use, would end the process. Whoever waits on it is told.
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
      return createLink(client, { until, prepare });
    },
    release: (link) => (link as PostgresLink).release(),
    close: () => pool.end(),
  };
}

/** The connection, or else an error at `until`; one that comes later goes back to the pool. */
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

interface PostgresLink extends Link {
  release(): void;
}

function createLink(client: pg.PoolClient, { until, prepare }: { until: number; prepare: boolean }): PostgresLink {
  let broken = false;
  return {
    async send(statements) {
      const flight = createFlight(statements, prepare ? preparedOf(client) : undefined);
      return new Promise((resolve, reject) => {
        const fail = (error: Error) => {
          clearTimeout(timer);
          reject(error instanceof pg.DatabaseError ? translateError(error) : toUnavailable(error));
        };
        // pg's own query_timeout gives the connection back with the old answer still to come.
        const timer = setTimeout(
          () => {
            broken = true;
            socketOf(client).destroy();
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
    release: () => client.release(broken),
  };
}

interface Prepared {
  name: string;
  columns: Column[];
}
type Column = { name: string; parse: (text: string) => unknown };
type PreparedStatements = { bySql: Map<string, Prepared>; count: number };

const preparedByClient = new WeakMap<pg.PoolClient, PreparedStatements>();
function preparedOf(client: pg.PoolClient): PreparedStatements {
  let prepared = preparedByClient.get(client);
  if (!prepared) preparedByClient.set(client, (prepared = { bySql: new Map(), count: 0 }));
  return prepared;
}

/** What node-postgres calls on the query at the head of a connection; its types name `submit` alone. */
interface Flight extends pg.Submittable {
  handleRowDescription(message: { fields: { name: string; dataTypeID: number }[] }): void;
  handleDataRow(message: { fields: (string | null)[] }): void;
  handleCommandComplete(message: { text: string }): void;
  handleEmptyQuery(): void;
  handleError(error: Error): void;
  handleReadyForQuery(): void;
}
type Done = (answers: QueryResult<unknown>[]) => void;
type Fail = (error: Error) => void;

/**
 * A node-postgres "submittable" (as pg-cursor is one) that sends several statements with a single Sync: one round trip,
 * and one implicit transaction (PostgreSQL, "Extended Query", pipelining). A statement is parsed and described once a
 * connection; its columns cannot change afterwards ("cached plan must not change result type").
 */
function createFlight(statements: readonly Statement[], prepared: PreparedStatements | undefined) {
  const wires = statements.map(({ parameters }) => parameters.map(toWire));
  const plans = statements.map(({ sql }) => prepared && recall(prepared, sql));
  const described: (Column[] | undefined)[] = plans.map((plan) => plan?.columns);
  const names = plans.map((plan) => plan?.name ?? nextName(prepared));
  const answers: QueryResult<unknown>[] = [];
  let rows: unknown[] = [];
  let failed = false;

  return (done: Done, fail: Fail): Flight => ({
    submit(target) {
      const chunks: Buffer[] = [];
      const connection = recorderOf(target, chunks);
      statements.forEach(({ sql }, index) => {
        const name = names[index] as string;
        if (!plans[index]) {
          const old = prepared && makeRoom(prepared);
          if (old !== undefined) connection.close({ type: 'S', name: old }, true);
          connection.parse({ name, text: sql, types: [] }, true);
        }
        connection.bind({ portal: '', statement: name, values: wires[index] as never }, true);
        if (!plans[index]) connection.describe({ type: 'P', name: '' }, true);
        connection.execute({ portal: '', rows: '' }, true);
      });
      connection.sync();
      target.stream.write(Buffer.concat(chunks));
    },
    handleRowDescription({ fields }) {
      described[answers.length] = fields.map(({ name, dataTypeID }) => ({ name, parse: parserOf(dataTypeID) }));
    },
    handleDataRow({ fields }) {
      const columns = described[answers.length] as Column[];
      const row: Record<string, unknown> = {};
      for (let i = 0; i < columns.length; i++) {
        const { name, parse } = columns[i] as Column;
        const text = fields[i] as string | null;
        row[name] = text === null ? null : parse(text);
      }
      rows.push(row);
    },
    handleCommandComplete({ text }) {
      const count = /^(?:INSERT|UPDATE|DELETE|MERGE) .*?(\d+)$/.exec(text)?.[1];
      answers.push(count === undefined ? { rows } : { rows, numAffectedRows: BigInt(count) });
      rows = [];
    },
    handleEmptyQuery() {
      answers.push({ rows: [] });
    },
    handleError(error) {
      failed = true;
      fail(error);
    },
    handleReadyForQuery() {
      if (failed) return;
      statements.forEach(({ sql }, index) => {
        if (!plans[index] && names[index] !== '') {
          prepared?.bySql.set(sql, { name: names[index] as string, columns: described[index] ?? [] });
        }
      });
      done(answers);
    },
  });
}

/** A connection whose messages are kept: one write of them all costs less than a vectored one of each. */
const recorderOf = (connection: pg.Connection, chunks: Buffer[]): pg.Connection =>
  Object.create(connection, { stream: { value: { writable: true, write: (chunk: Buffer) => chunks.push(chunk) } } });

/** Finds a prepared statement, and notes its use: the map's order is that of use. */
function recall({ bySql }: PreparedStatements, sql: string): Prepared | undefined {
  const known = bySql.get(sql);
  if (known && bySql.size > PREPARED_LIMIT / 2) {
    bySql.delete(sql);
    bySql.set(sql, known);
  }
  return known;
}

/** Forgets the statement that was not used for longest, where there are enough; its name, for the server to forget too. */
function makeRoom({ bySql }: PreparedStatements): string | undefined {
  const oldest = bySql.entries().next().value;
  if (bySql.size < PREPARED_LIMIT || !oldest) return undefined;
  const [sql, { name }] = oldest;
  bySql.delete(sql);
  return name;
}

/** A name that this connection never used: after a failed flight nobody knows which names the server took. */
function nextName(prepared: PreparedStatements | undefined): string {
  if (!prepared) return '';
  prepared.count += 1;
  return `introzy${prepared.count}`;
}

/** Whatever is not the server's own word is the connection's end. */
function toUnavailable(error: Error) {
  return new DatabaseUnavailable(`The database cannot be reached: ${error.message}`, { cause: error });
}

function socketOf(client: pg.PoolClient) {
  return (client as unknown as { connection: pg.Connection }).connection.stream;
}
