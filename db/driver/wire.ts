import type { QueryResult } from 'kysely';
import pg from 'pg';
import type { Statement } from './connection.ts';

/*
 * What goes over the wire to PostgreSQL: statements and values. node-postgres sends a statement a round trip, where a call
 * of ours sends its admission and its query in one; so this file speaks the extended query protocol itself, through the
 * interface that pg-cursor uses too. It leans on parts of node-postgres that are documented nowhere:
 * - a query with a `submit` method is given the connection in its turn, and then its messages (`Flight`);
 * - the connection has methods that serialize a message each, and write it to the connection's `stream`;
 * - the connection emits `parseComplete` and `noData`;
 * - a client has its connection in `client.connection`.
 * No other file touches them, and test/sql/wire.test.ts holds each against the version that package.json pins.
 */

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
 * Several statements with a single Sync: one round trip, and one implicit transaction (PostgreSQL, "Extended Query",
 * pipelining). With `prepare` each distinct statement is parsed and described once a connection; its columns cannot change
 * afterwards ("cached plan must not change result type").
 */
export function createFlight(statements: readonly Statement[], { prepare }: { prepare: boolean }) {
  const values = statements.map(({ parameters }) => parameters.map(toWire));
  const answers: QueryResult<unknown>[] = [];
  let prepared: PreparedStatements | undefined;
  let plans: Plan[] = [];
  let rows: unknown[] = [];
  const answer = (result: QueryResult<unknown>) => {
    answers.push(result);
    rows = [];
    if (prepared) prepared.current = plans[answers.length];
  };

  return (done: Done, fail: Fail): Flight => ({
    submit(target) {
      const chunks: Buffer[] = [];
      const connection = recorderOf(target, chunks);
      // Not earlier: the flight before on this connection may have prepared the same statement, or closed it.
      prepared = prepare ? preparedOn(target) : undefined;
      plans = statements.map(({ sql }) => planOf(sql, prepared));
      if (prepared) {
        prepared.current = plans[0];
        // First, as the server skips whatever follows an error.
        for (const name of prepared.forgotten.splice(0)) connection.close({ type: 'S', name }, true);
      }
      plans.forEach((plan, index) => {
        const { name, sql } = plan;
        // A flight may have the same statement twice.
        if (!plan.isParsed && plans.indexOf(plan) === index) connection.parse({ name, text: sql, types: [] }, true);
        connection.bind({ portal: '', statement: name, values: values[index] as never }, true);
        if (!plan.columns) connection.describe({ type: 'P', name: '' }, true);
        connection.execute({ portal: '', rows: '' }, true);
      });
      connection.sync();
      target.stream.write(Buffer.concat(chunks));
    },
    handleRowDescription({ fields }) {
      const plan = plans[answers.length] as Plan;
      plan.columns = fields.map(({ name, dataTypeID }) => ({ name, parse: parserOf(dataTypeID) }));
    },
    handleDataRow({ fields }) {
      const columns = plans[answers.length]?.columns as Column[];
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
      answer(count === undefined ? { rows } : { rows, numAffectedRows: BigInt(count) });
    },
    handleEmptyQuery() {
      answer({ rows });
    },
    // node-postgres calls nothing more on a query that has failed.
    handleError(error) {
      for (const { sql, isParsed } of plans) if (!isParsed) prepared?.bySql.delete(sql);
      fail(error);
    },
    handleReadyForQuery() {
      done(answers);
    },
  });
}

/** Ends a client's connection at once, whatever it waits for. */
export function cutOff(client: pg.PoolClient): void {
  (client as unknown as { connection: pg.Connection }).connection.stream.destroy();
}

/** A connection whose messages are kept: one write of them all costs less than a vectored one of each. */
const recorderOf = (connection: pg.Connection, chunks: Buffer[]): pg.Connection =>
  Object.create(connection, { stream: { value: { writable: true, write: (chunk: Buffer) => chunks.push(chunk) } } });

/** Distinct statements that a connection keeps prepared; past it the one that was not used for longest makes room. */
const PREPARED_LIMIT = 256;

type Column = { name: string; parse: (text: string) => unknown };

/** A statement on one connection. */
interface Plan {
  readonly sql: string;
  /** The name that the server keeps the statement under; `''` for a statement that is not kept. */
  readonly name: string;
  /** The server has said that it keeps the statement: it does from then on, whatever else of the flight fails. */
  isParsed: boolean;
  /** Unknown until the server has described them, which a failure may prevent. */
  columns: Column[] | undefined;
}

/** What one connection's server keeps prepared. */
interface PreparedStatements {
  /** In the order of use, the longest unused first. */
  readonly bySql: Map<string, Plan>;
  /** Names of statements that the server has still to close. */
  readonly forgotten: string[];
  /** The statement that the server's next message is about. */
  current: Plan | undefined;
  /** Names given so far: a name is never used again, so that no two statements can have the same. */
  names: number;
}

const preparedByConnection = new WeakMap<pg.Connection, PreparedStatements>();

function preparedOn(connection: pg.Connection): PreparedStatements {
  const known = preparedByConnection.get(connection);
  if (known) return known;
  const prepared: PreparedStatements = { bySql: new Map(), forgotten: [], current: undefined, names: 0 };
  preparedByConnection.set(connection, prepared);
  // node-postgres tells a query of all messages but these two.
  connection.on('parseComplete', () => {
    if (prepared.current) prepared.current.isParsed = true;
  });
  connection.on('noData', () => {
    if (prepared.current) prepared.current.columns = [];
  });
  return prepared;
}

/** A statement as the connection knows it, or, where it does not, as it is to be prepared. */
function planOf(sql: string, prepared: PreparedStatements | undefined): Plan {
  if (!prepared) return { sql, name: '', isParsed: false, columns: undefined };
  const { bySql, forgotten } = prepared;
  const known = bySql.get(sql);
  if (known) {
    // The order matters only where the limit is near.
    if (bySql.size > PREPARED_LIMIT / 2) {
      bySql.delete(sql);
      bySql.set(sql, known);
    }
    return known;
  }
  const [oldest] = bySql.values();
  if (oldest && bySql.size >= PREPARED_LIMIT) {
    bySql.delete(oldest.sql);
    forgotten.push(oldest.name);
  }
  prepared.names += 1;
  const plan: Plan = { sql, name: `introzy${prepared.names}`, isParsed: false, columns: undefined };
  bySql.set(sql, plan);
  return plan;
}

/** A parameter in PostgreSQL's text form. A Buffer stays as it is: node-postgres sends it in binary form. */
function toWire(value: unknown): string | Buffer | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return `{${value.map(toElement).join(',')}}`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function toElement(value: unknown): string {
  const wire = Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : toWire(value);
  return wire === null ? 'NULL' : `"${String(wire).replace(/[\\"]/g, '\\$&')}"`;
}

/** How values of a type (its object id) are read from text. */
function parserOf(type: number): (text: string) => unknown {
  const parse = pg.types.getTypeParser(type) as (text: string) => unknown;
  if (type === pg.types.builtins.TIMESTAMPTZ) return (text) => parseTimestamp(text) ?? parse(text);
  if (type === TEXT_ARRAY) return (text) => parsePlainArray(text) ?? parse(text);
  return parse;
}

const TEXT_ARRAY = 1009;

/** Reads `2026-11-24 19:21:15.123+00`: as ISO 8601, which V8 reads several times faster than pg's parser does. */
function parseTimestamp(text: string): Date | undefined {
  if (!text.endsWith('+00') || text.charCodeAt(10) !== 0x20) return undefined;
  return new Date(`${text.slice(0, 10)}T${text.slice(11, -3)}Z`);
}

/** Reads an array literal without quoted elements: `{a,b}`. */
function parsePlainArray(text: string): string[] | undefined {
  if (text === '{}') return [];
  return text.includes('"') || text.includes('NULL') ? undefined : text.slice(1, -1).split(',');
}
