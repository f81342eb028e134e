import type { Logger } from 'pino';
import { asOperator } from '../../db/admission.ts';
import { type KeyUse, recordKeyUses } from '../../db/keyUse.ts';
import type { Database } from '../../db/open.ts';
import { coarsePlace, type Source } from './place.ts';

/** Notes when keys are used, and records it off the path of the requests. */
export interface LastUse {
  /** The key was used just now. */
  note(key: { organizationId: string; keyId: string }, source: Source): void;
  /** Records what is noted and not yet recorded. */
  flush(): Promise<void>;
}

interface Entry {
  organizationId: string;
  keyId: string;
  /** On the monotonic clock, in milliseconds. */
  usedAt: number;
  source: Source;
  isRecorded: boolean;
}

interface LastUseOptions {
  db: Database;
  log: Logger;
  /** Milliseconds between two records of one key. */
  interval?: number;
}

/** A first use is recorded at once, later ones once an interval: so one row is written by one statement at a time. */
export function createLastUse({ db, log, interval = 60_000 }: LastUseOptions): LastUse {
  const entries = new Map<string, Entry>();
  const writing = new Set<Promise<void>>();

  const write = async (organizationId: string, noted: Entry[]) => {
    const now = performance.now();
    const uses = noted.map(
      ({ keyId, usedAt, source }): KeyUse => ({ keyId, millisecondsAgo: now - usedAt, place: coarsePlace(source) }),
    );
    for (const entry of noted) entry.isRecorded = true;
    try {
      await recordKeyUses(asOperator(db, organizationId), { organizationId, uses });
    } catch (error) {
      for (const entry of noted) entry.isRecorded = false;
      log.warn({ err: error, organizationId }, 'last uses are not recorded yet');
    }
  };
  const track = (work: Promise<void>) => {
    writing.add(work);
    work.finally(() => writing.delete(work));
    return work;
  };
  const record = (entry: Entry) => {
    setTimeout(() => (entry.isRecorded ? entries.delete(entry.keyId) : record(entry)), interval).unref();
    track(write(entry.organizationId, [entry]));
  };

  return {
    note({ organizationId, keyId }, source) {
      const known = entries.get(keyId);
      const entry = known ?? { organizationId, keyId, usedAt: 0, source, isRecorded: false };
      entry.source = source;
      entry.usedAt = performance.now();
      entry.isRecorded = false;
      if (known) return;
      entries.set(keyId, entry);
      setImmediate(record, entry);
    },
    async flush() {
      await Promise.all(writing);
      const noted = [...entries.values()].filter(({ isRecorded }) => !isRecorded);
      const byOrganization = Map.groupBy(noted, ({ organizationId }) => organizationId);
      await Promise.all([...byOrganization].map(([organizationId, some]) => track(write(organizationId, some))));
    },
  };
}
