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
 * travel in one write: a write to the socket, and the wake of the backend that reads it, cost more than all else that a
 * short call does with the database. Each flight stays a transaction of its own, with its own admission and its own error.
 */
export function createSharing({ checkOut, giveBack, prepare, ...parts }: SharingParts) {
  /** The group that still takes passengers, as its connection is not there yet. The first passenger gives up first. */
  let open: Passenger[] | undefined;

  const depart = async (group: Passenger[]) => {
    const [first] = group as [Passenger];
    try {
      const client = await checkOut(first.until);
      if (open === group) open = undefined;
      const waiting = group.filter(({ isSettled }) => !isSettled);
      if (waiting.length === 0) return giveBack(client);
      launch(client, waiting, { ...parts, goAgain, onLanded: () => giveBack(client) });
    } catch (error) {
      if (open === group) open = undefined;
      const isLate = first.until <= performance.now();
      const refused = isLate ? group.filter(({ until }) => until <= performance.now()) : group;
      for (const { reject } of refused) reject(error);
      const others = group.filter((passenger) => !refused.includes(passenger));
      if (others.length > 0) goAgain(others);
    }
  };
  const goAgain = (passengers: Passenger[]) => void depart(passengers.sort((a, b) => a.until - b.until));

  return (statements: readonly Statement[], until: number) =>
    new Promise<QueryResult<unknown>[]>((resolve, reject) => {
      // The values are written here, so that a value that cannot be written is this call's error alone.
      const passenger = createPassenger(prepareFlight(statements, { prepare }), until, [resolve, reject]);
      if (open && open.length < MOST && (open[0] as Passenger).until <= until) {
        open.push(passenger);
      } else {
        open = [passenger];
        setImmediate(depart, open);
      }
    });
}
