import type { QueryResult } from 'kysely';
import type pg from 'pg';
import type { Statement } from './connection.ts';
import { createPassenger, type LaunchParts, launch, type Passenger } from './launch.ts';
import { prepareFlight } from './wire.ts';

interface SharingParts extends LaunchParts {
  /** Gives a client, or throws at the time `until` of `performance.now()`. */
  checkOut(until: number): Promise<pg.PoolClient>;
  giveBack(client: pg.PoolClient): void;
  prepare: boolean;
}

/** The largest number of calls whose flights travel together: measured, more calls gain nothing. */
const MOST = 8;

/**
 * Lets short calls share connections. The calls of one turn of the event loop, and the calls that wait for a connection,
 * travel in one write. A short call's costliest parts are the write to the socket and the wake of the backend. Each flight stays a transaction of its own, with its own admission and its own error.
 */
export function createSharing({ checkOut, giveBack, prepare, ...parts }: SharingParts) {
  /** The group that still takes passengers, as its connection is not there yet. The first passenger gives up first. */
  let open: Passenger[] | undefined;

  const depart = async (group: Passenger[]) => {
    const [first] = group as [Passenger];
    let client: pg.PoolClient;
    try {
      client = await checkOut(first.until);
    } catch (error) {
      return refuse(group, error);
    } finally {
      if (open === group) open = undefined;
    }
    const waiting = group.filter(({ isSettled }) => !isSettled);
    if (waiting.length === 0) giveBack(client);
    else launch(client, waiting, { ...parts, goAgain, onLanded: () => giveBack(client) });
  };
  /** Refuses a group without a connection. Where only the time of some passengers is over, the others wait again. */
  const refuse = (group: Passenger[], error: unknown) => {
    const now = performance.now();
    const isLate = (group[0] as Passenger).until <= now;
    const others = isLate ? group.filter(({ until }) => until > now) : [];
    for (const passenger of group) if (!others.includes(passenger)) passenger.reject(error);
    if (others.length > 0) goAgain(others);
  };
  const goAgain = (passengers: Passenger[]) => void depart(passengers.toSorted((a, b) => a.until - b.until));

  return (statements: readonly Statement[], until: number) =>
    new Promise<QueryResult<unknown>[]>((resolve, reject) => {
      // A value without a written form is the error of this call alone, so values are written before a group is joined.
      const passenger = createPassenger(prepareFlight(statements, { prepare }), until, [resolve, reject]);
      if (open && open.length < MOST && (open[0] as Passenger).until <= until) {
        open.push(passenger);
      } else {
        open = [passenger];
        setImmediate(depart, open);
      }
    });
}
