import type { Tenant } from '../../db/admission.ts';
import {
  endGrace,
  getApiKey,
  getCurrentKey,
  insertApiKey,
  listApiKeys,
  listLiveSecrets,
  revokeApiKey,
  rotateApiKey,
  updateApiKey,
} from '../../db/apiKeys.ts';
import { listKeyUsage } from '../../db/keyUsage.ts';
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
  ApiKeyUpdateRequest,
  CurrentKey,
  CurrentKeyRequest,
  IssuedKey,
  RevokedKey,
} from '../../shared/apiKeys.ts';
import { ApiKeyUsage, ApiKeyUsageRequest } from '../../shared/apiKeyUsage.ts';
import { mintKey } from '../auth/keySecret.ts';
import type { Identity } from '../auth/principal.ts';
import { fault, insufficientScope } from '../http/errors.ts';
import { settle } from './outcome.ts';
import {
  issuerInSight,
  keyProcedure,
  MANAGE_KEYS,
  ownKeysProcedure,
  requireScopes,
  rotationProcedure,
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
    .query(async ({ ctx: { tenant, organizationId, granted: own }, input: { createdBy, ...query } }) => {
      if (own !== undefined && createdBy !== undefined && createdBy !== own) return { items: [], nextCursor: null };
      return await listApiKeys(tenant, { ...query, organizationId, createdBy: own ?? createdBy });
    }),

  get: ownKeysProcedure
    .input(ApiKeyRequest)
    .output(ApiKeyDetails)
    .query(async ({ ctx, input: { id } }) => withSecrets(ctx, await getInSight(ctx, id))),

  places: ownKeysProcedure
    .input(ApiKeyRequest)
    .output(ApiKeyPlaces)
    .query(async ({ ctx, input: { id } }) => {
      await getInSight(ctx, id);
      const { tenant, organizationId } = ctx;
      return { places: await listKeyPlaces(tenant, { organizationId, id }) };
    }),

  usage: ownKeysProcedure
    .input(ApiKeyUsageRequest)
    .output(ApiKeyUsage)
    .query(async ({ ctx, input: { id } }) => {
      if (id !== undefined) await getInSight(ctx, id);
      const { tenant, organizationId, granted: createdBy } = ctx;
      return await listKeyUsage(tenant, { organizationId, id, createdBy });
    }),

  issue: scopedProcedure(MANAGE_KEYS)
    .input(ApiKeyIssueRequest)
    .output(IssuedKey)
    .mutation(async ({ ctx, input }) => {
      const { deps, tenant, organizationId } = ctx;
      await requireScopes(ctx, input.scopes);
      const { key, ...secret } = mintKey(deps.keySecrets);
      const newKey = { ...input, organizationId, issuedBy: ctx.identity.who, secret };
      return { key, apiKey: settle(await insertApiKey(tenant, newKey), 'API key') };
    }),

  update: scopedProcedure(MANAGE_KEYS)
    .input(ApiKeyUpdateRequest)
    .output(ApiKey)
    .mutation(async ({ ctx: { tenant, organizationId }, input: { id, organizationId: _, ...changes } }) =>
      settle(await updateApiKey(tenant, { organizationId, id, changes }), 'API key'),
    ),

  rename: scopedProcedure(MANAGE_KEYS)
    .input(ApiKeyRenameRequest)
    .output(ApiKey)
    .mutation(async ({ ctx: { tenant, organizationId }, input: { id, name } }) =>
      settle(await updateApiKey(tenant, { organizationId, id, changes: { name } }), 'API key'),
    ),

  rotate: rotationProcedure
    .input(ApiKeyRotateRequest)
    .output(IssuedKey)
    .mutation(async ({ ctx, input: { id: named, organizationId: _, ...choices } }) => {
      const { deps, tenant, organizationId, identity } = ctx;
      const id = named === 'current' ? requireKey(identity) : named;
      // The rotated key must not have more scopes than the caller has, so the caller must have these scopes still.
      if (id !== ctx.granted) await requireScopes(ctx, [MANAGE_KEYS, ...identity.scopes]);
      const { key, ...secret } = mintKey(deps.keySecrets);
      // Whether a secret was used decides what a rotation does to the secret.
      await deps.lastUse.flush();
      const rotation = { ...choices, organizationId, id, scopes: identity.scopes, secret };
      return { key, apiKey: settle(await rotateApiKey(tenant, rotation), 'API key') };
    }),

  endGrace: scopedProcedure(MANAGE_KEYS)
    .input(ApiKeyRequest)
    .output(ApiKeyDetails)
    .mutation(async ({ ctx, input: { id } }) => {
      const { tenant, organizationId } = ctx;
      return withSecrets(ctx, settle(await endGrace(tenant, { organizationId, id }), 'API key'));
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

/** Adds to a key the secrets that work. */
async function withSecrets({ tenant, organizationId }: Pick<InSight, 'tenant' | 'organizationId'>, apiKey: ApiKey) {
  return { ...apiKey, secrets: await listLiveSecrets(tenant, { organizationId, id: apiKey.id }) };
}
