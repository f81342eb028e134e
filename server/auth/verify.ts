import { hash } from 'node:crypto';
import { identifyKey, type KeyIdentity, redigestSecret } from '../../db/keyUse.ts';
import { forOneCall } from '../../db/open.ts';
import { admitKey, asKey, asNobody, asOperator, type Tenant } from '../../db/tenant.ts';
import type { KeyRefusal } from '../../shared/errors.ts';
import type { Deps } from '../deps.ts';
import type { Credential } from './bearer.ts';
import { digestsOf } from './keySecret.ts';

/** What is known of a key once it was seen: whose it is, with which scopes, and what the database may know it by. */
export interface RememberedKey {
  identity: KeyIdentity;
  digests: Buffer[];
  /** The database refused it, and has not admitted it since. */
  wasRefused: boolean;
}

/** Whose key it is, and the way to that organization's data, which checks the key each time. */
export interface Principal {
  identity: KeyIdentity;
  tenant: Tenant;
  /**
   * What the call counts against: the key, or, of a secret that the database has refused, that secret alone. Who holds one
   * that was cut off is not to use up the rate of the key's owner.
   */
  countedAs: string;
  /** True once the database has admitted the key, in a transaction of this call's. */
  isAdmitted(): boolean;
  /** Has the database check the key, for a call that has not read or written anything. */
  admit(): Promise<void>;
  /** Notes that the database has refused it instead. */
  refuse(): void;
}

/**
 * Who presents a key. That does not say that the key is valid: what a key is never changes and may be remembered, whether
 * it is valid is asked in each transaction that `tenant` opens.
 */
export async function identify(
  deps: Deps,
  credential: Credential,
): Promise<{ ok: true; principal: Principal } | { ok: false; refusal: KeyRefusal }> {
  if (!credential.ok) return credential;
  const db = forOneCall(deps.db);
  // Remembered by its SHA-256, as the key itself is not to be kept.
  const memo = hash('sha256', credential.key, 'base64');
  const remembered = deps.keys.get(memo) ?? (await lookUp({ ...deps, db }, { key: credential.key, memo }));
  if (!remembered) return { ok: false, refusal: 'unknown' };

  const { identity, digests } = remembered;
  const { organizationId, keyId } = identity;
  const countedAs = remembered.wasRefused ? memo : keyId;
  let isAdmitted = false;
  const onAdmitted = (secretId: string) => {
    if (isAdmitted) return;
    isAdmitted = true;
    remembered.wasRefused = false;
    deps.lastUse.note(identity);
    if (secretId !== deps.keySecrets[0].id) redigest(deps, organizationId, digests);
  };
  const key = { organizationId, digests, onAdmitted };
  const principal: Principal = {
    identity,
    tenant: asKey(db, key),
    countedAs,
    isAdmitted: () => isAdmitted,
    admit: () => admitKey(db, key),
    refuse: () => void (remembered.wasRefused = true),
  };
  return { ok: true, principal };
}

/** What a key is, from the database, and remembered from then on. */
async function lookUp(
  { db, keySecrets, keys }: Deps,
  { key, memo }: { key: string; memo: string },
): Promise<RememberedKey | undefined> {
  const digests = digestsOf(key, keySecrets);
  const identity = await identifyKey(asNobody(db), digests);
  if (!identity) return undefined;
  const found = { identity, digests, wasRefused: false };
  keys.set(memo, found);
  return found;
}

/**
 * Moves a key that is in use to the newest server secret, off the request's path: the next use tries again. One at a
 * time, so that the uses meanwhile do not queue on the secret's row, each with a connection.
 */
function redigest(deps: Deps, organizationId: string, digests: Buffer[]) {
  const [digest] = digests as [Buffer];
  const memo = digest.toString('latin1');
  if (deps.redigesting.has(memo)) return;
  deps.redigesting.add(memo);
  const secretId = deps.keySecrets[0].id;
  redigestSecret(asOperator(deps.db, organizationId), { organizationId, digests, digest, secretId })
    .catch((error: unknown) => deps.log.warn({ err: error, organizationId }, 'a key is not re-digested yet'))
    .finally(() => deps.redigesting.delete(memo));
}
