import type { Tenant } from '../../db/admission.ts';
import {
  getApiKey,
  getCurrentKey,
  insertApiKey,
  listApiKeys,
  listLiveSecrets,
  type NewSecret,
  renameApiKey,
  revokeApiKey,
  rotateApiKey,
} from '../../db/apiKeys.ts';
import { listKeyPlaces } from '../../db/keyUse.ts';
import {
  ApiKey,
  ApiKeyDetails,
  ApiKeyIssueRequest,
  ApiKeyListRequest,
  ApiKeyPage,
  ApiKeyPlaces,
  ApiKeyRenameRequest,
  ApiKeyRequest,
  ApiKeyRevokeRequest,
  ApiKeyRotateRequest,
  CurrentKey,
  CurrentKeyRequest,
  IssuedKey,
  RevokedKey,
} from '../../shared/apiKeys.ts';
import { type KeySecrets, mintKey } from '../auth/keySecret.ts';
import type { Identity } from '../auth/principal.ts';
import { fault, insufficientScope } from '../http/errors.ts';
import { settle } from './outcome.ts';
import {
  issuerInSight,
  keyProcedure,
  MANAGE_KEYS,
  ownKeysProcedure,
  requireScopes,
  router,
  scopedProcedure,
} from './procedure.ts';

export const apiKeysRouter = router({
  current: keyProcedure
    .input(CurrentKeyRequest)
    .output(CurrentKey)
    .query(async ({ ctx: { tenant, organizationId, identity } }) =>
      settle(await getCurrentKey(tenant, { organizationId, id: requireKey(identity) }), 'API key'),
    ),

  list: ownKeysProcedure
    .input(ApiKeyListRequest)
    .output(ApiKeyPage)
    .query(async ({ ctx: { tenant, organizationId, granted: own }, input: { limit, cursor, createdBy } }) => {
      if (own !== undefined && createdBy !== undefined && createdBy !== own) return { items: [], nextCursor: null };
      const query = { organizationId, limit, cursor, createdBy: own ?? createdBy };
      return await listApiKeys(tenant, query);
    }),

  get: ownKeysProcedure
    .input(ApiKeyRequest)
    .output(ApiKeyDetails)
    .query(async ({ ctx, input: { id } }) => {
      const apiKey = await getInSight(ctx, id);
      const { tenant, organizationId } = ctx;
      return { ...apiKey, secrets: await listLiveSecrets(tenant, { organizationId, id }) };
    }),

  places: ownKeysProcedure
    .input(ApiKeyRequest)
    .output(ApiKeyPlaces)
    .query(async ({ ctx, input: { id } }) => {
      await getInSight(ctx, id);
      const { tenant, organizationId } = ctx;
      return { places: await listKeyPlaces(tenant, { organizationId, id }) };
    }),

  issue: scopedProcedure(MANAGE_KEYS)
    .input(ApiKeyIssueRequest)
    .output(IssuedKey)
    .mutation(async ({ ctx, input: { name, scopes, expiresInDays } }) => {
      const { deps, tenant, organizationId } = ctx;
      await requireScopes(ctx, scopes);
      const { key, secret } = newSecret(deps.keySecrets, expiresInDays);
      const issuedBy = ctx.identity.who;
      return { key, apiKey: await insertApiKey(tenant, { organizationId, name, scopes, issuedBy, secret }) };
    }),

  rename: scopedProcedure(MANAGE_KEYS)
    .input(ApiKeyRenameRequest)
    .output(ApiKey)
    .mutation(async ({ ctx: { tenant, organizationId }, input: { id, name } }) =>
      settle(await renameApiKey(tenant, { organizationId, id, name }), 'API key'),
    ),

  rotate: scopedProcedure(MANAGE_KEYS)
    .input(ApiKeyRotateRequest)
    .output(IssuedKey)
    .mutation(async ({ ctx, input: { id, graceHours, expiresInDays } }) => {
      const { deps, tenant, organizationId, identity } = ctx;
      // The rotated key must not have more scopes than the caller has, so the caller must have these scopes still.
      await requireScopes(ctx, identity.scopes);
      const { key, secret } = newSecret(deps.keySecrets, expiresInDays);
      const rotation = { organizationId, id, scopes: identity.scopes, graceHours, secret };
      return { key, apiKey: settle(await rotateApiKey(tenant, rotation), 'API key') };
    }),

  revoke: keyProcedure
    .meta({ scope: MANAGE_KEYS, hasExceptions: true })
    .input(ApiKeyRevokeRequest)
    .output(RevokedKey)
    .mutation(async ({ ctx, input: { id, descendants } }) => {
      const { tenant, organizationId, identity } = ctx;
      if (descendants === 'keep') await requireScopes(ctx, [MANAGE_KEYS]);
      const issuer = id === identity.who.id ? undefined : await issuerInSight(ctx);
      if (issuer !== undefined) await getInSight({ tenant, organizationId, granted: issuer }, id);
      return settle(await revokeApiKey(tenant, { organizationId, id, descendants }), 'API key');
    }),
});

interface InSight {
  tenant: Tenant;
  organizationId: string;
  granted: string | undefined;
}

/** Reads a key that the caller may deal with. Throws 403 or 404 otherwise. The issuer of a key never changes. */
async function getInSight({ tenant, organizationId, granted: issuer }: InSight, id: string): Promise<ApiKey> {
  const apiKey = settle(await getApiKey(tenant, { organizationId, id }), 'API key');
  if (issuer !== undefined && apiKey.createdBy.id !== issuer) throw insufficientScope([MANAGE_KEYS], 'role');
  return apiKey;
}

/** The id of the key that calls. Throws 404 for a person, who calls without a key. */
function requireKey({ who }: Identity): string {
  if (who.type === 'key') return who.id;
  throw fault('NOT_FOUND', { message: 'You are signed in, and call with no API key' });
}

/** Mints a secret: `key` is handed out once, and the database keeps `secret`. */
function newSecret(secrets: KeySecrets, expiresInDays: number): { key: string; secret: NewSecret } {
  const { key, ...kept } = mintKey(secrets);
  return { key, secret: { ...kept, expiresInDays } };
}
