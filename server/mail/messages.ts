import { GRACE_HOURS, KEY_PREFIX } from '../../shared/keyFormat.ts';
import { PATHS } from '../../shared/paths.ts';
import type { Invitation, Role } from '../../shared/people.ts';
import { scopesOf } from '../../shared/roles.ts';
import type { Mail } from './mailer.ts';
import { nameInMail } from './nameInMail.ts';

/** Invites an address. `token` opens the invitation, and stands in this mail alone. */
export function invitationMail({
  invitation,
  token,
  organization,
  publicUrl,
}: {
  invitation: Invitation;
  token: string;
  /** The organization's name. */
  organization: string;
  publicUrl: string;
}): Mail {
  return {
    to: invitation.email,
    subject: `Join ${nameInMail(organization)} on Introzy`,
    text: `${invitation.invitedBy} invites you to ${nameInMail(organization)} on Introzy. The link works for seven days:`,
    link: `${publicUrl}${PATHS.invitation.replace(':id', token)}`,
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

/** What the notice of an expiry tells a person of a key. */
interface ExpiringKey {
  keyId: string;
  name: string;
  /** The first 8 characters of the key's newest secret. */
  hint: string;
  environment: string | null;
  selfRotate: boolean;
  expiresAt: Date;
  /** Whole hours until the expiry, rounded up. */
  hoursLeft: number;
  lastUsedAt: Date | null;
  /** The name of the key's organization. */
  organization: string;
  /** The email address of the holder; `null` where the operator made the key. */
  holder: string | null;
  /** The recipient. */
  email: string;
  role: Role;
  isHolder: boolean;
}

/** Says that a key is about to expire, to the key's holder or to an owner of the key's organization. */
export function expiryMail({ notice, publicUrl }: { notice: ExpiringKey; publicUrl: string }): Mail {
  const { keyId, hint, environment, selfRotate, expiresAt, lastUsedAt, isHolder } = notice;
  const [name, organization] = [nameInMail(notice.name), nameInMail(notice.organization)];
  const left = timeLeft(notice.hoursLeft);
  const [day, time] = [dayOf(expiresAt), expiresAt.toISOString().slice(11, 16)];
  const holder = isHolder ? 'you' : (notice.holder ?? 'nobody; the operator’s command line made the key');
  const rotation = scopesOf(notice.role).includes('keys:manage')
    ? `Rotate the key in time: on its page, or by POST ${publicUrl}/api/keys/${keyId}/rotate with a key that may manage keys. The old secret then works for ${GRACE_HOURS.default} more hours.`
    : `Your role does not let you rotate keys: ask an owner or an admin of ${organization} to rotate the key in time, on its page.`;
  return {
    to: notice.email,
    subject: `The API key “${name}” expires in ${left}`,
    text: [
      `The API key “${name}” of ${organization} expires in ${left}, on ${day} at ${time} UTC. What uses the key stops working then.`,
      [
        `Key: ${KEY_PREFIX}${hint}…`,
        ...(environment === null ? [] : [`Environment: ${environment}`]),
        `Holder: ${holder}`,
        `Last used: ${lastUsedAt ? `${dayOf(lastUsedAt)} (UTC)` : 'never used'}`,
      ].join('\n'),
      selfRotate ? `${rotation} The key may also rotate itself: POST ${publicUrl}/api/keys/current/rotate.` : rotation,
      `You get this mail as ${isHolder ? 'the holder of the key' : `an owner of ${organization}`}. The key’s page:`,
    ].join('\n\n'),
    link: `${publicUrl}${PATHS.apiKey.replace(':id', keyId)}`,
  };
}

const dayOf = (date: Date) => date.toISOString().slice(0, 10);

/** Such as `7 days`, `1 day` or, on the last day, `5 hours`. */
function timeLeft(hours: number): string {
  const [count, unit] = hours < 24 ? [hours, 'hour'] : [Math.round(hours / 24), 'day'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
