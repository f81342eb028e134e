import { asNobody } from '../../db/admission.ts';
import type { SentInvitation } from '../../db/invitations.ts';
import { findOrganization } from '../../db/organizations.ts';
import { PAGES } from '../../shared/paths.ts';
import { fault } from '../http/errors.ts';
import type { Deps } from '../start/deps.ts';

/** Sends an invitation its link. Throws where the mail server does not take it; to invite again sends another one. */
export async function sendInvitation(
  { db, mail, log, publicUrl }: Deps,
  { organizationId, invitation: { email, invitedBy }, secret }: SentInvitation & { organizationId: string },
): Promise<void> {
  const organization = await findOrganization(asNobody(db), organizationId);
  try {
    await mail.send({
      to: email,
      subject: `Join ${organization?.name} on Introzy`,
      text: `${invitedBy} invites you to ${organization?.name} on Introzy. The link works for seven days:`,
      link: `${publicUrl}${PAGES.invitation.replace(':id', secret)}`,
    });
  } catch (error) {
    log.warn({ err: error, organizationId }, 'an invitation is not sent');
    const message = 'The mail server did not take the invitation. Check the address, and invite once more';
    throw fault('SERVICE_UNAVAILABLE', { message, headers: { 'Retry-After': '60' } });
  }
}
