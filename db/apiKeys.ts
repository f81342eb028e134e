import { type Selectable, sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { ApiKey, CurrentKey, Issuer, RevokedKey, Scope } from '../shared/apiKeys.ts';
import { MOST_KEYS } from '../shared/keyFormat.ts';
import { inTransaction, type Tenant } from './admission.ts';
import { KeyRefused } from './errors.ts';
import { keepKeys, listDescendants, lockFamilies, refuseFormerMember, revokeKeys } from './keyFamily.ts';
import { daysFromNow, insertSecret, type NewSecret, personOf } from './keySecrets.ts';
import type { Failure, Outcome } from './outcome.ts';
import { type Page, toPage } from './page.ts';
import { prepared } from './prepared.ts';
import type { Schema } from './schema.ts';

/** The state of a key, by the database's clock. */
export const state = sql<
  ApiKey['state']
>`case when revoked_at is not null then 'revoked' when expires_at <= now() then 'expired'
  else 'active' end`;

/** The condition of a state, in the form that an index knows. */
const inState = (only: ApiKey['state']) =>
  sql<boolean>`${sql.raw(
    {
      active: 'revoked_at is null and expires_at > now()',
      expired: 'revoked_at is null and expires_at <= now()',
      revoked: 'revoked_at is not null',
    }[only],
  )}`;
/** A key's columns as the API shows a key. */
export const columns = [
  'id',
  'organization_id as organizationId',
  'name',
  'description',
  'environment',
  'self_rotate as selfRotate',
  'rate_limit as rateLimit',
  sql<string[]>`coalesce(allowed_addresses::text[], '{}')`.as('allowedAddresses'),
  'address_mode as addressMode',
  'hint',
  sql<Scope[]>`scopes`.as('scopes'),
  state.as('state'),
  sql<Issuer>`json_build_object('type', created_by_type, 'id', created_by_id, 'name', created_by_name)`.as('createdBy'),
  'created_at as createdAt',
  'expires_at as expiresAt',
  'last_used_at as lastUsedAt',
  'revoked_at as revokedAt',
] as const;

/** Reads a key of the organization. */
export const selectApiKey = prepared<{ organizationId: string; id: string }, ApiKey>(
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

/**
 * The holder of the secret that calls. `introzy_actor_holder` knows secrets without an id as well, and takes as long as
 * the rest of the call.
 */
const callingHolder = (parameter: (name: 'organizationId' | 'id') => unknown) => sql`
  case when current_setting('introzy.secret', true) <> '' then (
    select s.holder_id from api_key_secrets s
      where s.organization_id = ${parameter('organizationId')} and s.api_key_id = ${parameter('id')}
        and s.id::text = current_setting('introzy.secret', true))
  else introzy_actor_holder() end`;

const selectCurrentKey = prepared<{ organizationId: string; id: string }, Omit<CurrentKey, 'token'>>(
  (db, parameter) =>
    db
      .selectFrom('api_keys')
      .select(columns)
      .select(personOf(callingHolder(parameter)).as('holder'))
      .where('organization_id', '=', parameter('organizationId'))
      .where('id', '=', parameter('id'))
      .compile(),
  { mayShare: true },
);

/** Reads the key that calls, and the holder of the secret that calls. Failures: those of `getApiKey`. */
export async function getCurrentKey(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<Outcome<Omit<CurrentKey, 'token'>>> {
  const [apiKey] = await selectCurrentKey(db, { organizationId, id });
  return apiKey ?? (await explainAbsence(db, id));
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
    .$if(only !== undefined, (query) => query.where(inState(only as ApiKey['state'])))
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return toPage(rows, limit);
}

/** The issuer of a key: a member of the organization, or another key of the organization. */
export interface IssuedBy {
  type: 'person' | 'key';
  id: string;
  /** The email address of a person who is no member yet: the operator issues keys in the name of an owner to be. */
  name?: string | undefined;
}

export interface NewApiKey {
  organizationId: string;
  name: string;
  scopes: Scope[];
  issuedBy: IssuedBy;
  expiresInDays: number;
  secret: NewSecret;
  settings?: KeySettings;
}

/** The fields of a key that can be changed. Fields that are left out stay as they are, or are empty in a new key. */
export interface KeySettings {
  name?: string | undefined;
  description?: ApiKey['description'] | undefined;
  environment?: ApiKey['environment'] | undefined;
  selfRotate?: boolean | undefined;
  rateLimit?: ApiKey['rateLimit'] | undefined;
  /** With an empty list or `null`, the key may be used from everywhere. */
  allowedAddresses?: ApiKey['allowedAddresses'] | null | undefined;
  addressMode?: ApiKey['addressMode'] | undefined;
}

/** The columns of settings. Settings that are left out are no column. */
function toColumns({ allowedAddresses: blocks, ...settings }: KeySettings) {
  const columns = {
    name: settings.name,
    description: settings.description,
    environment: settings.environment,
    self_rotate: settings.selfRotate,
    rate_limit: settings.rateLimit,
    allowed_addresses: blocks?.length ? sql<string[]>`${blocks}::text[]::cidr[]` : blocks && null,
    address_mode: settings.addressMode,
  };
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined)) as Partial<
    typeof columns
  >;
}

/**
 * Makes a key and the key's first secret. Throws `KeyRefused` where the issuer is no longer in the organization.
 * Failure: `tooManyKeys`.
 */
export async function insertApiKey(
  db: Tenant,
  { organizationId, name, scopes, issuedBy, expiresInDays, secret, settings = {} }: NewApiKey,
): Promise<Outcome<ApiKey>> {
  return await inTransaction(db, async (trx) => {
    await lockFamilies(trx, organizationId);
    await refuseFormerMember(trx, organizationId);
    if ((await countActiveKeys(trx, organizationId)) >= MOST_KEYS) return { failure: 'tooManyKeys' };
    const apiKey = await trx
      .insertInto('api_keys')
      .values({
        organization_id: organizationId,
        id: uuidv7(),
        ...toColumns(settings),
        name,
        scopes,
        hint: secret.hint,
        created_by_type: issuedBy.type,
        created_by_id: issuedBy.id,
        created_by_name: issuedBy.name ?? (await nameOf(trx, { organizationId, issuedBy })),
        expires_at: daysFromNow(expiresInDays),
      })
      .returning(columns)
      .executeTakeFirstOrThrow();
    await insertSecret(trx, { organizationId, id: apiKey.id, secret, expiresInDays });
    return apiKey;
  });
}

/** Counts the active keys of the organization, up to the most that an organization may have. */
export async function countActiveKeys(db: Tenant, organizationId: string): Promise<number> {
  const active = db
    .selectFrom('api_keys')
    .select('id')
    .where('organization_id', '=', organizationId)
    .where(inState('active'))
    .limit(MOST_KEYS);
  const { count } = await db
    .selectFrom(active.as('active'))
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/**
 * The issuer's present name: a key's name, or a person's email address. Throws `KeyRefused` where the issuer was
 * revoked or removed before the families were locked. A person's membership is locked too: the version before, which
 * removes members without locking the families, waits for that lock.
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

/** Changes a key's settings. */
export async function updateApiKey(
  db: Tenant,
  { organizationId, id, settings }: { organizationId: string; id: string; settings: KeySettings },
): Promise<Outcome<ApiKey>> {
  const apiKey = await db
    .updateTable('api_keys')
    // A statement must set a column, also where nothing changes.
    .set({ name: sql<string>`name`, ...toColumns(settings) })
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
  const concerned =
    descendants === 'revoke'
      ? await selectRevoked(db, { organizationId, id })
      : await inTransaction(db, async (trx) => {
          await lockFamilies(trx, organizationId);
          await revokeAlone(trx, { organizationId, id });
          return await selectRevoked(trx, { organizationId, id });
        });
  const apiKey = concerned.find((key) => key.id === id);
  if (!apiKey) return await explainAbsence(db, id);
  return { ...apiKey, descendants: concerned.filter((key) => key !== apiKey) };
}

/** Revokes a key that is not revoked yet, and keeps the key's descendants. */
async function revokeAlone(trx: Tenant, { organizationId, id }: { organizationId: string; id: string }) {
  const [revoked] = await revokeKeys(trx, { organizationId, ids: [id] });
  if (revoked === undefined) return;
  const ids = await listDescendants(trx, { organizationId, ids: [id] });
  const kept = await keepKeys(trx, { organizationId, ids });
  // A repeated revocation gives the same answer.
  const update = trx.updateTable('api_keys').set({ kept_keys: kept }).where('organization_id', '=', organizationId);
  await update.where('id', '=', id).execute();
}

/**
 * Revokes a key with its descendants, where the key is not revoked yet. Gives the key, and the descendants that were
 * revoked with the key or that were kept then, newest first.
 */
const selectRevoked = (db: Tenant, { organizationId, id }: { organizationId: string; id: string }) =>
  db
    .selectFrom(sql<Selectable<Schema['api_keys']>>`introzy_revoke_key(${organizationId}, ${id})`.as('api_keys'))
    .select(columns)
    .orderBy('id', 'desc')
    .execute();

/** Why the organization has no key of this id: another organization has the key (`elsewhere`), or no organization. */
export async function explainAbsence(db: Tenant, id: string): Promise<Failure> {
  const { rows } = await sql<{ exists: boolean }>`select introzy_api_key_exists(${id}) as exists`.execute(db);
  return { failure: rows[0]?.exists ? 'elsewhere' : 'absent' };
}
