import type { Tenant } from '../../db/admission.ts';
import { cancelInvitation, insertInvitation, type NewInvitation } from '../../db/invitations.ts';
import { getOrganization } from '../../db/organizations.ts';
import type { Invitation } from '../../shared/people.ts';
import { fault } from '../http/errors.ts';
import { invitationMail } from '../mail/messages.ts';
import type { Deps } from './context.ts';
import { settle } from './outcome.ts';

interface Inviting {
  deps: Deps;
  tenant: Tenant;
}

/**
 * Invites an address, and mails the link. While a person's invitation of an address is under way, the same invitation by
 * the same person, such as a second click, shares its result.
 */
export async function invite(parts: Inviting, asked: NewInvitation): Promise<Invitation> {
  const { inviting } = parts.deps;
  const same = JSON.stringify(asked);
  const made = inviting.get(same) ?? makeInvitation(parts, asked).finally(() => inviting.delete(same));
  inviting.set(same, made);
  return await made;
}

/** Throws 503 where the mail server refuses the mail: then the invitation is taken back. */
async function makeInvitation({ deps, tenant }: Inviting, asked: NewInvitation): Promise<Invitation> {
  const { mail, log, publicUrl } = deps;
  const { organizationId } = asked;
  const { invitation, secret } = settle(await insertInvitation(tenant, asked), 'invitation');
  if (secret === undefined) return invitation;
  const { name: organization } = await getOrganization(tenant, organizationId);
  try {
    await mail.send(invitationMail({ invitation, secret, organization, publicUrl }));
    return invitation;
  } catch (error) {
    log.warn({ err: error, organizationId }, 'an invitation is not sent');
    await cancelInvitation(tenant, { organizationId, id: invitation.id });
    const message = 'The mail server did not take the invitation. Check the address, and invite once more';
    throw fault('SERVICE_UNAVAILABLE', { message, headers: { 'Retry-After': '60' } });
  }
}
