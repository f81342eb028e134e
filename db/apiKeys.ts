import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { ApiKey, ApiKeySecret, CurrentKey, Issuer, RevokedKey, Scope } from '../shared/apiKeys.ts';
import { EXPIRY_DAYS, MOST_KEYS } from '../shared/keyFormat.ts';
import { inTransaction, type Tenant } from './admission.ts';
import { KeyRefused } from './errors.ts';
import { keepKeys, listDescendants, lockFamilies, revokeKeys } from './keyFamily.ts';
import type { Failure, Outcome } from './outcome.ts';
import { type Page, toPage } from './page.ts';
import { prepared } from './prepared.ts';

/** A key's columns as the API shows a key. The database's clock decides the state. */
export const state = sql<
  ApiKey['state']
>`case when revoked_at is not null then 'revoked' when expires_at <= now() then 'expired'
  else 'active' end`;
const columns = [
  'id',
  'organization_id as organizationId',
  'name',
  'description',
  'environment',
  'self_rotate as selfRotate',
  'hint',
  sql<Scope[]>`scopes`.as('scopes'),
  state.as('state'),
  sql<Issuer>`json_build_object('type', created_by_type, 'id', created_by_id, 'name', created_by_name)`.as('createdBy'),
  'created_at as createdAt',
  'expires_at as expiresAt',
  'last_used_at as lastUsedAt',
  'revoked_at as revokedAt',
] as const;

const selectApiKey = prepared<{ organizationId: string; id: string }, ApiKey>(
  (db, parameter) =>
    db
      .selectFrom('api_keys')
      .select(columns)
      .where('organization_id', '=', parameter('organizationId'))
      .where('id', '=', parameter('id'))
      .compile(),
  { mayShare: true },
);

/** Reads a key of the organization. Failures: `absent`; `elsewhere` for another organization's key. */
export async function getApiKey(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<Outcome<ApiKey>> {
  const [apiKey] = await selectApiKey(db, { organizationId, id });
  return apiKey ?? (await explainAbsence(db, id));
}

const selectCurrentKey = prepared<{ organizationId: string; id: string }, CurrentKey>(
  (db, parameter) =>
    db
      .selectFrom('api_keys')
      .select(columns)
      .select(personOf(sql`introzy_actor_holder()`).as('holder'))
      .where('organization_id', '=', parameter('organizationId'))
      .where('id', '=', parameter('id'))
      .compile(),
  { mayShare: true },
);

/** Reads the key that calls, and the holder of the secret that calls. Failures: those of `getApiKey`. */
export async function getCurrentKey(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<Outcome<CurrentKey>> {
  const [apiKey] = await selectCurrentKey(db, { organizationId, id });
  return apiKey ?? (await explainAbsence(db, id));
}

/** A member, by the person's id, with the email address as the name; `null` where the id is nobody's. */
function personOf(id: ReturnType<typeof sql>) {
  return sql<ApiKeySecret['holder']>`(
    select json_build_object('id', holder.id, 'name', holder.email) from users holder where holder.id = ${id})`;
}

/** Lists the secrets of a key that work, newest first. */
export async function listLiveSecrets(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<ApiKeySecret[]> {
  return await db
    .selectFrom('api_key_secrets as s')
    .innerJoin('api_keys as k', (on) =>
      on.onRef('k.organization_id', '=', 's.organization_id').onRef('k.id', '=', 's.api_key_id'),
    )
    .leftJoin('members as m', (on) =>
      on.onRef('m.organization_id', '=', 's.organization_id').onRef('m.user_id', '=', 's.holder_id'),
    )
    .select([
      's.hint',
      personOf(sql`s.holder_id`).as('holder'),
      's.created_at as createdAt',
      's.expires_at as expiresAt',
      's.last_used_at as lastUsedAt',
    ])
    .where('s.organization_id', '=', organizationId)
    .where('s.api_key_id', '=', id)
    .where('k.revoked_at', 'is', null)
    .where(sql<boolean>`s.expires_at > now() and (s.holder_id is null or m.id is not null)`)
    .orderBy('s.created_at', 'desc')
    .execute();
}

export interface ApiKeyQuery {
  organizationId: string;
  limit: number;
  /** The id (a UUID) of the page's first key. */
  cursor?: string | undefined;
  /** Only keys that the person or the key of this id issued. */
  createdBy?: string | undefined;
  /** Only keys in this state. */
  state?: ApiKey['state'] | undefined;
}

/** Lists a page of keys, newest first. */
export async function listApiKeys(
  db: Tenant,
  { organizationId, limit, cursor, createdBy, state: only }: ApiKeyQuery,
): Promise<Page<ApiKey>> {
  const rows = await db
    .selectFrom('api_keys')
    .select(columns)
    .where('organization_id', '=', organizationId)
    .$if(cursor !== undefined, (query) => query.where('id', '<=', cursor as string))
    .$if(createdBy !== undefined, (query) => query.where('created_by_id', '=', createdBy as string))
    .$if(only !== undefined, (query) => query.where(state, '=', only as ApiKey['state']))
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return toPage(rows, limit);
}

/** A key's secret as the database stores the secret: a digest (HMAC-SHA-256, 32 bytes), and the server secret's id. */
interface NewSecret {
  digest: Buffer;
  secretId: string;
  hint: string;
}

/** The issuer of a key: a member of the organization, or another key of the organization. */
export interface IssuedBy {
  type: 'person' | 'key';
  id: string;
}

export interface NewApiKey {
  organizationId: string;
  name: string;
  scopes: Scope[];
  issuedBy: IssuedBy;
  expiresInDays: number;
  secret: NewSecret;
  description?: ApiKey['description'];
  environment?: ApiKey['environment'];
  selfRotate?: boolean;
}

/**
 * Makes a key and the key's first secret. Throws `KeyRefused` where the issuer is no longer in the organization.
 * Failure: `tooManyKeys`.
 */
export async function insertApiKey(
  db: Tenant,
  { organizationId, issuedBy, expiresInDays, secret, ...settings }: NewApiKey,
): Promise<Outcome<ApiKey>> {
  const { name, scopes, description = null, environment = null, selfRotate = false } = settings;
  return await inTransaction(db, async (trx) => {
    await lockFamilies(trx, organizationId);
    if ((await countActiveKeys(trx, organizationId)) >= MOST_KEYS) return { failure: 'tooManyKeys' };
    const apiKey = await trx
      .insertInto('api_keys')
      .values({
        organization_id: organizationId,
        id: uuidv7(),
        name,
        description,
        environment,
        self_rotate: selfRotate,
        scopes,
        hint: secret.hint,
        created_by_type: issuedBy.type,
        created_by_id: issuedBy.id,
        created_by_name: await nameOf(trx, { organizationId, issuedBy }),
        expires_at: daysFromNow(expiresInDays),
      })
      .returning(columns)
      .executeTakeFirstOrThrow();
    await insertSecret(trx, { organizationId, id: apiKey.id, secret, expiresInDays });
    return apiKey;
  });
}

/** Counts the active keys of the organization, up to the most that an organization may have. */
async function countActiveKeys(db: Tenant, organizationId: string): Promise<number> {
  const active = db
    .selectFrom('api_keys')
    .select('id')
    .where('organization_id', '=', organizationId)
    .where(state, '=', 'active')
    .limit(MOST_KEYS);
  const { count } = await db
    .selectFrom(active.as('active'))
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/**
 * The issuer's present name: a key's name, or a person's email address. Throws `KeyRefused` where the issuer was revoked
 * or removed before the families were locked. A person's membership is locked too: the version before, which removes
 * members without locking the families, waits for that lock.
 */
async function nameOf(
  trx: Tenant,
  { organizationId, issuedBy: { type, id } }: Pick<NewApiKey, 'organizationId' | 'issuedBy'>,
): Promise<string> {
  const issuer =
    type === 'key'
      ? trx
          .selectFrom('api_keys')
          .select(['name', 'revoked_at'])
          .where('organization_id', '=', organizationId)
          .where('id', '=', id)
      : trx
          .selectFrom('members')
          .innerJoin('users', 'users.id', 'members.user_id')
          .select(['users.email as name', sql<Date | null>`null`.as('revoked_at')])
          .where('members.organization_id', '=', organizationId)
          .where('members.user_id', '=', id)
          .forKeyShare('members');
  const found = await issuer.executeTakeFirst();
  if (!found || found.revoked_at) throw new KeyRefused(found ? 'revoked' : 'missing');
  return found.name;
}

export interface KeyChange {
  organizationId: string;
  id: string;
  /** The fields that change. */
  changes: {
    name?: string | undefined;
    description?: ApiKey['description'] | undefined;
    environment?: ApiKey['environment'] | undefined;
    selfRotate?: boolean | undefined;
  };
}

/** Changes a key's name and settings. Fields that are left out stay as they are. */
export async function updateApiKey(db: Tenant, { organizationId, id, changes }: KeyChange): Promise<Outcome<ApiKey>> {
  const { name, description, environment, selfRotate } = changes;
  const apiKey = await db
    .updateTable('api_keys')
    .set({
      // A statement must set a column, also where nothing changes.
      name: name ?? sql<string>`name`,
      ...(description !== undefined && { description }),
      ...(environment !== undefined && { environment }),
      ...(selfRotate !== undefined && { self_rotate: selfRotate }),
    })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirst();
  return apiKey ?? (await explainAbsence(db, id));
}

export interface Revocation {
  organizationId: string;
  id: string;
  /** `keep`: the descendants go on, and the caller becomes the holder of their secrets. */
  descendants: 'revoke' | 'keep';
}

/**
 * Revokes a key for ever, with its descendants: the keys that the key issued, and theirs. A second call changes
 * nothing, and gives the same answer.
 */
export async function revokeApiKey(
  db: Tenant,
  { organizationId, id, descendants }: Revocation,
): Promise<Outcome<RevokedKey>> {
  return await inTransaction(db, async (trx) => {
    await lockFamilies(trx, organizationId);
    const [revoked] = await revokeKeys(trx, { organizationId, ids: [id] });
    if (revoked !== undefined) {
      const ids = await listDescendants(trx, { organizationId, ids: [id] });
      if (descendants === 'keep') await keepKeys(trx, { organizationId, ids });
      else await revokeKeys(trx, { organizationId, ids });
    }
    const [apiKey] = await selectApiKey(trx, { organizationId, id });
    if (!apiKey) return await explainAbsence(trx, id);
    const family = await listDescendants(trx, { organizationId, ids: [id], withKept: true });
    const concerned = await trx
      .selectFrom('api_keys')
      .select(columns)
      .where('organization_id', '=', organizationId)
      .where(sql<boolean>`id = any (${family}) and ${apiKey.revokedAt} in (revoked_at, kept_at)`)
      .orderBy('id', 'desc')
      .execute();
    return { ...apiKey, descendants: concerned };
  });
}

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
 * expiry, whichever is earlier. A rotation whose answer was lost can be repeated: see `replaceUnused`. A grace of 0 hours ends every older secret at once. The key's row is locked first:
 * where two rotations run at once, the second rotation sees the secret of the first rotation as an older secret.
 * Failures: `absent`, `elsewhere`, `revoked`, and `scopes` where the key has a scope that the caller lacks.
 */
export async function rotateApiKey(
  db: Tenant,
  { organizationId, id, scopes, graceHours, graceFrom, expiresInDays: days, secret }: Rotation,
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

    const expiresInDays = days ?? (await readDays(trx, { organizationId, id }));
    const isReplaced = await replaceUnused(trx, { organizationId, id });
    if (graceFrom === 'now' && !isReplaced) {
      await trx
        .updateTable('api_key_secrets')
        .set({ expires_at: sql<Date>`least(expires_at, now() + make_interval(hours => ${graceHours}))` })
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
 * rotation within the last 10 minutes, and nobody has used the secret. Gives true where a secret was ended.
 */
async function replaceUnused(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<boolean> {
  const { rows } = await sql`
    update api_key_secrets s set expires_at = now()
      where s.organization_id = ${organizationId} and s.api_key_id = ${id} and s.first_used_at is null
        and s.expires_at > now() and s.created_at > now() - interval '10 minutes'
        and s.made_by = coalesce(substring(current_setting('introzy.actor', true) from '^(?:key|person):[^:]+'), 'operator')
        and (select count(*) filter (where other.created_at > s.created_at) = 0
            and count(*) filter (where other.created_at < s.created_at) > 0
          from api_key_secrets other
          where other.organization_id = s.organization_id and other.api_key_id = s.api_key_id)
      returning s.secret_id`.execute(db);
  return rows.length > 0;
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
 * Cuts off every secret of a key but the newest secret. Failures: `absent`, `elsewhere`, and `revoked`.
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
          and newer.api_key_id = api_key_secrets.api_key_id and newer.created_at > api_key_secrets.created_at)`)
      .returning('secret_id')
      .execute();
    if (ended.length > 0) {
      const update = trx.updateTable('api_keys').set({ grace_ended_at: sql<Date>`now()` });
      await update.where('organization_id', '=', organizationId).where('id', '=', id).execute();
    }
    return (await selectApiKey(trx, { organizationId, id }))[0] as ApiKey;
  });
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

async function insertSecret(
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
const daysFromNow = (days: number) => sql<Date>`now() + make_interval(hours => ${days * 24})`;

/** Why the organization has no key of this id: another organization has the key (`elsewhere`), or no organization. */
async function explainAbsence(db: Tenant, id: string): Promise<Failure> {
  const { rows } = await sql<{ exists: boolean }>`select introzy_api_key_exists(${id}) as exists`.execute(db);
  return { failure: rows[0]?.exists ? 'elsewhere' : 'absent' };
}
