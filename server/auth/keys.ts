import { hash } from 'node:crypto';
import type { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { asNobody, asOperator, enter } from '../../db/admission.ts';
import { type OutsideUse, reportOutsideUse } from '../../db/keyPlaces.ts';
import { identifyKey, redigestSecret } from '../../db/keyUse.ts';
import { type CallDatabase, type Database, forOneCall } from '../../db/open.ts';
import { digestsOf, type KeySecrets } from './keySecret.ts';
import type { LastUse } from './lastUse.ts';
import { coarsePlace, type Source } from './place.ts';
import type { Identification, Identity } from './principal.ts';

/** The memory of a key that was presented before: its identity, and its digests under each server secret. */
interface RememberedKey {
  identity: Identity;
  digests: Buffer[];
  /** The database refused the key, and has not admitted the key since. */
  wasRefused: boolean;
}

/** The parts of the service that the check of a key needs. */
export interface KeyParts {
  db: Database;
  log: Logger;
  keySecrets: KeySecrets;
  lastUse: LastUse;
  /** The identities of keys, for a minute. Whether a key is valid is asked of the database at each call. */
  keys: LRUCache<string, RememberedKey>;
  /** The places from which a key was used against its allowed addresses, and that were reported within the hour. */
  reported: LRUCache<string, true>;
  /** The keys on their way to the newest server secret: of each key, the digest under that secret, in Latin-1. */
  redigesting: Set<string>;
}

/**
 * Finds the identity behind a key or a token, valid or not. An identity never changes, except for its rate, and may be
 * remembered. Whether the key is valid, and has the scopes that a procedure asks for, the database judges in each
 * transaction of the admission.
 */
export async function identifyKeyHolder(
  parts: KeyParts,
  { key: presented, source, isGone }: { key: string; source: Source; isGone?: () => boolean },
): Promise<Identification> {
  const db = forOneCall(parts.db, isGone);
  // Remembered under the SHA-256 of the key, as the key itself must not be kept.
  const memo = hash('sha256', presented, 'base64');
  const remembered = parts.keys.get(memo) ?? (await lookUp(parts, { db, key: presented, memo }));
  if (!remembered) return { ok: false, refusal: 'unknown' };

  const { identity, digests } = remembered;
  const { organizationId, who } = identity;
  const secret = { organizationId, keyId: who.id, name: memo, digests };
  const caller = { type: 'key', organizationId, digests, address: source.address } as const;
  const admission = enter(db, caller, ({ secretId, isOutside }) => {
    remembered.wasRefused = false;
    parts.lastUse.note(secret, source);
    if (secretId !== undefined && secretId !== parts.keySecrets[0].id) redigest(parts, organizationId, digests);
    if (isOutside) report(parts, { organizationId, keyId: who.id, place: coarsePlace(source) });
  });
  const countedAs = remembered.wasRefused ? memo : who.id;
  const refuse = () => void (remembered.wasRefused = true);
  return { ok: true, principal: { identity, admission, countedAs, secret, refuse } };
}

/** Asks the database for the identity behind a key, and remembers the identity. */
async function lookUp(
  { keySecrets, keys }: KeyParts,
  { db, key, memo }: { db: CallDatabase; key: string; memo: string },
): Promise<RememberedKey | undefined> {
  const digests = digestsOf(key, keySecrets);
  const known = await identifyKey(asNobody(db), digests);
  if (!known) return undefined;
  const { organizationId, keyId, scopes, rateLimit, isToken } = known;
  const identity: Identity = {
    organizationId,
    scopes,
    ...(rateLimit !== null && { rateLimit }),
    who: { type: 'key', id: keyId, ...(isToken && { isToken }) },
  };
  const found = { identity, digests, wasRefused: false };
  keys.set(memo, found);
  return found;
}

/**
 * Notes in the audit log, beside the request, that a key was used from outside of its allowed addresses. Where the note
 * fails, the next use tries again. The database lets one note an hour of each place through, whatever instance asks.
 */
function report({ db, log, reported }: KeyParts, use: OutsideUse) {
  const memo = `${use.keyId} ${use.place.address} ${use.place.userAgent}`;
  if (reported.has(memo)) return;
  reported.set(memo, true);
  reportOutsideUse(asOperator(db, use.organizationId), use).catch((error: unknown) => {
    reported.delete(memo);
    log.warn({ err: error, organizationId: use.organizationId }, 'a use from outside is not reported yet');
  });
}

/**
 * Moves a key that is in use to the newest server secret, beside the request. Where the move fails, the next use tries
 * again. A key has a single move at a time: concurrent moves would wait for the secret's row, each with a connection.
 */
function redigest({ db, log, keySecrets, redigesting }: KeyParts, organizationId: string, digests: Buffer[]) {
  const [digest] = digests as [Buffer];
  const memo = digest.toString('latin1');
  if (redigesting.has(memo)) return;
  redigesting.add(memo);
  const secretId = keySecrets[0].id;
  redigestSecret(asOperator(db, organizationId), { organizationId, digests, digest, secretId })
    .catch((error: unknown) => log.warn({ err: error, organizationId }, 'a key is not re-digested yet'))
    .finally(() => redigesting.delete(memo));
}
