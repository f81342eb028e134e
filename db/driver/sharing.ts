import type { QueryResult } from 'kysely';
import type pg from 'pg';
import type { Statement } from './connection.ts';
import { type LaunchParts, launch, type Passenger, toUnavailable } from './launch.ts';

interface SharingParts extends LaunchParts {
  /** Gives a client within so many milliseconds, or throws. */
  checkOut(within: number): Promise<pg.PoolClient>;
  giveBack(client: pg.PoolClient): void;
}

/** The largest number of calls whose flights travel together: measured, more calls gain nothing. */
const MOST = 8;

/**
 * Lets short calls share connections. The calls of one turn of the event loop, and the calls that wait for a connection,
 * travel in one write: a write to the socket, and the wake of the backend that reads it, cost more than all else that a
 * short call does with the database. Each flight stays a transaction of its own, with its own admission and its own error.
 */
export function createSharing({ checkOut, giveBack, ...parts }: SharingParts) {
  /** The group that still takes passengers, as its connection is not there yet. The first passenger gives up first. */
  let open: Passenger[] | undefined;

  const depart = async (group: Passenger[]) => {
    const [first] = group as [Passenger];
    const client = await checkOut(first.until - performance.now()).catch((error: unknown) => {
      for (const { reject } of group) reject(error);
    });
    if (open === group) open = undefined;
    if (client) launch(client, group, { ...parts, goAgain, onLanded: () => giveBack(client) });
  };
  const goAgain = (passenger: Passenger) => {
    if (passenger.until > performance.now()) depart([passenger]);
    else passenger.reject(toUnavailable(new Error('no answer in time')));
  };

  return (statements: readonly Statement[], until: number) =>
    new Promise<QueryResult<unknown>[]>((resolve, reject) => {
      const passenger = { statements, until, resolve, reject };
      if (open && open.length < MOST && (open[0] as Passenger).until <= until) {
        open.push(passenger);
      } else {
        open = [passenger];
        setImmediate(depart, open);
      }
    });
}
