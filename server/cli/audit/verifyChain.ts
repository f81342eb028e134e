import type { ChainEntry, ChainItem, ChainSeal, ChainStart } from '../../../db/auditChain.ts';
import { ERASED, hashEntry, hashSeal, NAME_PLACES, valueAt } from '../../../db/auditHash.ts';

/** A place where a chain does not hold. */
export interface Break {
  kind: 'changed entry' | 'missing entry' | 'inserted entry' | 'changed seal' | 'missing seal';
  /** The seal; `null` where the break is outside of the seals. */
  seal: number | null;
  /** The id of the entry, where the break is in an entry. */
  entry: string | null;
  message: string;
}

export interface Verification {
  /** True where nothing speaks against the log. */
  holds: boolean;
  seals: number;
  entries: number;
  /** Names that were erased. Their entries hold. */
  erasedNames: number;
  /** Entries that are too new to be sealed. */
  unsealed: number;
  /** The seal that was noted earlier: `before` where the chain begins after the seal, so that nothing is known of it. */
  noted: 'there' | 'missing' | 'before' | null;
  /** The last seal: noted elsewhere, it shows later that nobody has written the chain anew. */
  last: SealMark | null;
  firstBreak: Break | null;
  breaks: number;
}

/** A seal's number and hash. */
export interface SealMark {
  number: number;
  hash: string;
}

/**
 * Verifies a chain, item by item in the order of `readChain`. `noted`: a seal that was noted earlier, which the chain must
 * still have. AUDIT_DAYS may have erased the seal.
 */
export function createVerifier(noted?: SealMark) {
  const found: Verification = {
    holds: true,
    seals: 0,
    entries: 0,
    erasedNames: 0,
    unsealed: 0,
    noted: noted ? 'missing' : null,
    last: null,
    firstBreak: null,
    breaks: 0,
  };
  let start: ChainStart | undefined;
  let isTailChecked = false;
  let hashes: string[] = [];

  const report = (
    kind: Break['kind'],
    { seal, entry = null }: { seal: number | null; entry?: string | null },
    message: string,
  ) => {
    found.firstBreak ??= { kind, seal, entry, message };
    found.breaks += 1;
    found.holds = false;
  };

  /** Looks for seals that are missing at the end, once all seals were added. */
  const checkTail = () => {
    if (!start || isTailChecked) return;
    isTailChecked = true;
    const next = (found.last ?? start).number + 1;
    if (hashes.length > 0) {
      report('missing seal', { seal: next }, `Seal ${next} is not there: entries that name a seal have none.`);
      return;
    }
    if (next > start.sealedThrough) return;
    const message = `Seal ${next} is not there: the log was sealed up to seal ${start.sealedThrough}.`;
    report('missing seal', { seal: next }, message);
  };

  const checkEntry = (entry: ChainEntry) => {
    const place = { seal: entry.seal, entry: entry.id };
    if (entry.seal === null) {
      checkTail();
      if (start?.settledAt && !entry.isMissing && timeOf(entry) < start.settledAt.getTime()) {
        const message = `Entry ${entry.id} is in no seal, and entries of its time are all sealed.`;
        return report('inserted entry', place, message);
      }
      found.unsealed += 1;
      return;
    }
    found.entries += 1;
    hashes.push(entry.hash as string);
    if (entry.isMissing) {
      return report('missing entry', place, `Entry ${entry.id} is in seal ${entry.seal}, and not in the log.`);
    }
    const erased = Object.keys(entry.names).filter((place) => 'digest' in (entry.names[place] ?? {}));
    const isSame =
      Object.entries(entry.names).every(isName) &&
      hashEntry(entry, entry.names) === entry.hash &&
      erased.every((place) => valueAt(entry, place) === ERASED);
    if (!isSame) report('changed entry', place, `Entry ${entry.id} was changed after seal ${entry.seal} was made.`);
    found.erasedNames += erased.length;
  };

  const checkSeal = (seal: ChainSeal) => {
    const { organizationId } = start as ChainStart;
    const before = found.last ?? start;
    const place = { seal: seal.number };
    const expected = (before?.number ?? 0) + 1;
    found.seals += 1;
    if (seal.number !== expected) {
      report('missing seal', { seal: expected }, `Seal ${expected} is not there: seal ${seal.number} comes next.`);
    } else if (seal.previous !== (before?.hash ?? null)) {
      report('changed seal', place, `Seal ${seal.number} does not follow the seal before.`);
    }
    if (hashSeal({ ...seal, organizationId, entries: hashes }) !== seal.hash) {
      report('changed seal', place, `Seal ${seal.number} has other entries than were sealed, or was changed.`);
    }
    if (noted?.number === seal.number) {
      found.noted = 'there';
      if (noted.hash !== seal.hash) {
        report('changed seal', place, `Seal ${seal.number} is not the seal that was noted.`);
      }
    }
    found.last = { number: seal.number, hash: seal.hash };
    hashes = [];
  };

  return {
    add(item: ChainItem) {
      if (item.type === 'start') start = item;
      else if (item.type === 'entry') checkEntry(item);
      else checkSeal(item);
    },
    end(): Verification {
      checkTail();
      const from = start?.number ?? 0;
      if (noted && noted.number < from) found.noted = 'before';
      if (noted?.number === from && noted.hash === start?.hash) found.noted = 'there';
      if (noted && found.noted === 'missing' && found.breaks === 0) {
        report('missing seal', { seal: noted.number }, `Seal ${noted.number}, which was noted, is not there.`);
      }
      return found;
    },
  };
}

/** True where a name is in a place of names. In another place a digest would hide what no erasure takes. */
const isName = ([place, name]: [place: string, name: { salt: string } | { digest: string }]) =>
  NAME_PLACES.some((each) => each === place) && (!('digest' in name) || /^[\da-f]{64}$/.test(name.digest));

/** The earlier of an entry's time and the time in the entry's id, which is a UUID of version 7: 48 bits of milliseconds. */
const timeOf = ({ id, at }: { id: string; at: Date }) =>
  Math.min(at.getTime(), Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16));
