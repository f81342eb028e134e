import { inTransaction, type Tenant } from '../../db/admission.ts';
import {
  getApiKey,
  getCurrentKey,
  insertApiKey,
  type KeySettings,
  listApiKeys,
  revokeApiKey,
  updateApiKey,
} from '../../db/apiKeys.ts';
import { listKeyPlaces } from '../../db/keyPlaces.ts';
import { endGrace, rotateApiKey } from '../../db/keyRotation.ts';
import { listLiveSecrets } from '../../db/keySecrets.ts';
import { endCallingToken, getCallingToken, insertToken } from '../../db/keyTokens.ts';
import { listKeyUsage } from '../../db/keyUsage.ts';
import { proposeBlocks } from '../../shared/addresses.ts';
import {
  ApiKey,
  ApiKeyDetails,
  ApiKeyEndGraceRequest,
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
  MintedToken,
  RevokedKey,
  TOKEN_SCOPES,
  TokenRequest,
} from '../../shared/apiKeys.ts';
import { ApiKeyUsage, ApiKeyUsageRequest } from '../../shared/apiKeyUsage.ts';
import { mintKey } from '../auth/keySecret.ts';
import type { Identity } from '../auth/principal.ts';
import { badRequest, fault, insufficientScope } from '../http/errors.ts';
import type { Deps } from './context.ts';
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
    .query(async ({ ctx: { tenant, organizationId, identity } }) => {
      const id = requireKey(identity);
      const token = isToken(identity) ? await getCallingToken(tenant, organizationId) : null;
      return { ...settle(await getCurrentKey(tenant, { organizationId, id }), 'API key'), token };
    }),

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
      const places = await listKeyPlaces(tenant, { organizationId, id });
      return { places, proposedAddresses: proposeBlocks(places.map(({ address }) => address)) };
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
    .meta({ takesProof: true, showsSecret: true })
    .input(ApiKeyIssueRequest)
    .output(IssuedKey)
    .mutation(async ({ ctx, input: { name, scopes, expiresInDays, organizationId: _, ...settings } }) => {
      const { deps, tenant, organizationId, identity } = ctx;
      await requireScopes(ctx, scopes);
      refuseHigherRate(deps, settings);
      const { key, ...secret } = mintKey(deps.keySecrets);
      const newKey = { organizationId, name, scopes, expiresInDays, settings, issuedBy: identity.who, secret };
      return { key, apiKey: settle(await insertApiKey(tenant, newKey), 'API key') };
    }),

  update: scopedProcedure(MANAGE_KEYS)
    .input(ApiKeyUpdateRequest)
    .output(ApiKey)
    .mutation(async ({ ctx: { deps, tenant, organizationId }, input: { id, organizationId: _, ...settings } }) => {
      refuseHigherRate(deps, settings);
      return settle(await updateApiKey(tenant, { organizationId, id, settings }), 'API key');
    }),

  rename: scopedProcedure(MANAGE_KEYS)
    .input(ApiKeyRenameRequest)
    .output(ApiKey)
    .mutation(async ({ ctx: { tenant, organizationId }, input: { id, name } }) =>
      settle(await updateApiKey(tenant, { organizationId, id, settings: { name } }), 'API key'),
    ),

  rotate: rotationProcedure
    .meta({ takesProof: true, showsSecret: true })
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

  endGrace: rotationProcedure
    .input(ApiKeyEndGraceRequest)
    .output(ApiKeyDetails)
    .mutation(async ({ ctx, input: { id: named } }) => {
      const { tenant, organizationId, identity } = ctx;
      const id = named === 'current' ? requireKey(identity) : named;
      if (id !== ctx.granted) await requireScopes(ctx, [MANAGE_KEYS]);
      // In one transaction: a secret that ends itself would not be admitted again.
      return await inTransaction(tenant, async (trx) =>
        withSecrets({ tenant: trx, organizationId }, settle(await endGrace(trx, { organizationId, id }), 'API key')),
      );
    }),

  mintToken: keyProcedure
    .meta({ showsSecret: true })
    .input(TokenRequest)
    .output(MintedToken)
    .mutation(async ({ ctx, input: { expiresInMinutes, scopes: asked } }) => {
      const { deps, tenant, organizationId, identity } = ctx;
      const id = requireKey(identity);
      if (isToken(identity)) throw fault('FORBIDDEN', { details: { reason: 'A token cannot mint tokens' } });
      const scopes = asked ?? TOKEN_SCOPES.filter((scope) => identity.scopes.includes(scope));
      await requireScopes(ctx, scopes);
      const { key: token, ...secret } = mintKey(deps.keySecrets);
      const minted = await insertToken(tenant, { organizationId, id, scopes, expiresInMinutes, secret });
      return { token, ...settle(minted, 'API key') };
    }),

  revoke: keyProcedure
    .meta({ scope: MANAGE_KEYS, hasExceptions: true })
    .input(ApiKeyRevokeRequest)
    .output(RevokedKey)
    .mutation(async ({ ctx, input: { id: named, descendants } }) => {
      const { tenant, organizationId, identity } = ctx;
      const id = named === 'current' ? requireKey(identity) : named;
      if (isToken(identity) && id === identity.who.id) {
        if (named !== 'current') throw fault('FORBIDDEN', { details: { reason: ENDS_ITSELF_ALONE } });
        const apiKey = settle(await getApiKey(tenant, { organizationId, id }), 'API key');
        await endCallingToken(tenant, organizationId);
        return { ...apiKey, descendants: [] };
      }
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

const isToken = ({ who }: Identity) => who.type === 'key' && who.isToken === true;
const ENDS_ITSELF_ALONE = 'A token cannot revoke its API key: to end the token itself, revoke `current`';

/** Throws 400 where a key is to have a higher rate than the service gives to any key. */
function refuseHigherRate({ rateLimiter }: Pick<Deps, 'rateLimiter'>, { rateLimit }: KeySettings) {
  if ((rateLimit ?? 0) <= rateLimiter.points) return;
  throw badRequest(`Must be at most ${rateLimiter.points}, the rate of the service`, ['rateLimit']);
}

/** Adds to a key the secrets and tokens that work. */
async function withSecrets({ tenant, organizationId }: Pick<InSight, 'tenant' | 'organizationId'>, apiKey: ApiKey) {
  return { ...apiKey, secrets: await listLiveSecrets(tenant, { organizationId, id: apiKey.id }) };
}
