import { cancelInvitation, insertInvitation, listInvitations } from '../../db/invitations.ts';
import { deleteMember, listMembers, updateMemberRole } from '../../db/members.ts';
import {
  Invitation,
  InvitationRequest,
  InviteRequest,
  Member,
  MemberList,
  MemberListRequest,
  MemberRemoved,
  MemberRemoveRequest,
  RoleChangeRequest,
} from '../../shared/people.ts';
import { settle } from '../http/errors.ts';
import { sendInvitation } from '../mail/messages.ts';
import { adminProcedure, router } from './procedure.ts';

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
    .mutation(async ({ ctx: { deps, tenant, organizationId, granted }, input: { email, role } }) => {
      const { id: inviterId, role: by } = granted;
      const made = await insertInvitation(tenant, { organizationId, email, role, inviterId, by });
      const sent = settle(made, 'invitation');
      await sendInvitation(deps, { organizationId, ...sent });
      return sent.invitation;
    }),

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

  remove: adminProcedure
    .input(MemberRemoveRequest)
    .output(MemberRemoved)
    .mutation(async ({ ctx: { tenant, organizationId, granted }, input: { id, keepKeys } }) => {
      return settle(await deleteMember(tenant, { organizationId, id, by: granted.role, keepKeys }), 'member');
    }),
});
