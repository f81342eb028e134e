import { sql } from 'kysely';
import type { CurrentKey, MintedToken, Scope } from '../shared/apiKeys.ts';
import { MOST_TOKENS } from '../shared/keyFormat.ts';
import { inTransaction, type Tenant } from './admission.ts';
import type { NewSecret } from './keySecrets.ts';
import type { Outcome } from './outcome.ts';

/** The digest of the token that calls in the transaction. */
const callingToken = sql`decode(current_setting('introzy.token', true), 'hex')`;

/** A token to mint, of the secret that calls. */
export interface NewToken {
  organizationId: string;
  /** The id of the key that calls. */
  id: string;
  scopes: readonly Scope[];
  expiresInMinutes: number;
  secret: NewSecret;
}

/**
 * Mints a token of the secret that calls. The token ends with that secret at the latest. Failures: `tooManyTokens`, and
 * `unsettled` where the secret has no id yet.
 */
export async function insertToken(
  db: Tenant,
  { organizationId, id, scopes, expiresInMinutes, secret }: NewToken,
): Promise<Outcome<Pick<MintedToken, 'expiresAt'>>> {
  return await inTransaction(db, async (trx) => {
    // The key's tokens are counted by a single transaction at a time.
    const key = trx.selectFrom('api_keys').select('id').where('organization_id', '=', organizationId);
    await key.where('id', '=', id).forNoKeyUpdate().execute();
    await deleteOldTokens(trx, { organizationId, id });
    if ((await countLiveTokens(trx, { organizationId, id })) >= MOST_TOKENS) return { failure: 'tooManyTokens' };
    const { rows } = await sql<{ expiresAt: Date }>`
      insert into api_key_tokens
          (organization_id, api_key_id, minted_by, digest, secret_id, hint, scopes, expires_at)
        select organization_id, api_key_id, id, ${secret.digest}, ${secret.secretId}, ${secret.hint}, ${scopes},
            least(now() + make_interval(mins => ${expiresInMinutes}), expires_at)
          from introzy_calling_secret() where id::text = current_setting('introzy.secret', true)
        returning expires_at as "expiresAt"`.execute(trx);
    return rows[0] ?? { failure: 'unsettled' };
  });
}

interface OfKey {
  organizationId: string;
  /** The id of the key. */
  id: string;
}

/** Counts the tokens of a key that work. */
async function countLiveTokens(db: Tenant, { organizationId, id }: OfKey): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from api_key_tokens t
      join api_key_secrets s on s.organization_id = t.organization_id and s.api_key_id = t.api_key_id
        and s.id = t.minted_by
      where t.organization_id = ${organizationId} and t.api_key_id = ${id}
        and t.expires_at > now() and s.expires_at > now()`.execute(db);
  return rows[0]?.count ?? 0;
}

/**
 * Deletes the tokens of a key that ended more than a day ago. Until then their holders learn that they have expired.
 */
async function deleteOldTokens(db: Tenant, { organizationId, id }: OfKey): Promise<void> {
  await db
    .deleteFrom('api_key_tokens')
    .where('organization_id', '=', organizationId)
    .where('api_key_id', '=', id)
    .where(sql<boolean>`expires_at < now() - interval '1 day'`)
    .execute();
}

/** Reads the token that calls. */
export async function getCallingToken(db: Tenant, organizationId: string): Promise<NonNullable<CurrentKey['token']>> {
  const { rows } = await sql<NonNullable<CurrentKey['token']>>`
    select t.hint, t.scopes, least(t.expires_at, s.expires_at) as "expiresAt" from api_key_tokens t
      join api_key_secrets s on s.organization_id = t.organization_id and s.api_key_id = t.api_key_id
        and s.id = t.minted_by
      where t.organization_id = ${organizationId} and t.digest = ${callingToken}`.execute(db);
  const [token] = rows;
  if (!token) throw new Error('No token calls');
  return token;
}

/** Ends the token that calls. */
export async function endCallingToken(db: Tenant, organizationId: string): Promise<void> {
  await db
    .updateTable('api_key_tokens')
    .set({ expires_at: sql<Date>`now()` })
    .where('organization_id', '=', organizationId)
    .where(sql<boolean>`digest = ${callingToken} and expires_at > now()`)
    .execute();
}
