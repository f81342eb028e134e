import { PATHS } from '../../shared/paths.ts';
import type { Invitation } from '../../shared/people.ts';
import type { Mail } from './mailer.ts';

/** Invites an address. `secret` opens the invitation, and stands in this mail alone. */
export function invitationMail({
  invitation,
  secret,
  organization,
  publicUrl,
}: {
  invitation: Invitation;
  secret: string;
  /** The organization's name. */
  organization: string;
  publicUrl: string;
}): Mail {
  return {
    to: invitation.email,
    subject: `Join ${organization} on Introzy`,
    text: `${invitation.invitedBy} invites you to ${organization} on Introzy. The link works for seven days:`,
    link: `${publicUrl}${PATHS.invitation.replace(':id', secret)}`,
  };
}

/** Lets a person set a new password. `token` stands in this mail alone. */
export function resetMail({ email, token, publicUrl }: { email: string; token: string; publicUrl: string }): Mail {
  return {
    to: email,
    subject: 'Set a new password for Introzy',
    text: 'Somebody, probably you, asked to set a new password for your Introzy account. The link works for an hour:',
    link: `${publicUrl}${PATHS.resetPassword}?token=${encodeURIComponent(token)}`,
  };
}

/** Says that a key is about to expire. */
export function expiryMail({
  id,
  name,
  expiresAt,
  email,
  publicUrl,
}: {
  id: string;
  name: string;
  expiresAt: Date;
  email: string;
  publicUrl: string;
}): Mail {
  const day = expiresAt.toISOString().slice(0, 10);
  return {
    to: email,
    subject: `The API key “${name}” expires on ${day}`,
    text: `The API key “${name}” expires on ${day} (UTC). What uses it stops working then. Rotate it in time:`,
    link: `${publicUrl}${PATHS.apiKey.replace(':id', id)}`,
  };
}
