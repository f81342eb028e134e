import { hash } from 'node:crypto';
import type { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { asNobody, asOperator, enter } from '../../db/admission.ts';
import { identifyKey, redigestSecret } from '../../db/keyUse.ts';
import { type CallDatabase, type Database, forOneCall } from '../../db/open.ts';
import { digestsOf, type KeySecrets } from './keySecret.ts';
import type { LastUse } from './lastUse.ts';
import type { Source } from './place.ts';
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
  /** The identities of keys, which never change. Whether a key is valid is asked of the database at each call. */
  keys: LRUCache<string, RememberedKey>;
  /** The keys on their way to the newest server secret: of each key, the digest under that secret, in Latin-1. */
  redigesting: Set<string>;
}

/**
 * Finds the identity behind a key, valid or not. An identity never changes, and may be remembered. Whether the key is
 * valid, and has the scopes that a procedure asks for, the database judges in each transaction of the admission.
 */
export async function identifyKeyHolder(
  parts: KeyParts,
  { key: presented, source }: { key: string; source: Source },
): Promise<Identification> {
  const db = forOneCall(parts.db);
  // Remembered under the SHA-256 of the key, as the key itself must not be kept.
  const memo = hash('sha256', presented, 'base64');
  const remembered = parts.keys.get(memo) ?? (await lookUp(parts, { db, key: presented, memo }));
  if (!remembered) return { ok: false, refusal: 'unknown' };

  const { identity, digests } = remembered;
  const { organizationId, who } = identity;
  const secret = { organizationId, keyId: who.id, name: memo, digests };
  const admission = enter(db, { type: 'key', organizationId, digests }, (secretId) => {
    remembered.wasRefused = false;
    parts.lastUse.note(secret, source);
    if (secretId !== undefined && secretId !== parts.keySecrets[0].id) redigest(parts, organizationId, digests);
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
  const { organizationId, keyId, scopes } = known;
  const identity: Identity = { organizationId, scopes, who: { type: 'key', id: keyId } };
  const found = { identity, digests, wasRefused: false };
  keys.set(memo, found);
  return found;
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
