import type { QueryResult } from 'kysely';
import pg from 'pg';
import { DatabaseUnavailable, translateError } from '../errors.ts';
import type { Statement } from './connection.ts';
import { createFlight, cutOff, sendFlights } from './wire.ts';

/** The statements of a call, which waits for their answers. */
export interface Passenger {
  readonly statements: readonly Statement[];
  /** The time of `performance.now()` at which the call gives up. */
  readonly until: number;
  resolve(answers: QueryResult<unknown>[]): void;
  reject(error: unknown): void;
}

/** The parts of a pool that a flight needs. */
export interface LaunchParts {
  prepare: boolean;
  deadlines: Deadlines;
  /** Clients with a lost connection. */
  lost: WeakSet<pg.PoolClient>;
}

interface Launch extends LaunchParts {
  /** Called once the connection is free again, or lost. */
  onLanded?: () => void;
  /**
   * Called for a passenger behind the first whose turn does not come: the flight in front takes longer than `TURN`, or
   * the connection is lost. The passenger's flight may still take place, so the statements must only read.
   */
  goAgain?: (passenger: Passenger) => void;
}

/** Milliseconds that a passenger waits behind flights of other calls. */
const TURN = 250;

/** Sends the flights of `passengers` over one connection, one after the other. */
export function launch(
  client: pg.PoolClient,
  passengers: readonly Passenger[],
  { prepare, deadlines, lost, onLanded = () => {}, goAgain }: Launch,
): void {
  const flights = passengers.map((passenger, index) => {
    const { statements, until, resolve, reject } = passenger;
    // A passenger that goes again waits for another flight. The answer of this flight, should it come, is as good.
    let isGone = false;
    const leave =
      index > 0 && goAgain
        ? () => {
            deadlines.delete(waiting);
            if (!isGone) goAgain(passenger);
            isGone = true;
          }
        : undefined;
    const fail = (error: Error) => {
      // PostgreSQL ends the connection after a FATAL error, and the end may come after the client was given back.
      const isLost = !(error instanceof pg.DatabaseError) || error.severity === 'FATAL';
      if (isLost || !isOrdinary(error)) lost.add(client);
      if (isLost && leave) return leave();
      deadlines.delete(waiting);
      if (!isGone) reject(error instanceof pg.DatabaseError ? translateError(error) : toUnavailable(error));
    };
    const waiting: Waiting = {
      until: leave ? Math.min(until, performance.now() + TURN) : until,
      giveUp() {
        if (leave) return leave();
        // pg's own query_timeout does not end the connection. The connection would return to the pool while the server
        // still has to answer the old query.
        cutOff(client);
        fail(new Error('no answer in time'));
      },
    };
    const done = (answers: QueryResult<unknown>[]) => {
      deadlines.delete(waiting);
      resolve(answers);
    };
    deadlines.add(waiting);
    return createFlight(statements, { prepare, onOdd: () => lost.add(client) })(done, fail);
  });
  sendFlights(client, flights, onLanded);
}

/**
 * True for an error that says something of the statement's values or of other transactions: SQLSTATE classes 22, 23, 40,
 * our own IZ, and `lock_timeout`. After any other error, such as a missing table, the session may be at fault: injected SQL
 * may have left a `search_path` there. So the connection is not used again.
 */
const isOrdinary = (error: Error) =>
  error instanceof pg.DatabaseError && /^(?:22|23|40|IZ|55P03)/.test(error.code ?? '');

/** Something that waits until a time of `performance.now()`. */
interface Waiting {
  readonly until: number;
  giveUp(): void;
}

/** Gives up whatever waits past its time. */
export interface Deadlines {
  add(waiting: Waiting): void;
  delete(waiting: Waiting): void;
}

/** Milliseconds between two looks at all that wait: how late a flight is given up at most. */
const LOOK_EVERY = 25;

/** Watches deadlines with a single timer: a timer for each flight would cost more than the flight's own work. */
export function watchDeadlines(): Deadlines {
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
    add(flight) {
      waiting.add(flight);
      if (!isLooking) lookLater();
    },
    delete: (flight) => void waiting.delete(flight),
  };
}

/** Translates an error that PostgreSQL did not send: the connection is lost, or could not be made. */
export function toUnavailable(error: Error) {
  return new DatabaseUnavailable(`The database cannot be reached: ${error.message}`, { cause: error });
}
