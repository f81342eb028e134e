import type { Tenant } from '../../db/admission.ts';
import { cancelInvitation, insertInvitation, type NewInvitation } from '../../db/invitations.ts';
import { getOrganization } from '../../db/organizations.ts';
import type { Invitation } from '../../shared/people.ts';
import { fault } from '../http/errors.ts';
import { invitationMail } from '../mail/messages.ts';
import type { Deps } from './context.ts';
import type { Keyed } from './idempotency.ts';
import { settle, tooManyInvitations } from './outcome.ts';

interface Inviting {
  deps: Deps;
  tenant: Tenant;
  keyed?: Keyed | undefined;
}

/**
 * Invites an address, and mails the link. While an invitation is under way, the same invitation, such as by a second
 * click, shares its result.
 */
export async function invite(parts: Inviting, asked: NewInvitation): Promise<Invitation> {
  const { inviting } = parts.deps;
  const { organizationId, email, role, by } = asked;
  const same = JSON.stringify([organizationId, email, role, by]);
  const made = inviting.get(same) ?? makeInvitation(parts, asked).finally(() => inviting.delete(same));
  inviting.set(same, made);
  return await made;
}

/**
 * Throws 429 where the address has got its invitations of the hour, of all organizations together, and 503 where the
 * mail server refuses the mail: then the invitation is taken back.
 */
async function makeInvitation({ deps, tenant, keyed }: Inviting, asked: NewInvitation): Promise<Invitation> {
  const { mail, mailCap, log, publicUrl } = deps;
  const { organizationId, email } = asked;
  // Counted before the invitation is made, as that cancels the one before.
  const seconds = await mailCap.count('invitation', email);
  if (seconds !== undefined) throw tooManyInvitations(seconds);
  const made = await insertInvitation(tenant, asked).catch((error: unknown) => ({ error }));
  const isMailed = 'secret' in made && made.secret !== undefined;
  if (!isMailed) await mailCap.giveBack('invitation', email);
  if ('error' in made) throw made.error;
  const { invitation, secret } = settle(made, 'invitation');
  if (secret === undefined) return invitation;
  // The mail goes out once the invitation is there. A mail server may take longer than a transaction may wait.
  const kept = await keyed?.keep(invitation);
  const after = kept?.tenant ?? tenant;
  const { name: organization } = await getOrganization(after, organizationId);
  try {
    await mail.send(invitationMail({ invitation, secret, organization, publicUrl }));
    return invitation;
  } catch (error) {
    log.warn({ err: error, organizationId }, 'an invitation is not sent');
    await cancelInvitation(after, { organizationId, id: invitation.id });
    await kept?.takeBack();
    const message = 'The mail server did not take the invitation. Check the address, and invite once more';
    throw fault('SERVICE_UNAVAILABLE', { message, headers: { 'Retry-After': '60' } });
  }
}
