import { sql } from 'kysely';
import type { ApiKeySecret } from '../shared/apiKeys.ts';
import type { Scope } from '../shared/scopes.ts';
import type { Tenant } from './admission.ts';
import { keepKeys, revokeFamilies } from './keyFamily.ts';

interface Holder {
  organizationId: string;
  /** The id of the person, not of the membership. */
  userId: string;
}

/** A key whose fate a removal decides. */
export interface HeldKey {
  id: string;
  name: string;
  hint: string;
  scopes: Scope[];
  expiresAt: Date;
  lastUsedAt: Date | null;
  /** The person holds a live secret of the key. Else the key descends from a key that the person holds. */
  isHeld: boolean;
  /** The live secrets of the key that the person holds, newest first. */
  secrets: Pick<ApiKeySecret, 'hint' | 'expiresAt' | 'lastUsedAt'>[];
  /** Another person, or the operator, holds a live secret of the key as well. */
  isShared: boolean;
  /** The ids of the keys that the person holds, and from which the key descends. The key ends with any of them. */
  descendsFrom: string[];
}

/**
 * Lists the active keys of which a person holds a live secret, and the active descendants of these keys, newest first.
 */
export async function listHeldKeys(db: Tenant, { organizationId, userId }: Holder): Promise<HeldKey[]> {
  const keys = await selectHeldKeys(db, { organizationId, userId });
  const { rows } = await sql<{ keyId: string } & HeldKey['secrets'][number]>`
    select s.api_key_id as "keyId", s.hint, s.expires_at as "expiresAt", s.last_used_at as "lastUsedAt"
      from api_key_secrets s
      where s.organization_id = ${organizationId} and s.api_key_id = any (${keys.map(({ id }) => id)})
        and s.expires_at > now() and introzy_holder(s) = ${userId}
      order by s.created_at desc`.execute(db);
  const secrets = Map.groupBy(rows, ({ keyId }) => keyId);
  const secretsOf = (id: string) => (secrets.get(id) ?? []).map(({ keyId: _, ...secret }) => secret);
  return keys.map((key) => ({ ...key, secrets: secretsOf(key.id) }));
}

/** A key that is suspended, as its organization is deleted, may come back. */
const IS_LIVE = sql`(k.revoked_at is null or k.suspended_at is not null)`;

/** The keys of `listHeldKeys`, without their secrets. */
async function selectHeldKeys(db: Tenant, { organizationId, userId }: Holder): Promise<Omit<HeldKey, 'secrets'>[]> {
  const held = sql`array(select k.id from api_key_secrets s
    join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
    where s.organization_id = ${organizationId} and s.expires_at > now() and ${IS_LIVE}
      and introzy_holder(s) = ${userId})`;
  const { rows } = await sql<Omit<HeldKey, 'secrets'>>`
    select k.id, k.name, k.hint, k.scopes, k.expires_at as "expiresAt", k.last_used_at as "lastUsedAt",
        family.ancestors @> array[k.id] as "isHeld", array_remove(family.ancestors, k.id) as "descendsFrom",
        exists (select from api_key_secrets s
          where s.organization_id = k.organization_id and s.api_key_id = k.id and s.expires_at > now()
            and introzy_holder(s) is distinct from ${userId}) as "isShared"
      from (
        select id, array_agg(ancestor) as ancestors from introzy_key_families(${organizationId}, ${held}) group by id
      ) family
      join api_keys k on k.organization_id = ${organizationId} and k.id = family.id
      where ${IS_LIVE} and k.expires_at > now()
      order by k.id desc`.execute(db);
  return rows;
}

/** The ids of the keys that went on with another holder, that ended, and that go on with the secrets of others. */
export interface Settled {
  keptKeys: string[];
  revokedKeys: string[];
  sharedKeys: string[];
}

/**
 * Ends what a leaving person holds. Of the keys named in `keep`, the caller becomes the holder of the person's secrets.
 * Of all other keys, the person's secrets end, and a key without a live secret is revoked, with the descendants that
 * are not kept. The caller has locked the families.
 */
export async function settleHeldKeys(
  trx: Tenant,
  { organizationId, userId, keep }: Holder & { keep: readonly string[] },
): Promise<Settled> {
  const held = await selectHeldKeys(trx, { organizationId, userId });
  const keptKeys = await keepKeys(trx, {
    organizationId,
    ids: held.flatMap(({ id }) => (keep.includes(id) ? [id] : [])),
    heldBy: userId,
  });
  const isKept = (id: string) => keptKeys.includes(id);
  await sql`
    update api_key_secrets set expires_at = now()
      where organization_id = ${organizationId} and expires_at > now() and introzy_holder(api_key_secrets) = ${userId}`.execute(
    trx,
  );
  const lost = held.filter(({ id, isHeld, isShared }) => isHeld && !isShared && !isKept(id)).map(({ id }) => id);
  const revokedKeys = lost.length === 0 ? [] : await revokeFamilies(trx, { organizationId, ids: lost });
  const sharedKeys = held.flatMap(({ id, isHeld }) => (isHeld && !isKept(id) && !revokedKeys.includes(id) ? [id] : []));
  return { keptKeys, revokedKeys, sharedKeys };
}
