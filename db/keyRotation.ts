import { sql } from 'kysely';
import type { ApiKey, Scope } from '../shared/apiKeys.ts';
import { EXPIRY_DAYS, MOST_KEYS } from '../shared/keyFormat.ts';
import { inTransaction, type Tenant } from './admission.ts';
import { columns, countActiveKeys, explainAbsence, selectApiKey } from './apiKeys.ts';
import { lockFamilies, refuseFormerMember } from './keyFamily.ts';
import { daysFromNow, insertSecret, type NewSecret } from './keySecrets.ts';
import type { Outcome } from './outcome.ts';

export interface Rotation {
  organizationId: string;
  id: string;
  /** The caller's scopes. The caller reads the new secret, so a key with more scopes is refused. */
  scopes: readonly Scope[];
  graceHours: number;
  graceFrom: 'now' | 'firstUse';
  /** By default as many days as the key's newest secret was made for. */
  expiresInDays?: number | undefined;
  secret: NewSecret;
}

/**
 * Gives a key a new secret and a fresh expiry. Every older secret ends when the grace ends or at the secret's own
 * expiry, whichever is earlier. A grace of 0 hours ends every older secret at once. A rotation whose answer was lost
 * can be repeated: see `replaceUnused`. Rotations take turns: the second of two
 * rotations sees the secret of the first rotation as an older secret. Failures: `absent`, `elsewhere`, `revoked`, and
 * `scopes` where the key has a scope that the caller lacks.
 */
export async function rotateApiKey(
  db: Tenant,
  { organizationId, id, scopes, graceHours, graceFrom, expiresInDays: days, secret }: Rotation,
): Promise<Outcome<ApiKey>> {
  return await inTransaction(db, async (trx) => {
    await lockFamilies(trx, organizationId);
    await refuseFormerMember(trx, organizationId);
    const key = await trx
      .selectFrom('api_keys')
      .select(['scopes', 'revoked_at', sql<boolean>`expires_at <= now()`.as('isExpired')])
      .where('organization_id', '=', organizationId)
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (!key) return await explainAbsence(trx, id);
    if (key.revoked_at) return { failure: 'revoked' };
    // The rotation makes an expired key active.
    if (key.isExpired && (await countActiveKeys(trx, organizationId)) >= MOST_KEYS) return { failure: 'tooManyKeys' };
    const missing = key.scopes.filter((scope) => !scopes.includes(scope as Scope));
    if (missing.length > 0) return { failure: 'scopes', scopes: missing };

    const expiresInDays = days ?? (await readDays(trx, { organizationId, id }));
    const replaced = await replaceUnused(trx, { organizationId, id });
    // A repeated rotation leaves the older secrets alone, unless the caller cuts them off, or no grace of theirs has
    // begun.
    const hasGrace = replaced !== undefined && replaced.graceHours === null && graceHours > 0;
    const endsAfter = graceFrom === 'firstUse' ? expiresInDays * 24 : hasGrace ? undefined : graceHours;
    if (endsAfter !== undefined) {
      await trx
        .updateTable('api_key_secrets')
        .set({ expires_at: sql<Date>`least(expires_at, now() + make_interval(hours => ${endsAfter}))` })
        .where('organization_id', '=', organizationId)
        .where('api_key_id', '=', id)
        .execute();
    }
    // The row of the key is locked: the clock puts the secrets of rotations that ran at once in their order.
    const createdAt = sql<Date>`clock_timestamp()`;
    const graceAfterUse = graceFrom === 'firstUse' ? graceHours : null;
    await insertSecret(trx, { organizationId, id, secret, expiresInDays, graceAfterUse, createdAt });
    return await trx
      .updateTable('api_keys')
      .set({ hint: secret.hint, expires_at: daysFromNow(expiresInDays) })
      .where('organization_id', '=', organizationId)
      .where('id', '=', id)
      .returning(columns)
      .executeTakeFirstOrThrow();
  });
}

/**
 * Ends the newest secret of a key where the caller seems not to have received it: the same caller made the secret by a
 * rotation within the last 10 minutes, and nobody has used the secret. Gives the grace of the secret that was ended:
 * `null` where the grace of the older secrets has begun.
 */
async function replaceUnused(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<{ graceHours: number | null } | undefined> {
  const { rows } = await sql<{ graceHours: number | null }>`
    update api_key_secrets s set expires_at = now()
      where s.organization_id = ${organizationId} and s.api_key_id = ${id} and s.first_used_at is null
        and s.expires_at > now() and s.created_at > now() - interval '10 minutes'
        and s.made_by = coalesce(substring(current_setting('introzy.actor', true) from '^(?:key|person):[^:]+'), 'operator')
        and (select count(*) filter (where other.created_at > s.created_at) = 0
            and count(*) filter (where other.created_at < s.created_at) > 0
          from api_key_secrets other
          where other.organization_id = s.organization_id and other.api_key_id = s.api_key_id)
      returning s.grace_hours as "graceHours"`.execute(db);
  return rows[0];
}

/** The days for which the key's newest secret was made. The key's expiry is that of its newest secret. */
async function readDays(db: Tenant, { organizationId, id }: { organizationId: string; id: string }): Promise<number> {
  const { rows } = await sql<{ days: number }>`
    select round(extract(epoch from k.expires_at - max(s.created_at)) / 86400)::int as days from api_keys k
      join api_key_secrets s on s.organization_id = k.organization_id and s.api_key_id = k.id
      where k.organization_id = ${organizationId} and k.id = ${id} group by k.expires_at`.execute(db);
  const { least, most } = EXPIRY_DAYS;
  return Math.min(Math.max(rows[0]?.days ?? EXPIRY_DAYS.default, least), most);
}

/**
 * Cuts off every secret of a key but the newest secret that has not ended. Failures: `absent`, `elsewhere`, and
 * `revoked`.
 */
export async function endGrace(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<Outcome<ApiKey>> {
  return await inTransaction(db, async (trx) => {
    const key = await trx
      .selectFrom('api_keys')
      .select('revoked_at')
      .where('organization_id', '=', organizationId)
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (!key) return await explainAbsence(trx, id);
    if (key.revoked_at) return { failure: 'revoked' };
    const ended = await trx
      .updateTable('api_key_secrets')
      .set({ expires_at: sql<Date>`now()` })
      .where('organization_id', '=', organizationId)
      .where('api_key_id', '=', id)
      .where(sql<boolean>`expires_at > now() and exists (
        select from api_key_secrets newer where newer.organization_id = api_key_secrets.organization_id
          and newer.api_key_id = api_key_secrets.api_key_id and newer.created_at > api_key_secrets.created_at
          and newer.expires_at > now())`)
      .returning('secret_id')
      .execute();
    if (ended.length > 0) {
      const update = trx.updateTable('api_keys').set({ grace_ended_at: sql<Date>`now()` });
      await update.where('organization_id', '=', organizationId).where('id', '=', id).execute();
    }
    return (await selectApiKey(trx, { organizationId, id }))[0] as ApiKey;
  });
}
