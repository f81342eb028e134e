import type { Logger } from 'pino';
import { asOperator } from '../../db/admission.ts';
import { recordKeyUses } from '../../db/keyUse.ts';
import type { Database } from '../../db/open.ts';
import { coarsePlace, type Place, type Source } from './place.ts';

/** Notes when and from where keys are used. Requests do not wait until the uses are recorded. */
export interface LastUse {
  /** Notes that a secret of a key was used just now. */
  note(secret: UsedSecret, source: Source): void;
  /** Records all uses that were noted and are not recorded yet. */
  flush(): Promise<void>;
}

/** A secret of a key that was used. */
interface UsedSecret {
  organizationId: string;
  keyId: string;
  /** Names the secret in the memory of this process. */
  name: string;
  /** The secret's digests under each server secret. */
  digests: readonly Buffer[];
}

interface LastUseOptions {
  db: Database;
  log: Logger;
  /** Milliseconds between two records of the same key (default: 60 000). */
  interval?: number;
}

/** The last use of a secret from one place. */
interface Use {
  place: Place;
  /** Milliseconds on the monotonic clock. */
  usedAt: number;
}

/** A secret of a key that was used within the last interval. */
interface KeyInUse extends UsedSecret {
  /** Uses that wait to be recorded, by place, in the order in which the places were first seen. */
  waiting: Map<string, Use>;
  /** The source of the key's last request. */
  source: Source | undefined;
  /** The waiting use in which the last request was noted; `undefined` once a record has taken the use. */
  latest: Use | undefined;
  /** The number of records under way that have taken uses of this key. */
  underway: number;
  /** Starts the next record before the interval is over. */
  hurry(): void;
}

/**
 * The largest number of uses in a statement. Where as many uses of a key wait, the uses are recorded at once, not after
 * the interval.
 */
const BATCH = 500;
/**
 * The largest number of places of one key that wait: some 2 MB. A key's calls need the database, so more places come
 * together only where the database answers the calls and refuses to write. The place that has waited for longest is
 * then lost.
 */
const WAITING_LIMIT = 10_000;

/**
 * Records a secret's first use at once, and later uses once in each interval: for each place that the secret was used
 * from, the last use. So a busy secret costs one statement a minute, and no two statements wait for each other on the key's row.
 */
export function createLastUse({ db, log, interval = 60_000 }: LastUseOptions): LastUse {
  const keysInUse = new Map<string, KeyInUse>();
  const records = new Set<Promise<void>>();

  /** Records the waiting uses of an organization's keys. Where the database refuses, the uses wait again. */
  const record = async (organizationId: string, noted: KeyInUse[]) => {
    const taken = noted.map((key) => ({ key, uses: take(key) }));
    const all = taken.flatMap(({ key, uses }) => [...uses.values()].map((use) => ({ ...use, ...key })));
    try {
      for (let at = 0; at < all.length; at += BATCH) {
        const now = performance.now();
        const uses = all
          .slice(at, at + BATCH)
          .map(({ keyId, digests, place, usedAt }) => ({ keyId, digests, place, millisecondsAgo: now - usedAt }));
        await recordKeyUses(asOperator(db, organizationId), { organizationId, uses });
      }
    } catch (error) {
      for (const { key, uses } of taken) giveBack(key, uses);
      log.warn({ err: error, organizationId }, 'last uses are not recorded yet');
    }
    for (const key of noted) key.underway -= 1;
  };
  const track = (work: Promise<void>) => {
    records.add(work);
    work.finally(() => records.delete(work));
    return work;
  };

  /** Records a key's uses, once in each interval, until no use of the key waits or is being recorded. */
  const follow = async (key: KeyInUse) => {
    do {
      const { promise: pause, resolve } = Promise.withResolvers<void>();
      key.hurry = resolve;
      const timer = setTimeout(resolve, interval).unref();
      await track(record(key.organizationId, [key]));
      await pause;
      clearTimeout(timer);
    } while (key.waiting.size > 0 || key.underway > 0);
    keysInUse.delete(key.name);
  };
  const begin = (secret: UsedSecret): KeyInUse => {
    const state = { waiting: new Map(), source: undefined, latest: undefined, underway: 0, hurry: () => {} };
    const key: KeyInUse = { ...secret, ...state };
    keysInUse.set(secret.name, key);
    setImmediate(follow, key);
    return key;
  };

  return {
    note(secret, source) {
      const key = keysInUse.get(secret.name) ?? begin(secret);
      if (!key.latest || !isSame(source, key.source)) {
        key.source = source;
        key.latest = waitingUse(key, coarsePlace(source));
        if (dropBeyondLimit(key))
          log.warn(
            { organizationId: key.organizationId, keyId: key.keyId },
            'a place that the key was used from is lost',
          );
      }
      key.latest.usedAt = performance.now();
    },
    async flush() {
      await Promise.all(records);
      const waiting = [...keysInUse.values()].filter((key) => key.waiting.size > 0);
      const byOrganization = Map.groupBy(waiting, ({ organizationId }) => organizationId);
      await Promise.all([...byOrganization].map(([organizationId, keys]) => track(record(organizationId, keys))));
    },
  };
}

const isSame = (source: Source, other: Source | undefined) =>
  source.address === other?.address && source.userAgent === other?.userAgent;

/** Gives the waiting use of a place: the use from before, or else a new use. */
function waitingUse({ waiting, hurry }: KeyInUse, place: Place): Use {
  const name = `${place.address} ${place.userAgent}`;
  const known = waiting.get(name);
  if (known) return known;
  const use: Use = { place, usedAt: 0 };
  waiting.set(name, use);
  // Not `>=`: after a failed record more than `BATCH` uses may wait, and a further use must not hurry the next record.
  if (waiting.size === BATCH) hurry();
  return use;
}

/** Takes all waiting uses of a key. A later request from the same place is noted in a new use. */
function take(key: KeyInUse): Map<string, Use> {
  const { waiting } = key;
  key.waiting = new Map();
  key.latest = undefined;
  key.underway += 1;
  return waiting;
}

/** Puts uses back that could not be recorded. Where a later use of the same place waits, the later use stays. */
function giveBack(key: KeyInUse, uses: Map<string, Use>) {
  key.waiting = new Map([...uses, ...key.waiting]);
  key.latest = undefined;
  while (dropBeyondLimit(key));
}

function dropBeyondLimit({ waiting }: KeyInUse): boolean {
  const [first] = waiting.keys();
  return waiting.size > WAITING_LIMIT && first !== undefined && waiting.delete(first);
}
