import { hash } from 'node:crypto';
import { admitKey, asKey, asNobody, asOperator } from '../../db/admission.ts';
import { identifyKey, redigestSecret } from '../../db/keyUse.ts';
import { forOneCall } from '../../db/open.ts';
import type { Context } from '../procedures/context.ts';
import type { Deps } from '../start/deps.ts';
import { digestsOf } from './keySecret.ts';
import type { Source } from './place.ts';
import type { Identification, Identity, Principal } from './principal.ts';
import { identifyPerson } from './sessions.ts';

/** What is known of a key once it was seen: whose it is, with which scopes, and what the database may know it by. */
export interface RememberedKey {
  identity: Identity;
  digests: Buffer[];
  /** The database refused it, and has not admitted it since. */
  wasRefused: boolean;
}

/** Who calls, by what the request presents. */
export async function identify({ deps, credential, source }: Context): Promise<Identification> {
  if (credential.type === 'none') return { ok: false, refusal: credential.refusal };
  if (credential.type === 'session') return await identifyPerson(deps, credential);
  return await identifyKeyHolder(deps, { key: credential.key, source });
}

/**
 * Whose key it is. That does not say that the key is valid: what a key is never changes and may be remembered, whether it
 * is valid is asked in each transaction that `tenant` opens.
 */
async function identifyKeyHolder(
  deps: Deps,
  { key: presented, source }: { key: string; source: Source },
): Promise<Identification> {
  const db = forOneCall(deps.db);
  // Remembered by its SHA-256, as the key itself is not to be kept.
  const memo = hash('sha256', presented, 'base64');
  const remembered = deps.keys.get(memo) ?? (await lookUp({ ...deps, db }, { key: presented, memo }));
  if (!remembered) return { ok: false, refusal: 'unknown' };

  const { identity, digests } = remembered;
  const { organizationId, who } = identity;
  const countedAs = remembered.wasRefused ? memo : who.id;
  let isAdmitted = false;
  const onAdmitted = (secretId: string) => {
    if (isAdmitted) return;
    isAdmitted = true;
    remembered.wasRefused = false;
    deps.lastUse.note({ organizationId, keyId: who.id }, source);
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
  const known = await identifyKey(asNobody(db), digests);
  if (!known) return undefined;
  const { organizationId, keyId, scopes } = known;
  const identity: Identity = { organizationId, scopes, who: { type: 'key', id: keyId } };
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
