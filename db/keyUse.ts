import { type Kysely, sql } from 'kysely';
import type { Scope } from '../shared/apiKeys.ts';
import type { Schema } from './schema.ts';
import type { Tenant } from './tenant.ts';

/** What a key is, which never changes. Whether it is valid, only the transaction that it opens decides. */
export interface KeyIdentity {
  organizationId: string;
  keyId: string;
  scopes: Scope[];
}

/** Whose key has one of these digests; `undefined` where nobody's has. */
export async function identifyKey(db: Kysely<Schema>, digests: Buffer[]): Promise<KeyIdentity | undefined> {
  const { rows } = await sql<KeyIdentity>`
    select organization_id as "organizationId", api_key_id as "keyId", scopes
      from introzy_identify(${digests})`.execute(db);
  return rows[0];
}

/** Keeps a secret under the digest of another server secret. Says nothing of validity, so it cannot undo a revocation. */
export async function redigestSecret(
  db: Tenant,
  {
    organizationId,
    digests,
    digest,
    secretId,
  }: { organizationId: string; digests: Buffer[]; digest: Buffer; secretId: string },
): Promise<void> {
  await db
    .updateTable('api_key_secrets')
    .set({ digest, secret_id: secretId })
    .where('organization_id', '=', organizationId)
    .where('digest', 'in', digests)
    .where('secret_id', '<>', secretId)
    .execute();
}

/** A key's last use, as the time that has passed since: clocks may differ. */
export interface KeyUse {
  keyId: string;
  millisecondsAgo: number;
}

/** Records last uses of keys of one organization. An older use than the one recorded changes nothing. */
export async function recordKeyUses(
  db: Tenant,
  { organizationId, uses }: { organizationId: string; uses: KeyUse[] },
): Promise<void> {
  await sql`
    update api_keys set last_used_at = used.at
      from (
        select (use->>'keyId')::uuid as id,
          (clock_timestamp() - make_interval(secs => (use->>'millisecondsAgo')::float / 1000))::timestamptz(3) as at
          from jsonb_array_elements(${JSON.stringify(uses)}::jsonb) use
      ) used
      where api_keys.organization_id = ${organizationId} and api_keys.id = used.id
        and (last_used_at is null or last_used_at < used.at)`.execute(db);
}
