import { z } from 'zod';
import { AllowedAddresses } from './addresses.ts';
import { dryRun } from './dryRun.ts';
import { EXPIRY_DAYS, GRACE_HOURS, TOKEN_MINUTES } from './keyFormat.ts';
import { Name } from './names.ts';
import { PageRequest, pageOf } from './paging.ts';
import { SCOPES } from './scopes.ts';
import { Id, organizationId, orNull, text } from './text.ts';

export const Scope = z.enum(SCOPES);
export type Scope = z.infer<typeof Scope>;
const DEFAULT_SCOPES: Scope[] = ['contacts:read', 'contacts:write'];

const days = z.int().min(EXPIRY_DAYS.least).max(EXPIRY_DAYS.most);
const scopes = z
  .array(Scope)
  .min(1)
  .overwrite((given) => SCOPES.filter((scope) => given.includes(scope)));

const Environment = z.enum(['development', 'staging', 'production']);
const AddressMode = z.enum(['enforce', 'report']);
const settings = {
  description: orNull(text(500)).describe('What the key is for, up to 500 characters'),
  environment: Environment.nullable(),
  selfRotate: z.boolean().describe('The key may rotate itself, and only itself, whatever its scopes'),
  rateLimit: z
    .int()
    .min(1)
    .nullable()
    .describe('Calls a minute, at most the service’s rate; `null`: the service’s rate'),
  allowedAddresses: AllowedAddresses.nullable().describe(
    'The IPv4 and IPv6 addresses and blocks (CIDR) from which the key may be used, up to 50; an empty list: from everywhere',
  ),
  addressMode: AddressMode.describe(
    'Calls from other addresses are refused (`enforce`, 403), or only noted in the audit log (`report`)',
  ),
};
const ApiKeyState = z.enum(['active', 'expired', 'revoked']);

/** The issuer of a key: a person, whose `name` is the email address, or another key. */
export const Issuer = z.object({ type: z.enum(['person', 'key']), id: z.string(), name: z.string() });
export type Issuer = z.infer<typeof Issuer>;

/** A key as its organization sees the key, without the secret. */
export const ApiKey = z.object({
  id: z.uuid(),
  organizationId: z.uuid(),
  name: z.string(),
  description: z.string().nullable(),
  environment: Environment.nullable(),
  selfRotate: z.boolean(),
  rateLimit: z.int().nullable().describe('Calls a minute; `null`: the service’s rate'),
  allowedAddresses: z.array(z.string()).describe('Blocks in CIDR notation; an empty list: from everywhere'),
  addressMode: AddressMode,
  hint: z.string().describe('The first 8 hexadecimal characters of the newest secret'),
  scopes: z.array(Scope),
  state: ApiKeyState,
  createdBy: Issuer.describe('The person or the key that issued it'),
  createdAt: z.date(),
  expiresAt: z.date(),
  lastUsedAt: z.date().nullable().describe('At most a minute behind; `null` until used'),
  revokedAt: z.date().nullable(),
});
export type ApiKey = z.infer<typeof ApiKey>;
/** The person who holds a secret; `name` is the email address. `null`: the operator issued or rotated the key. */
const Holder = z.object({ id: z.uuid(), name: z.string() }).nullable();
/** A credential of a key that works: the newest secret, an older secret in its grace, or a token. */
export const ApiKeySecret = z.object({
  type: z.enum(['secret', 'token']).describe('`token`: a short-lived credential that a secret of the key minted'),
  hint: z.string().nullable().describe('The first 8 hexadecimal characters; `null` where they are not known any more'),
  scopes: z.array(Scope),
  holder: Holder.describe('The person to whom the secret was shown; `null`: the operator of the service'),
  createdAt: z.date(),
  expiresAt: z.date(),
  lastUsedAt: z.date().nullable().describe('At most a minute behind; `null` until used'),
});
export type ApiKeySecret = z.infer<typeof ApiKeySecret>;
/** A key with its secrets and tokens that work, newest first. */
export const ApiKeyDetails = ApiKey.extend({ secrets: z.array(ApiKeySecret) });
export type ApiKeyDetails = z.infer<typeof ApiKeyDetails>;
/** The key that calls, and the holder of the secret that calls. */
export const CurrentKey = ApiKey.extend({
  holder: Holder.describe('The person whose key this is; `null`: the operator'),
  token: z
    .object({ hint: z.string(), scopes: z.array(Scope), expiresAt: z.date() })
    .nullable()
    .describe('The token that calls, with its own scopes and expiry; `null`: the key itself calls'),
});
export type CurrentKey = z.infer<typeof CurrentKey>;
/** A revoked key. `descendants`: the keys that were revoked with the key, or that were kept. */
export const RevokedKey = ApiKey.extend({
  descendants: z.array(ApiKey).describe('The keys that it issued, and theirs: revoked with it, or kept'),
});
export type RevokedKey = z.infer<typeof RevokedKey>;
export const ApiKeyPage = pageOf(ApiKey);
export type ApiKeyPage = z.infer<typeof ApiKeyPage>;

/** The only answer that holds the key itself, `introzy_1a2b3c4d…`. The key is shown once: only its HMAC is stored. */
export const IssuedKey = z.object({ key: z.string().describe('The key itself, shown this once'), apiKey: ApiKey });
export type IssuedKey = z.infer<typeof IssuedKey>;

export const CurrentKeyRequest = z.strictObject({ organizationId }).optional();
export const ApiKeyListRequest = PageRequest.extend({
  createdBy: Id.optional().describe('Those that the person or the key of this id issued'),
  state: ApiKeyState.optional().describe('Those in this state'),
}).prefault({});
export const ApiKeyRequest = z.strictObject({ organizationId, id: Id });
export const ApiKeyRevokeRequest = ApiKeyRequest.extend({
  id: z
    .union([z.literal('current'), Id])
    .describe('The id of the key, or `current` for the key or the token that calls: a token ends alone'),
  descendants: z
    .enum(['revoke', 'keep'])
    .default('revoke')
    .describe('The keys that it issued, and theirs: `keep` makes you their holder, and takes `keys:manage`'),
  dryRun,
});
export const ApiKeyIssueRequest = z.strictObject({
  organizationId,
  name: Name,
  description: settings.description.default(null),
  environment: settings.environment.default(null),
  selfRotate: settings.selfRotate.default(false),
  rateLimit: settings.rateLimit.default(null),
  allowedAddresses: settings.allowedAddresses.default([]),
  addressMode: settings.addressMode.default('enforce'),
  expiresInDays: days.default(EXPIRY_DAYS.default).describe('Days until it expires'),
  scopes: scopes.default(DEFAULT_SCOPES),
});
/** Fields that are left out stay as they are; `null` empties a field. Scopes and expiry never change. */
export const ApiKeyUpdateRequest = z.strictObject({
  organizationId,
  id: Id,
  name: Name.optional(),
  description: settings.description.optional(),
  environment: settings.environment.optional(),
  selfRotate: settings.selfRotate.optional(),
  rateLimit: settings.rateLimit.optional(),
  allowedAddresses: settings.allowedAddresses.optional(),
  addressMode: settings.addressMode.optional(),
});
export const ApiKeyRenameRequest = z.strictObject({ organizationId, id: Id, name: Name });
const keyOrCurrent = z
  .union([z.literal('current'), Id])
  .describe('The id of the key, or `current` for the key that calls');
export const ApiKeyEndGraceRequest = ApiKeyRequest.extend({ id: keyOrCurrent });
export const ApiKeyRotateRequest = z.strictObject({
  organizationId,
  id: keyOrCurrent,
  expiresInDays: days.optional().describe('Days until the new secret expires; left out, as many days as the key had'),
  graceHours: z
    .int()
    .min(0)
    .max(GRACE_HOURS.most)
    .default(GRACE_HOURS.default)
    .describe('Hours that the old secret goes on working; 0 cuts it off at once'),
  graceFrom: z
    .enum(['now', 'firstUse'])
    .default('now')
    .describe('The hours count from now, or from the first use of the new secret'),
});

/** The scopes that a token can have. */
export const TOKEN_SCOPES = ['contacts:read', 'contacts:write'] as const satisfies Scope[];
const TokenScope = z.enum(TOKEN_SCOPES, {
  error: ({ input }) => (input === 'keys:manage' ? 'A token cannot have keys:manage' : undefined),
});
export const TokenRequest = z.strictObject({
  organizationId,
  expiresInMinutes: z.int().min(TOKEN_MINUTES.least).max(TOKEN_MINUTES.most).describe('Minutes until it expires'),
  scopes: z
    .array(TokenScope)
    .min(1)
    .overwrite((given) => TOKEN_SCOPES.filter((scope) => given.includes(scope)))
    .optional()
    .describe('Left out, the scopes of the key without `keys:manage`'),
});
/** The only answer that holds the token itself, which has the form of a key. */
export const MintedToken = z.object({
  token: z.string().describe('The token itself, shown this once'),
  expiresAt: z.date().describe('At the latest when the secret that minted it ends'),
});
export type MintedToken = z.infer<typeof MintedToken>;

/** A place that a key was used from: a network (the first 24 bits of IPv4, 48 bits of IPv6) and a kind of program. */
export const ApiKeyPlace = z.object({
  address: z.string(),
  userAgent: z.string(),
  firstUsedAt: z.date(),
  lastUsedAt: z.date(),
  secrets: z
    .array(z.object({ hint: z.string(), lastUsedAt: z.date() }))
    .describe('The latest use of each secret of the key from there, newest first'),
});
export type ApiKeyPlace = z.infer<typeof ApiKeyPlace>;
/** The latest places, newest first. A place's `lastUsedAt` is at most a minute behind, as a key's is. */
export const ApiKeyPlaces = z.object({
  places: z.array(ApiKeyPlace),
  proposedAddresses: z
    .array(z.string())
    .describe('The networks of these places, as a proposal for `allowedAddresses`: look through them first'),
});
export type ApiKeyPlaces = z.infer<typeof ApiKeyPlaces>;
