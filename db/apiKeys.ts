import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { ApiKey, Issuer, Scope } from '../shared/apiKeys.ts';
import { inTransaction, type Tenant } from './admission.ts';
import { KeyRefused } from './errors.ts';
import type { Failure, Outcome } from './outcome.ts';
import { type Page, toPage } from './page.ts';
import { prepared } from './prepared.ts';

/** A key's columns as the API shows them. The state is the database's judgement, by its own clock. */
const columns = [
  'id',
  'organization_id as organizationId',
  'name',
  'hint',
  sql<Scope[]>`scopes`.as('scopes'),
  sql<ApiKey['state']>`case when revoked_at is not null then 'revoked' when expires_at <= now() then 'expired'
    else 'active' end`.as('state'),
  sql<Issuer>`json_build_object('type', created_by_type, 'id', created_by_id, 'name', created_by_name)`.as('createdBy'),
  'created_at as createdAt',
  'expires_at as expiresAt',
  'last_used_at as lastUsedAt',
  'revoked_at as revokedAt',
] as const;

const selectApiKey = prepared<{ organizationId: string; id: string }, ApiKey>((db, parameter) =>
  db
    .selectFrom('api_keys')
    .select(columns)
    .where('organization_id', '=', parameter('organizationId'))
    .where('id', '=', parameter('id'))
    .compile(),
);

/** One key of the organization. */
export async function getApiKey(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<Outcome<ApiKey>> {
  const [apiKey] = await selectApiKey(db, { organizationId, id });
  return apiKey ?? (await explainAbsence(db, id));
}

export interface ApiKeyQuery {
  organizationId: string;
  limit: number;
  /** The id of the page's first key. */
  cursor?: string | undefined;
  /** The id of the person or the key that issued the keys. */
  createdBy?: string | undefined;
}

/** A page of keys, newest first. */
export async function listApiKeys(
  db: Tenant,
  { organizationId, limit, cursor, createdBy }: ApiKeyQuery,
): Promise<Page<ApiKey>> {
  const rows = await db
    .selectFrom('api_keys')
    .select(columns)
    .where('organization_id', '=', organizationId)
    .$if(cursor !== undefined, (query) => query.where('id', '<=', cursor as string))
    .$if(createdBy !== undefined, (query) => query.where('created_by_id', '=', createdBy as string))
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return toPage(rows, limit);
}

/** A secret as it is kept. */
export interface NewSecret {
  digest: Buffer;
  secretId: string;
  hint: string;
  expiresInDays: number;
}

/** Who issues: a member of the organization, or one of its keys. */
export interface IssuedBy {
  type: 'person' | 'key';
  id: string;
}

export interface NewApiKey {
  organizationId: string;
  name: string;
  scopes: Scope[];
  issuedBy: IssuedBy;
  secret: NewSecret;
}

/** Makes a key and its first secret. */
export async function insertApiKey(
  db: Tenant,
  { organizationId, name, scopes, issuedBy, secret }: NewApiKey,
): Promise<ApiKey> {
  return await inTransaction(db, async (trx) => {
    const apiKey = await trx
      .insertInto('api_keys')
      .values({
        organization_id: organizationId,
        id: uuidv7(),
        name,
        scopes,
        hint: secret.hint,
        created_by_type: issuedBy.type,
        created_by_id: issuedBy.id,
        created_by_name: await nameOf(trx, { organizationId, issuedBy }),
        expires_at: daysFromNow(secret.expiresInDays),
      })
      .returning(columns)
      .executeTakeFirstOrThrow();
    await insertSecret(trx, { organizationId, id: apiKey.id, secret });
    return apiKey;
  });
}

/**
 * What an issuer is called now. A person is held as a member until the key is there: who is being removed meanwhile, with
 * their keys, issues none that is overlooked.
 */
async function nameOf(
  trx: Tenant,
  { organizationId, issuedBy: { type, id } }: Pick<NewApiKey, 'organizationId' | 'issuedBy'>,
): Promise<string> {
  const issuer =
    type === 'key'
      ? trx.selectFrom('api_keys').select('name').where('organization_id', '=', organizationId).where('id', '=', id)
      : trx
          .selectFrom('members')
          .innerJoin('users', 'users.id', 'members.user_id')
          .select('users.email as name')
          .where('members.organization_id', '=', organizationId)
          .where('members.user_id', '=', id)
          .forKeyShare('members');
  const found = await issuer.executeTakeFirst();
  if (!found) throw new KeyRefused('missing');
  return found.name;
}

/** Gives a key another name. */
export async function renameApiKey(
  db: Tenant,
  { organizationId, id, name }: { organizationId: string; id: string; name: string },
): Promise<Outcome<ApiKey>> {
  const apiKey = await db
    .updateTable('api_keys')
    .set({ name })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirst();
  return apiKey ?? (await explainAbsence(db, id));
}

/** Revokes a key, for good. Revoking it again changes nothing. */
export async function revokeApiKey(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<Outcome<ApiKey>> {
  const apiKey = await db
    .updateTable('api_keys')
    .set({ revoked_at: sql<Date>`coalesce(revoked_at, now())` })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirst();
  return apiKey ?? (await explainAbsence(db, id));
}

export interface Rotation {
  organizationId: string;
  id: string;
  /** The scopes of whoever will hold the new secret; a key with more is not theirs to rotate. */
  scopes: readonly Scope[];
  graceHours: number;
  secret: NewSecret;
}

/**
 * Gives a key a new secret and a fresh expiry. Every older secret ends after the grace, or when it would have ended
 * anyway: grace 0 cuts off all of them. The key's row is locked first, so that of two rotations at once the second one
 * sees the first one's secret as an older one.
 */
export async function rotateApiKey(
  db: Tenant,
  { organizationId, id, scopes, graceHours, secret }: Rotation,
): Promise<Outcome<ApiKey>> {
  return await inTransaction(db, async (trx) => {
    const key = await trx
      .selectFrom('api_keys')
      .select(['scopes', 'revoked_at'])
      .where('organization_id', '=', organizationId)
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (!key) return await explainAbsence(trx, id);
    if (key.revoked_at) return { failure: 'revoked' };
    const missing = key.scopes.filter((scope) => !scopes.includes(scope as Scope));
    if (missing.length > 0) return { failure: 'scopes', scopes: missing };

    await trx
      .updateTable('api_key_secrets')
      .set({ expires_at: sql<Date>`least(expires_at, now() + make_interval(hours => ${graceHours}))` })
      .where('organization_id', '=', organizationId)
      .where('api_key_id', '=', id)
      .execute();
    await insertSecret(trx, { organizationId, id, secret });
    return await trx
      .updateTable('api_keys')
      .set({ hint: secret.hint, expires_at: daysFromNow(secret.expiresInDays) })
      .where('organization_id', '=', organizationId)
      .where('id', '=', id)
      .returning(columns)
      .executeTakeFirstOrThrow();
  });
}

async function insertSecret(
  db: Tenant,
  { organizationId, id, secret }: { organizationId: string; id: string; secret: NewSecret },
) {
  await db
    .insertInto('api_key_secrets')
    .values({
      organization_id: organizationId,
      api_key_id: id,
      digest: secret.digest,
      secret_id: secret.secretId,
      expires_at: daysFromNow(secret.expiresInDays),
    })
    .execute();
}

/** Days of 24 hours, whatever zone the session is in. */
const daysFromNow = (days: number) => sql<Date>`now() + make_interval(hours => ${days * 24})`;

/** Another organization's key, or nobody's. */
async function explainAbsence(db: Tenant, id: string): Promise<Failure> {
  const { rows } = await sql<{ exists: boolean }>`select introzy_api_key_exists(${id}) as exists`.execute(db);
  return { failure: rows[0]?.exists ? 'elsewhere' : 'absent' };
}
