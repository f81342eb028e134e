import type { QueryResult } from 'kysely';
import pg from 'pg';
import { DatabaseUnavailable, translateError } from '../errors.ts';
import type { Deadlines, Waiting } from './deadlines.ts';
import { type CreateFlight, cutOff, sendFlights } from './wire.ts';

/** A call that waits for the answers to its flight. */
export interface Passenger {
  readonly createFlight: CreateFlight;
  /** The time of `performance.now()` at which the call gives up. */
  readonly until: number;
  /** The call has its answers, or its error. */
  isSettled: boolean;
  resolve(answers: QueryResult<unknown>[]): void;
  reject(error: unknown): void;
}

export const createPassenger = (
  createFlight: CreateFlight,
  until: number,
  [resolve, reject]: [Passenger['resolve'], Passenger['reject']],
): Passenger => {
  const passenger: Passenger = {
    createFlight,
    until,
    isSettled: false,
    resolve(answers) {
      passenger.isSettled = true;
      resolve(answers);
    },
    reject(error) {
      passenger.isSettled = true;
      reject(error);
    },
  };
  return passenger;
};

/** The parts of a pool that a flight needs. */
export interface LaunchParts {
  deadlines: Deadlines;
  /** Clients that are not to be used again: the connection is lost, or injected SQL may have changed the session. */
  lost: WeakSet<pg.PoolClient>;
  /** Called where a migration has changed the columns of a prepared statement. */
  onChangedPlan(): void;
}

interface Launch extends LaunchParts {
  /** Called once the connection is free again, or lost. */
  onLanded?: () => void;
  /**
   * Takes the passengers whose turn has not come: the connection is lost, or the flights in front take longer than
   * `TURN`. In the second case the passenger's flight still takes place, so its statements must only read.
   */
  goAgain?: (passengers: Passenger[]) => void;
}

/** Milliseconds that a passenger waits behind flights of other calls. */
const TURN = 250;

/** Sends the flights of `passengers` over one connection, one after the other. */
export function launch(
  client: pg.PoolClient,
  passengers: readonly Passenger[],
  { deadlines, lost, onChangedPlan, onLanded = () => {}, goAgain }: Launch,
): void {
  /** The index of the passenger whose turn it is. */
  let turn = 0;
  /** Passengers that wait for a flight on another connection. An answer of the first flight settles the call as well. */
  const gone = new Set<Passenger>();
  const leave = () => {
    const leaving = passengers.filter(
      (passenger, index) => index > turn && !passenger.isSettled && !gone.has(passenger),
    );
    for (const passenger of leaving) gone.add(passenger);
    if (leaving.length > 0) goAgain?.(leaving);
  };
  const refuse = (passenger: Passenger, error: unknown) => {
    if (!passenger.isSettled && !gone.has(passenger)) passenger.reject(error);
  };

  // pg's own query_timeout does not end the connection. The connection would return to the pool while the server still has
  // to answer the old query.
  const cut = () => {
    lost.add(client);
    cutOff(client);
  };
  const watches: Waiting[] = passengers.map((passenger, index) => ({
    until: passenger.until,
    giveUp() {
      if (index === turn) cut();
      refuse(passenger, toUnavailable(new Error('no answer in time')));
    },
  }));
  if (goAgain && passengers.length > 1) {
    watches.push({ until: performance.now() + TURN, giveUp: leave });
    // A flight may stall whose passenger has left or has given up.
    watches.push({ until: Math.max(...passengers.map(({ until }) => until)), giveUp: cut });
  }
  for (const watch of watches) deadlines.add(watch);

  const flights = passengers.map((passenger, index) =>
    passenger.createFlight({
      done: (answers) => passenger.resolve(answers),
      fail(error) {
        // PostgreSQL ends the connection after a FATAL error, and the end may come after the client was given back.
        const isLost = !(error instanceof pg.DatabaseError) || error.severity === 'FATAL';
        if (isLost || !isOrdinary(error)) lost.add(client);
        if (isLost) leave();
        refuse(passenger, error instanceof pg.DatabaseError ? translateError(error) : toUnavailable(error));
      },
      onOdd: () => lost.add(client),
      onChangedPlan,
      onEnd() {
        deadlines.delete(watches[index] as Waiting);
        turn = index + 1;
        if (turn < passengers.length) return;
        for (const watch of watches) deadlines.delete(watch);
        onLanded();
      },
    }),
  );
  sendFlights(client, flights);
}

/**
 * True for an error that says something of the statement's values or of other transactions: SQLSTATE classes 22, 23, 40,
 * our own IZ, and `lock_timeout`. After any other error, such as a missing table, the session may be at fault: injected SQL
 * may have left a `search_path` there. So the connection is not used again.
 */
const isOrdinary = (error: Error) =>
  error instanceof pg.DatabaseError && /^(?:22|23|40|IZ|55P03)/.test(error.code ?? '');

/** Translates an error that PostgreSQL did not send: the connection is lost, or could not be made. */
export function toUnavailable(error: Error) {
  return new DatabaseUnavailable(`The database cannot be reached: ${error.message}`, { cause: error });
}
