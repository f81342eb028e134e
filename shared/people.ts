import { z } from 'zod';
import { Scope } from './apiKeys.ts';
import { EmailAddress } from './contacts.ts';
import { ROLES } from './roles.ts';
import { Id, organizationId } from './text.ts';

export const Role = z.enum(ROLES);
export type Role = z.infer<typeof Role>;

const Person = z.object({ id: z.uuid(), name: z.string(), email: z.string() });

/** Who is signed in, and as what, in the organization that the session is about. */
export const CurrentSession = z.object({
  person: Person,
  organization: z.object({ id: z.uuid(), name: z.string() }),
  role: Role,
  scopes: z.array(Scope),
});
export type CurrentSession = z.infer<typeof CurrentSession>;

/** A person in the organization. `id` is the membership's, `person.id` the person's. */
export const Member = z.object({ id: z.uuid(), person: Person, role: Role, joinedAt: z.date() });
export type Member = z.infer<typeof Member>;

/** An invitation that was neither accepted nor taken back; it can no longer be accepted once it has expired. */
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
/** Everybody, and whoever is invited: oldest first. */
export const MemberList = z.object({ members: z.array(Member), invitations: z.array(Invitation) });
export type MemberList = z.infer<typeof MemberList>;

export const InviteRequest = z.strictObject({
  organizationId,
  email: z.string().trim().pipe(EmailAddress),
  role: Role.default('member'),
});
export const InvitationRequest = z.strictObject({ organizationId, id: Id });
export const RoleChangeRequest = z.strictObject({ organizationId, id: Id, role: Role });
/** The keys that the person issued are revoked, but for `keepKeys`. */
export const MemberRemoveRequest = z.strictObject({
  organizationId,
  id: Id,
  keepKeys: z.array(Id).max(1_000).default([]),
});
export const MemberRemoved = z.object({ member: Member, keptKeys: z.array(z.uuid()), revokedKeys: z.array(z.uuid()) });
export type MemberRemoved = z.infer<typeof MemberRemoved>;
