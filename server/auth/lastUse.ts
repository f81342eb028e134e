import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { asOperator } from '../../db/admission.ts';
import { type KeyCalls, recordKeyUses } from '../../db/keyUse.ts';
import type { Database } from '../../db/open.ts';
import { type CallCounts, type CallOutcome, OUTCOMES } from '../../shared/callOutcomes.ts';
import { coarsePlace, type Place, type Source } from './place.ts';

/** Notes when and from where keys are used, and how their calls end. Requests do not wait until this is recorded. */
export interface LastUse {
  /** Notes that a secret of a key was used just now. */
  note(secret: UsedSecret, source: Source): void;
  /** Counts calls with a secret of a key that ended just now. */
  count(secret: UsedSecret, outcome: CallOutcome, calls: number): void;
  /**
   * Records all uses and calls that were noted and are not recorded yet. Tries again, for a second at most, where the
   * database refuses.
   */
  flush(): Promise<void>;
}

/** A secret of a key that was used. */
export interface UsedSecret {
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

/** The calls that ended within a day by the clock of this process. */
interface DayOfCalls extends CallCounts {
  /** Days since 1970. */
  day: number;
  /** The end of the last call, in milliseconds on the monotonic clock. */
  countedAt: number;
}

/** A secret of a key that was used within the last interval. */
interface KeyInUse extends UsedSecret {
  /** Uses that wait to be recorded, by place, in the order in which the places were first seen. */
  waiting: Map<string, Use>;
  /** The source of the key's last request. */
  source: Source | undefined;
  /** The waiting use in which the last request was noted; `undefined` once a record has taken the use. */
  latest: Use | undefined;
  /** Calls that wait to be recorded, the latest day last. There are several days only where the database is away. */
  calls: DayOfCalls[];
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
/** Milliseconds until uses are recorded again that another writer of the secret's row kept from being recorded. */
const RETRY_AFTER = 1_000;
/** Milliseconds between two attempts while the caller of `flush` waits, and the number of attempts. */
const FLUSH_RETRY_AFTER = 20;
const FLUSH_ATTEMPTS = 50;
/** The same where the database has refused: the end of the service does not wait long for a database that is away. */
const FLUSH_AFTER_REFUSAL = 200;
const FLUSH_REFUSALS = 5;
const DAY = 86_400_000;

/**
 * Records a secret's first use at once, and later uses once in each interval: for each place that the secret was used
 * from, the last use, and the number of calls. So a busy secret costs one statement a minute, and no two statements
 * wait for each other on the key's row.
 */
export function createLastUse({ db, log, interval = 60_000 }: LastUseOptions): LastUse {
  const keysInUse = new Map<string, KeyInUse>();
  const records = new Set<Promise<unknown>>();

  /**
   * Records the waiting uses and calls of an organization's keys. They wait again where the database refuses
   * (`isRefused`), and where another writer had the row of their secret for the moment (`isKeptOff`).
   */
  const record = async (organizationId: string, noted: KeyInUse[]) => {
    const taken = noted.map((key) => ({ key, uses: take(key), calls: takeCalls(key) }));
    const all = taken.flatMap(({ key, uses }) => [...uses.values()].map((use) => ({ ...use, ...key })));
    let isKeptOff = false;
    let isRefused = false;
    try {
      // At least one statement, as calls may wait where no use does.
      for (let at = 0; at === 0 || at < all.length; at += BATCH) {
        const now = performance.now();
        const uses = all
          .slice(at, at + BATCH)
          .map(({ keyId, digests, place, usedAt }) => ({ keyId, digests, place, millisecondsAgo: now - usedAt }));
        const calls = taken.flatMap(({ key, calls }) => calls.map((day) => toKeyCalls(key, day, now)));
        const left = await recordKeyUses(asOperator(db, organizationId), { organizationId, uses, calls });
        // Recorded once: a later statement that fails gives no calls back.
        for (const part of taken) part.calls = [];
        const digestsLeft = new Set(left.map(({ digests }) => digests));
        isKeptOff ||= digestsLeft.size > 0;
        for (const { key, uses } of taken) if (digestsLeft.has(key.digests)) giveBack(key, uses);
      }
    } catch (error) {
      isRefused = true;
      for (const { key, uses, calls } of taken) {
        giveBack(key, uses);
        giveCallsBack(key, calls);
      }
      log.warn({ err: error, organizationId }, 'last uses are not recorded yet');
    }
    for (const key of noted) key.underway -= 1;
    return { isKeptOff, isRefused };
  };
  const track = <T>(work: Promise<T>) => {
    records.add(work);
    work.finally(() => records.delete(work));
    return work;
  };

  /** Records a key's uses and calls, once in each interval, until nothing of the key waits or is being recorded. */
  const follow = async (key: KeyInUse) => {
    do {
      const { promise: hurried, resolve } = Promise.withResolvers<void>();
      key.hurry = resolve;
      const timer = setTimeout(resolve, interval).unref();
      const { isKeptOff } = await track(record(key.organizationId, [key]));
      const retry = isKeptOff ? setTimeout(resolve, RETRY_AFTER).unref() : undefined;
      await hurried;
      clearTimeout(timer);
      clearTimeout(retry);
    } while (isWaiting(key) || key.underway > 0);
    keysInUse.delete(key.name);
  };
  const begin = (secret: UsedSecret): KeyInUse => {
    const state = { waiting: new Map(), source: undefined, latest: undefined, calls: [], underway: 0, hurry: () => {} };
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
    count(secret, outcome, calls) {
      const key = keysInUse.get(secret.name) ?? begin(secret);
      const day = callsOfToday(key);
      day[outcome] += calls;
      day.countedAt = performance.now();
    },
    async flush() {
      let refusals = 0;
      for (let attempt = 1; attempt <= FLUSH_ATTEMPTS; attempt++) {
        // A record that is under way has taken uses, and may give them back.
        await Promise.all(records);
        const waiting = [...keysInUse.values()].filter(isWaiting);
        if (waiting.length === 0 && records.size === 0) return;
        const byOrganization = Map.groupBy(waiting, ({ organizationId }) => organizationId);
        const work = [...byOrganization].map(([organizationId, keys]) => track(record(organizationId, keys)));
        const outcomes = await Promise.all(work);
        const isRefused = outcomes.some((outcome) => outcome.isRefused);
        if (isRefused && ++refusals === FLUSH_REFUSALS) return;
        const isLeft = isRefused || outcomes.some((outcome) => outcome.isKeptOff);
        if (isLeft) await pause(isRefused ? FLUSH_AFTER_REFUSAL : FLUSH_RETRY_AFTER);
      }
    },
  };
}

const isWaiting = ({ waiting, calls }: KeyInUse) => waiting.size > 0 || calls.length > 0;

/** Gives the waiting calls of today, to be counted on. */
function callsOfToday({ calls }: KeyInUse): DayOfCalls {
  const day = Math.floor(Date.now() / DAY);
  const last = calls.at(-1);
  if (last?.day === day) return last;
  const today = { day, countedAt: 0, ok: 0, clientError: 0, limited: 0, failed: 0 };
  calls.push(today);
  return today;
}

function takeCalls(key: KeyInUse): DayOfCalls[] {
  const { calls } = key;
  key.calls = [];
  return calls;
}

/** Puts calls back that could not be recorded, and adds them to the calls of their day. */
function giveCallsBack(key: KeyInUse, calls: DayOfCalls[]) {
  for (const day of calls.toReversed()) {
    const [next] = key.calls;
    if (next?.day !== day.day) key.calls.unshift(day);
    else for (const outcome of OUTCOMES) next[outcome] += day[outcome];
  }
}

const toKeyCalls = ({ keyId }: KeyInUse, { day: _, countedAt, ...counts }: DayOfCalls, now: number): KeyCalls => ({
  keyId,
  millisecondsAgo: now - countedAt,
  ...counts,
});

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
