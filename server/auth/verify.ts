import { hash } from 'node:crypto';
import { identifyKey, type KeyIdentity, redigestSecret } from '../../db/keyUse.ts';
import { admitKey, asKey, asNobody, asOperator, type Tenant } from '../../db/tenant.ts';
import type { KeyRefusal } from '../../shared/errors.ts';
import type { Deps } from '../deps.ts';
import type { Credential } from './bearer.ts';
import { digestsOf } from './keySecret.ts';

/** What is known of a key once it was seen: whose it is, with which scopes, and what the database may know it by. */
export interface RememberedKey {
  identity: KeyIdentity;
  digests: Buffer[];
}

/** Whose key it is, and the way to that organization's data, which checks the key each time. */
export interface Principal {
  identity: KeyIdentity;
  tenant: Tenant;
  /** True once the database has admitted the key, in a transaction of this call's. */
  isAdmitted(): boolean;
  /** Has the database check the key, for a call that has not read or written anything. */
  admit(): Promise<void>;
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
  const { identity, digests } = (await recall(deps, credential.key)) ?? {};
  if (!identity || !digests) return { ok: false, refusal: 'unknown' };

  const { organizationId } = identity;
  let isAdmitted = false;
  const onAdmitted = (secretId: string) => {
    if (isAdmitted) return;
    isAdmitted = true;
    deps.lastUse.note(identity);
    if (secretId !== deps.keySecrets[0].id) redigest(deps, organizationId, digests);
  };
  const key = { organizationId, digests, onAdmitted };
  const principal: Principal = {
    identity,
    tenant: asKey(deps.db, key),
    isAdmitted: () => isAdmitted,
    admit: () => admitKey(deps.db, key),
  };
  return { ok: true, principal };
}

/** What a key is, from memory where it was seen before. Remembered by its SHA-256, as the key itself is not to be kept. */
async function recall(deps: Deps, key: string): Promise<RememberedKey | undefined> {
  const memo = hash('sha256', key, 'base64');
  const remembered = deps.keys.get(memo);
  if (remembered) return remembered;
  const digests = digestsOf(key, deps.keySecrets);
  const identity = await identifyKey(asNobody(deps.db), digests);
  if (!identity) return undefined;
  deps.keys.set(memo, { identity, digests });
  return { identity, digests };
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
