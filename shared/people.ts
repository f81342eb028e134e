import { z } from 'zod';
import { ApiKeySecret, Scope } from './apiKeys.ts';
import { MailAddress } from './names.ts';
import { ROLES } from './roles.ts';
import { Id, organizationId } from './text.ts';

export const Role = z.enum(ROLES);
export type Role = z.infer<typeof Role>;

const Person = z.object({ id: z.uuid(), name: z.string(), email: z.string() });

/** The signed-in person, with role and scopes in the session's active organization. */
export const CurrentSession = z.object({
  person: Person,
  organization: z.object({ id: z.uuid(), name: z.string(), requiresFactor: z.boolean() }),
  role: Role,
  scopes: z.array(Scope),
});
export type CurrentSession = z.infer<typeof CurrentSession>;

/** A member of the organization. `id` is the membership's id, and `person.id` is the person's id. */
export const Member = z.object({ id: z.uuid(), person: Person, role: Role, joinedAt: z.date() });
export type Member = z.infer<typeof Member>;

/** An invitation that was neither accepted nor cancelled. An expired invitation can no longer be accepted. */
export const Invitation = z.object({
  id: z.uuid(),
  email: z.string(),
  role: Role,
  state: z.enum(['pending', 'expired']),
  invitedBy: z.string(),
  createdAt: z.date(),
  expiresAt: z.date(),
});
export type Invitation = z.infer<typeof Invitation>;

export const CurrentSessionRequest = z.strictObject({ organizationId }).optional();
export const MemberListRequest = z.strictObject({ organizationId }).optional();
/** The members and the open invitations, each list oldest first. */
export const MemberList = z.object({ members: z.array(Member), invitations: z.array(Invitation) });
export type MemberList = z.infer<typeof MemberList>;

export const InviteRequest = z.strictObject({
  organizationId,
  email: MailAddress,
  role: Role.default('member'),
});
export const InvitationRequest = z.strictObject({ organizationId, id: Id });
/** Whether every member needs a second factor. */
export const RequiredFactor = z.object({ isRequired: z.boolean() });
export const RequiredFactorRequest = z.strictObject({ organizationId, isRequired: z.boolean() });
export const RoleChangeRequest = z.strictObject({ organizationId, id: Id, role: Role });
/**
 * The input of a member's removal. The keys that the person holds end, except the keys in `keepKeys`, whose holder the
 * caller becomes.
 */
export const MemberRemoveRequest = z.strictObject({
  organizationId,
  id: Id,
  keepKeys: z.array(Id).max(1_000).default([]),
});
/** `sharedKeys` go on with the secrets that other people hold. */
export const MemberRemoved = z.object({
  member: Member,
  keptKeys: z.array(z.uuid()),
  revokedKeys: z.array(z.uuid()),
  sharedKeys: z.array(z.uuid()),
});
export type MemberRemoved = z.infer<typeof MemberRemoved>;

/** `role`: the role that the member is to have, to learn what the member's keys would lose. */
export const MemberKeysRequest = z.strictObject({ organizationId, id: Id, role: Role.optional() });
/**
 * A key whose fate a member's removal decides. `isHeld`: the member holds `secrets`, the newest first, of the key; else
 * the key descends from a key that the member holds. `isShared`: other people hold secrets of the key as well, which go
 * on. `descendsFrom`: the ids of the keys, out of the keys that the member holds, from which the key descends; the key
 * ends with any of them, unless the key is kept. `loses`: the scopes of the key that `role` does not allow, so that the
 * member's secrets could no longer use them.
 */
const MemberKey = z.object({
  id: z.uuid(),
  name: z.string(),
  hint: z.string(),
  scopes: z.array(Scope),
  expiresAt: z.date(),
  lastUsedAt: z.date().nullable(),
  isHeld: z.boolean(),
  secrets: z.array(ApiKeySecret.pick({ hint: true, expiresAt: true, lastUsedAt: true })),
  isShared: z.boolean(),
  descendsFrom: z.array(z.uuid()),
  loses: z.array(Scope),
});
export const MemberKeys = z.object({ keys: z.array(MemberKey) });
export type MemberKeys = z.infer<typeof MemberKeys>;
