import { type RawBuilder, sql } from 'kysely';
import type { ApiKeySecret } from '../shared/apiKeys.ts';
import type { Tenant } from './admission.ts';

/** A key's secret as the database stores the secret: a digest (HMAC-SHA-256, 32 bytes), and the server secret's id. */
export interface NewSecret {
  digest: Buffer;
  secretId: string;
  hint: string;
}

interface SecretOfKey {
  organizationId: string;
  id: string;
  secret: NewSecret;
  expiresInDays: number;
  /** Hours that the older secrets work after the first use of this secret. */
  graceAfterUse?: number | null;
  createdAt?: ReturnType<typeof sql<Date>>;
}

/** Adds a secret to a key. A trigger finds the holder of the secret. */
export async function insertSecret(
  db: Tenant,
  { organizationId, id, secret, expiresInDays, graceAfterUse = null, createdAt = sql<Date>`now()` }: SecretOfKey,
) {
  await db
    .insertInto('api_key_secrets')
    .values({
      organization_id: organizationId,
      api_key_id: id,
      digest: secret.digest,
      secret_id: secret.secretId,
      hint: secret.hint,
      grace_hours: graceAfterUse,
      created_at: createdAt,
      expires_at: daysFromNow(expiresInDays),
    })
    .execute();
}

/** Counts days as 24 hours: PostgreSQL's interval of a day depends on the time zone of the session. */
export const daysFromNow = (days: number) => sql<Date>`now() + make_interval(hours => ${days * 24})`;

/**
 * A member, by the person's id, with the email address as the name; `null` where the id is nobody's. The id is computed
 * first: PostgreSQL would compare an id that comes of a function with each account, behind the policy of the accounts.
 */
export function personOf(id: RawBuilder<unknown>) {
  return sql<ApiKeySecret['holder']>`(
    select json_build_object('id', holder.id, 'name', holder.email)
      from (select ${id} as id offset 0) named join users holder on holder.id = named.id)`;
}

/** Lists the secrets and the tokens of a key that work, newest first. */
export async function listLiveSecrets(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<ApiKeySecret[]> {
  const { rows } = await sql<ApiKeySecret>`
    with live as (
      select s.*, k.scopes from api_key_secrets s
        join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
        left join members m on m.organization_id = s.organization_id and m.user_id = s.holder_id
        where s.organization_id = ${organizationId} and s.api_key_id = ${id} and k.revoked_at is null
          and s.expires_at > now()::timestamptz(3) and (s.holder_id is null or m.id is not null)
    )
    select 'secret' as type, s.hint, s.scopes, ${personOf(sql`s.holder_id`)} as holder, s.created_at as "createdAt",
        s.expires_at as "expiresAt", s.last_used_at as "lastUsedAt"
      from live s
    union all
    select 'token', t.hint, t.scopes, ${personOf(sql`s.holder_id`)}, t.created_at, least(t.expires_at, s.expires_at),
        t.last_used_at
      from live s join api_key_tokens t on t.organization_id = s.organization_id and t.api_key_id = s.api_key_id
        and t.minted_by = s.id
      where t.expires_at > now()
    order by "createdAt" desc`.execute(db);
  return rows;
}
