import type { QueryResult } from 'kysely';
import type pg from 'pg';
import { isChangedPlan } from '../errors.ts';
import type { Statement } from './connection.ts';
import { encodeFlight, type WireValue } from './messages.ts';
import {
  type Column,
  forgetPlans,
  type Plan,
  type PreparedStatements,
  planOf,
  preparedOn,
} from './preparedStatements.ts';
import { parserOf, toWire } from './values.ts';

/*
 * Sends statements and values to PostgreSQL. node-postgres needs a round trip for each statement. A call of the API
 * sends its admission and its query in a single round trip, so this file speaks PostgreSQL's extended query protocol
 * itself, through the interface that pg-cursor also uses. The file relies on parts of node-postgres that are documented
 * nowhere:
 * - node-postgres gives the connection to a query that has a `submit` method, and then passes the server's messages to
 *   the query's `handle…` methods (`Flight`);
 * - the connection writes its messages to its `stream`, and another writer may write whole messages there;
 * - the connection emits `parseComplete`, `noData` and `parameterStatus`;
 * - a query that is given to the client in `handleReadyForQuery` or in `handleError` is submitted once the server is ready
 *   for it, before any other; a query that has failed gets no `handleReadyForQuery`; on a lost connection each query
 *   fails, at a later tick;
 * - a client has its connection in `client.connection`.
 * No other file uses these parts, except that preparedStatements.ts hears the first two messages; test/sql/wire.test.ts
 * tests each part against the version in package.json.
 */

/** The methods that node-postgres calls on the query at the head of a connection. pg's types declare `submit` alone. */
export interface Flight extends pg.Submittable {
  submit(connection: WireConnection): void;
  handleRowDescription(message: { fields: { name: string; dataTypeID: number }[] }): void;
  handleDataRow(message: { fields: (string | null)[] }): void;
  handleCommandComplete(message: { text: string }): void;
  handleEmptyQuery(): void;
  handleError(error: Error): void;
  handleReadyForQuery(): void;
}
/** A flight that other flights may follow on the same connection: see `sendFlights`. */
interface LinkedFlight extends Flight {
  /** The flights behind this flight, the next flight first. */
  behind: readonly LinkedFlight[];
  /** Called when the flight has ended. */
  sendNext(): void;
  /** The flight's messages, where these can be written before the flight's turn. */
  encodeAhead(connection: WireConnection): Buffer | undefined;
}
/** The parts of a pg.Connection that a flight uses. The embedded database has the same parts. */
export interface WireConnection {
  readonly stream: { write(bytes: Buffer): unknown };
  on(message: 'parseComplete' | 'noData', listener: () => void): unknown;
}

/** What becomes of a flight. */
interface Outcome {
  done(answers: QueryResult<unknown>[]): void;
  fail(error: Error): void;
  /** Called after `done` or `fail`. */
  onEnd?(): void;
  /** Called for a statement that may leave something on the session: see `ORDINARY`. */
  onOdd?(): void;
  /** Called where the columns of a prepared statement have changed, once the flight's connection has forgotten its plans. */
  onChangedPlan?(): void;
}
/** Makes a flight. A flight that could not take place is made anew. */
export type CreateFlight = (outcome: Outcome) => LinkedFlight;

/** The largest number of parameters of a statement: the protocol counts in a signed integer of 16 bits. */
const MOST_PARAMETERS = 32_767;

/**
 * Prepares a query for node-postgres that sends several statements with a single Sync: one round trip, and one implicit
 * transaction (PostgreSQL, "Extended Query", pipelining). With `prepare`, a connection parses and describes each
 * distinct statement once. The described columns stay valid: PostgreSQL refuses a prepared statement whose columns have
 * changed ("cached plan must not change result type"), and the connection then prepares its statements anew. Throws where
 * a value cannot be written.
 */
export function prepareFlight(statements: readonly Statement[], { prepare }: { prepare: boolean }): CreateFlight {
  const values = statements.map(({ parameters }) => {
    if (parameters.length > MOST_PARAMETERS) throw new RangeError(`More than ${MOST_PARAMETERS} parameters`);
    return parameters.map(toWire);
  });
  return (outcome) => createFlight({ statements, values, prepare }, outcome);
}

interface Written {
  statements: readonly Statement[];
  values: WireValue[][];
  prepare: boolean;
}

function createFlight({ statements, values, prepare }: Written, outcome: Outcome): LinkedFlight {
  const { done, fail, onEnd, onOdd, onChangedPlan } = outcome;
  const answers: QueryResult<unknown>[] = [];
  let prepared: PreparedStatements | undefined;
  let plans: Plan[] = [];
  let rows: unknown[] = [];
  let isWritten = false;
  const answer = (result: QueryResult<unknown>) => {
    answers.push(result);
    rows = [];
    if (prepared) prepared.current = plans[answers.length];
  };

  // The plans are looked up as the flight is written, and not when the flight is made: the flight before on this
  // connection may have prepared the same statement, or closed the statement.
  const encode = (connection: WireConnection) => {
    isWritten = true;
    prepared = prepare ? preparedOn(connection) : undefined;
    plans = statements.map(({ sql }) => planOf(sql, prepared));
    const messages = plans.map((plan, index) => ({
      name: plan.name,
      values: values[index] as WireValue[],
      // A flight may contain the same statement twice. The first Parse message is enough.
      parse: plan.isParsed || plans.indexOf(plan) !== index ? undefined : plan.sql,
      describe: plan.columns === undefined,
    }));
    // The Close messages come first: after an error the server skips all later messages up to the Sync.
    return encodeFlight(prepared?.forgotten.splice(0) ?? [], messages);
  };

  const flight: LinkedFlight = {
    behind: [],
    sendNext: () => {},
    encodeAhead(connection) {
      // The flight before may fail before the server reads its Parse message.
      const isReady = !prepare || statements.every(({ sql }) => preparedOn(connection).bySql.get(sql)?.columns);
      return isReady ? encode(connection) : undefined;
    },
    submit(connection) {
      if (!isWritten) {
        const written = [encode(connection)];
        for (const next of flight.behind) {
          const ahead = next.encodeAhead(connection);
          if (!ahead) break;
          written.push(ahead);
        }
        connection.stream.write(written.length === 1 ? (written[0] as Buffer) : Buffer.concat(written));
      }
      if (prepared) prepared.current = plans[0];
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
      if (!ORDINARY.test(text)) onOdd?.();
      const count = /^(?:INSERT|UPDATE|DELETE|MERGE) .*?(\d+)$/.exec(text)?.[1];
      answer(count === undefined ? { rows } : { rows, numAffectedRows: BigInt(count) });
    },
    handleEmptyQuery() {
      answer({ rows });
    },
    // node-postgres calls no further method of a query that has failed.
    handleError(error) {
      if (prepared) {
        for (const plan of plans) if (!plan.isParsed && isCurrent(plan, prepared)) prepared.bySql.delete(plan.sql);
        // A flight that was written before the plans were forgotten fails as well, and has nothing to forget.
        if (isChangedPlan(error) && isCurrent(plans[answers.length], prepared)) {
          forgetPlans(prepared);
          onChangedPlan?.();
        }
      }
      fail(error);
      onEnd?.();
      flight.sendNext();
    },
    handleReadyForQuery() {
      done(answers);
      onEnd?.();
      flight.sendNext();
    },
  };
  return flight;
}

const isCurrent = (plan: Plan | undefined, { bySql }: PreparedStatements) =>
  plan !== undefined && bySql.get(plan.sql) === plan;

/**
 * Sends flights over one connection, one after the other. Each flight is a transaction of its own. A flight of prepared
 * statements travels in one write with the flight before.
 */
export function sendFlights(client: pg.PoolClient, flights: readonly LinkedFlight[]): void {
  flights.forEach((flight, index) => {
    flight.behind = flights.slice(index + 1);
    const [next] = flight.behind;
    // node-postgres deprecates a second query on a busy client: the next flight comes when this flight ends.
    if (next) flight.sendNext = () => void client.query(next);
  });
  const [first] = flights;
  if (first) client.query(first);
}

/**
 * The command tags of statements that leave nothing on the session. `SET`, `PREPARE`, `DEALLOCATE`, `DO` and others may
 * leave something: the service sends no such statement for a request, but injected SQL may.
 */
const ORDINARY = /^(?:SELECT|INSERT|UPDATE|DELETE|MERGE|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|LOCK TABLE)\b/;

/** Settings that PostgreSQL reports and that change by themselves: `set local role`, and a failover. */
const CHANGING = ['is_superuser', 'session_authorization', 'in_hot_standby'];

/** Calls `listener` when a setting that PostgreSQL reports changes, such as `client_encoding` or `search_path`. */
export function onSettingChanged(client: pg.PoolClient, listener: () => void): void {
  const { connection } = client as unknown as { connection: pg.Connection };
  connection.on('parameterStatus', ({ parameterName }: { parameterName: string }) => {
    if (!CHANGING.includes(parameterName)) listener();
  });
}

/** Has a client's connection prepare each of its statements anew. */
export function prepareAnew(client: pg.PoolClient): void {
  forgetPlans(preparedOn((client as unknown as { connection: pg.Connection }).connection));
}

/** Destroys a client's connection at once, even while a flight waits for an answer. */
export function cutOff(client: pg.PoolClient): void {
  (client as unknown as { connection: pg.Connection }).connection.stream.destroy();
}
