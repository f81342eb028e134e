import {
  getApiKey,
  insertApiKey,
  listApiKeys,
  type NewSecret,
  renameApiKey,
  revokeApiKey,
  rotateApiKey,
} from '../../db/apiKeys.ts';
import {
  ApiKey,
  ApiKeyIssueRequest,
  ApiKeyListRequest,
  ApiKeyPage,
  ApiKeyRenameRequest,
  ApiKeyRequest,
  ApiKeyRotateRequest,
  CurrentKeyRequest,
  IssuedKey,
} from '../../shared/apiKeys.ts';
import { encodeCursor } from '../../shared/text.ts';
import { type KeySecrets, mintKey } from '../auth/keySecret.ts';
import { settle } from '../faults.ts';
import { keyProcedure, requireScopes, router, scopedProcedure } from '../trpc.ts';

export const apiKeysRouter = router({
  current: keyProcedure
    .input(CurrentKeyRequest)
    .output(ApiKey)
    .query(async ({ ctx: { tenant, organizationId, identity } }) =>
      settle(await getApiKey(tenant, { organizationId, id: identity.keyId }), 'API key'),
    ),

  list: scopedProcedure('keys:manage')
    .input(ApiKeyListRequest)
    .output(ApiKeyPage)
    .query(async ({ ctx: { tenant, organizationId }, input: { limit, cursor } }) => {
      const items = await listApiKeys(tenant, { organizationId, limit, from: cursor });
      const next = items[limit];
      return { items: items.slice(0, limit), nextCursor: next ? encodeCursor(next.id) : null };
    }),

  get: scopedProcedure('keys:manage')
    .input(ApiKeyRequest)
    .output(ApiKey)
    .query(async ({ ctx: { tenant, organizationId }, input: { id } }) =>
      settle(await getApiKey(tenant, { organizationId, id }), 'API key'),
    ),

  issue: scopedProcedure('keys:manage')
    .input(ApiKeyIssueRequest)
    .output(IssuedKey)
    .mutation(async ({ ctx: { deps, tenant, organizationId, identity }, input: { name, scopes, expiresInDays } }) => {
      requireScopes(identity, scopes);
      const { key, secret } = newSecret(deps.keySecrets, expiresInDays);
      const issuedBy = { type: 'key', keyId: identity.keyId } as const;
      return { key, apiKey: await insertApiKey(tenant, { organizationId, name, scopes, issuedBy, secret }) };
    }),

  rename: scopedProcedure('keys:manage')
    .input(ApiKeyRenameRequest)
    .output(ApiKey)
    .mutation(async ({ ctx: { tenant, organizationId }, input: { id, name } }) =>
      settle(await renameApiKey(tenant, { organizationId, id, name }), 'API key'),
    ),

  rotate: scopedProcedure('keys:manage')
    .input(ApiKeyRotateRequest)
    .output(IssuedKey)
    .mutation(async ({ ctx: { deps, tenant, organizationId, identity }, input: { id, graceHours, expiresInDays } }) => {
      const { key, secret } = newSecret(deps.keySecrets, expiresInDays);
      const rotation = { organizationId, id, scopes: identity.scopes, graceHours, secret };
      return { key, apiKey: settle(await rotateApiKey(tenant, rotation), 'API key') };
    }),

  revoke: keyProcedure
    .input(ApiKeyRequest)
    .output(ApiKey)
    .mutation(async ({ ctx: { tenant, organizationId, identity }, input: { id } }) => {
      if (id !== identity.keyId) requireScopes(identity, ['keys:manage']);
      return settle(await revokeApiKey(tenant, { organizationId, id }), 'API key');
    }),
});

/** Mints a secret for a key: the one to hand out, and the one to keep. */
function newSecret(secrets: KeySecrets, expiresInDays: number): { key: string; secret: NewSecret } {
  const { key, ...kept } = mintKey(secrets);
  return { key, secret: { ...kept, expiresInDays } };
}
