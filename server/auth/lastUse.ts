import type { Logger } from 'pino';
import { asOperator } from '../../db/admission.ts';
import { recordKeyUses } from '../../db/keyUse.ts';
import type { Database } from '../../db/open.ts';
import { coarsePlace, type Place, type Source } from './place.ts';

/** Notes when and from where keys are used, and records that off the path of the requests. */
export interface LastUse {
  /** The key was used just now. */
  note(key: { organizationId: string; keyId: string }, source: Source): void;
  /** Records what is noted and not yet recorded. */
  flush(): Promise<void>;
}

interface LastUseOptions {
  db: Database;
  log: Logger;
  /** Milliseconds between two records of one key. */
  interval?: number;
}

/** The last use of a key from one place. */
interface Use {
  keyId: string;
  place: Place;
  /** On the monotonic clock, in milliseconds. */
  usedAt: number;
}

/** A key that was used within the last interval. */
interface Entry {
  organizationId: string;
  keyId: string;
  /** Uses that wait to be recorded, by their place, in the order in which the places were first seen. */
  waiting: Map<string, Use>;
  /** What the last request said of its source, and the waiting use that the request is noted in. */
  source: Source | undefined;
  latest: Use | undefined;
  /** Records under way that have taken uses of this key. */
  underway: number;
  /** Has the next record begin before its interval is over. */
  hurry(): void;
}

/** Uses that one statement records. A key that has as many waiting is recorded at once, not after the interval. */
const BATCH = 500;
/**
 * Places of one key that wait at most: some 2 MB. A key's calls need the database, so that more come together only where
 * the database answers them and refuses to write. The place that waits for longest is then lost.
 */
const WAITING_LIMIT = 10_000;

/**
 * A key's first use is recorded at once, and later uses once an interval, each place that the key was used from with its
 * last use. So a busy key costs a statement a minute, and no two statements wait for each other on the key's row.
 */
export function createLastUse({ db, log, interval = 60_000 }: LastUseOptions): LastUse {
  const entries = new Map<string, Entry>();
  const records = new Set<Promise<void>>();

  /** Records the waiting uses of some keys of an organization; where that fails, they wait again. */
  const record = async (organizationId: string, noted: Entry[]) => {
    const taken = noted.map((entry) => ({ entry, uses: take(entry) }));
    const all = taken.flatMap(({ uses }) => [...uses.values()]);
    try {
      for (let at = 0; at < all.length; at += BATCH) {
        const now = performance.now();
        const uses = all
          .slice(at, at + BATCH)
          .map(({ keyId, place, usedAt }) => ({ keyId, place, millisecondsAgo: now - usedAt }));
        await recordKeyUses(asOperator(db, organizationId), { organizationId, uses });
      }
    } catch (error) {
      for (const { entry, uses } of taken) giveBack(entry, uses);
      log.warn({ err: error, organizationId }, 'last uses are not recorded yet');
    }
    for (const entry of noted) entry.underway -= 1;
  };
  const track = (work: Promise<void>) => {
    records.add(work);
    work.finally(() => records.delete(work));
    return work;
  };

  /** Records a key as long as it is in use. */
  const follow = async (entry: Entry) => {
    do {
      const { promise: pause, resolve } = Promise.withResolvers<void>();
      entry.hurry = resolve;
      const timer = setTimeout(resolve, interval).unref();
      await track(record(entry.organizationId, [entry]));
      await pause;
      clearTimeout(timer);
    } while (entry.waiting.size > 0 || entry.underway > 0);
    entries.delete(entry.keyId);
  };
  const begin = (organizationId: string, keyId: string): Entry => {
    const state = { waiting: new Map(), source: undefined, latest: undefined, underway: 0, hurry: () => {} };
    const entry: Entry = { organizationId, keyId, ...state };
    entries.set(keyId, entry);
    setImmediate(follow, entry);
    return entry;
  };

  return {
    note({ organizationId, keyId }, source) {
      const entry = entries.get(keyId) ?? begin(organizationId, keyId);
      if (!entry.latest || !isSame(source, entry.source)) {
        entry.source = source;
        entry.latest = waitingUse(entry, coarsePlace(source));
        if (dropBeyondLimit(entry)) log.warn({ organizationId, keyId }, 'a place that the key was used from is lost');
      }
      entry.latest.usedAt = performance.now();
    },
    async flush() {
      await Promise.all(records);
      const waiting = [...entries.values()].filter((entry) => entry.waiting.size > 0);
      const byOrganization = Map.groupBy(waiting, ({ organizationId }) => organizationId);
      await Promise.all([...byOrganization].map(([organizationId, some]) => track(record(organizationId, some))));
    },
  };
}

const isSame = (source: Source, other: Source | undefined) =>
  source.address === other?.address && source.userAgent === other?.userAgent;

/** The use that waits for this place: the use from before, or a new one. */
function waitingUse({ keyId, waiting, hurry }: Entry, place: Place): Use {
  const name = `${place.address} ${place.userAgent}`;
  const known = waiting.get(name);
  if (known) return known;
  const use: Use = { keyId, place, usedAt: 0 };
  waiting.set(name, use);
  // Not above: where a record has failed, the next record is not hurried.
  if (waiting.size === BATCH) hurry();
  return use;
}

/** Empties what waits; a later use at one of the places is noted anew. */
function take(entry: Entry): Map<string, Use> {
  const { waiting } = entry;
  entry.waiting = new Map();
  entry.latest = undefined;
  entry.underway += 1;
  return waiting;
}

/** Has uses wait again, but for those that a later use of the same place stands for. */
function giveBack(entry: Entry, uses: Map<string, Use>) {
  entry.waiting = new Map([...uses, ...entry.waiting]);
  entry.latest = undefined;
  while (dropBeyondLimit(entry));
}

function dropBeyondLimit({ waiting }: Entry): boolean {
  const [first] = waiting.keys();
  return waiting.size > WAITING_LIMIT && first !== undefined && waiting.delete(first);
}
