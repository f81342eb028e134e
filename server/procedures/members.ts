import { listHeldKeys } from '../../db/heldKeys.ts';
import { cancelInvitation, listInvitations } from '../../db/invitations.ts';
import { deleteMember, getMember, listMembers, updateMemberRole } from '../../db/members.ts';
import { updateRequiredFactor } from '../../db/organizations.ts';
import {
  Invitation,
  InvitationRequest,
  InviteRequest,
  Member,
  MemberKeys,
  MemberKeysRequest,
  MemberList,
  MemberListRequest,
  MemberRemoved,
  MemberRemoveRequest,
  RequiredFactor,
  RequiredFactorRequest,
  RoleChangeRequest,
} from '../../shared/people.ts';
import { scopesOf } from '../../shared/roles.ts';
import type { Scope } from '../../shared/scopes.ts';
import { fault } from '../http/errors.ts';
import { invite } from './invite.ts';
import { settle } from './outcome.ts';
import { adminProcedure, ownerProcedure, router } from './procedure.ts';

const OWN_FACTOR_FIRST = 'Set up a second factor of your own first';

export const membersRouter = router({
  list: adminProcedure
    .input(MemberListRequest)
    .output(MemberList)
    .query(async ({ ctx: { tenant, organizationId } }) => {
      const members = await listMembers(tenant, organizationId);
      return { members, invitations: await listInvitations(tenant, organizationId) };
    }),

  invite: adminProcedure
    .input(InviteRequest)
    .output(Invitation)
    .mutation(
      async ({ ctx: { deps, tenant, organizationId, granted, keyed, arrivedAt: askedAt }, input: { email, role } }) => {
        const { id: inviterId, role: by } = granted;
        return await invite({ deps, tenant, keyed }, { organizationId, email, role, inviterId, by, askedAt });
      },
    ),

  cancelInvitation: adminProcedure
    .input(InvitationRequest)
    .output(Invitation)
    .mutation(async ({ ctx: { tenant, organizationId }, input: { id } }) => {
      return settle(await cancelInvitation(tenant, { organizationId, id }), 'invitation');
    }),

  changeRole: adminProcedure
    .input(RoleChangeRequest)
    .output(Member)
    .mutation(async ({ ctx: { tenant, organizationId, granted }, input: { id, role } }) => {
      return settle(await updateMemberRole(tenant, { organizationId, id, by: granted.role, role }), 'member');
    }),

  requireFactor: ownerProcedure
    .meta({ takesProof: true })
    .input(RequiredFactorRequest)
    .output(RequiredFactor)
    .mutation(async ({ ctx: { tenant, organizationId, granted }, input: { isRequired } }) => {
      // An owner who has no factor would shut themselves out.
      if (isRequired && !granted.hasFactor) throw fault('CONFLICT', { details: { reason: OWN_FACTOR_FIRST } });
      await updateRequiredFactor(tenant, { organizationId, isRequired });
      return { isRequired };
    }),

  remove: adminProcedure
    .input(MemberRemoveRequest)
    .output(MemberRemoved)
    .mutation(async ({ ctx: { tenant, organizationId, granted }, input: { id, keepKeys } }) => {
      const { id: callerId, role: by } = granted;
      return settle(await deleteMember(tenant, { organizationId, id, by, callerId, keepKeys }), 'member');
    }),

  keys: adminProcedure
    .input(MemberKeysRequest)
    .output(MemberKeys)
    .query(async ({ ctx: { tenant, organizationId }, input: { id, role = 'owner' } }) => {
      const { person } = settle(await getMember(tenant, { organizationId, id }), 'member');
      const held = await listHeldKeys(tenant, { organizationId, userId: person.id });
      const lose = (scopes: Scope[]) => scopes.filter((scope) => !scopesOf(role).includes(scope));
      return { keys: held.map((key) => ({ ...key, loses: key.isHeld ? lose(key.scopes) : [] })) };
    }),
});
