import { GRACE_HOURS, KEY_PREFIX } from '../../shared/keyFormat.ts';
import { PATHS } from '../../shared/paths.ts';
import type { Invitation, Role } from '../../shared/people.ts';
import { scopesOf } from '../../shared/roles.ts';
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
    subject: `Join ${asText(organization)} on Introzy`,
    text: `${invitation.invitedBy} invites you to “${asText(organization)}” on Introzy. The link works for seven days:`,
    link: `${publicUrl}${PATHS.invitation.replace(':id', secret)}`,
  };
}

/**
 * A name that somebody chose, for a mail. Mail programs make a link of an address such as `evil.example`, and the reader
 * takes the link for ours: an invisible word joiner after each mark of an address keeps it a text. A name from before
 * names were single lines may have controls, which become blanks.
 */
const asText = (name: string) =>
  name.replace(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]+/gu, ' ').replace(/[.:/@\\。．｡](?=\S)/g, '$&\u2060');

/** Lets a person set a new password. `token` stands in this mail alone. */
export function resetMail({ email, token, publicUrl }: { email: string; token: string; publicUrl: string }): Mail {
  return {
    to: email,
    subject: 'Set a new password for Introzy',
    text: 'Somebody, probably you, asked to set a new password for your Introzy account. The link works for an hour:',
    link: `${publicUrl}${PATHS.resetPassword}?token=${encodeURIComponent(token)}`,
  };
}

/** What a mail about an account's address needs. `token` stands in the mail alone. */
interface AddressMail {
  email: string;
  token: string;
  publicUrl: string;
}

const verifyLink = ({ publicUrl, token }: AddressMail) =>
  `${publicUrl}${PATHS.verifyAddress}?token=${encodeURIComponent(token)}`;

/** Has a person verify the address of an account. */
export function verificationMail(address: AddressMail): Mail {
  return {
    to: address.email,
    subject: 'Confirm your address for Introzy',
    text: 'Somebody, probably you, made an Introzy account with this address. Confirm the address with the password of the account; where you do not know the password, the page lets you set a new one. If you want no account, do nothing. The link works for a day:',
    link: verifyLink(address),
  };
}

/** Tells the person of an account that somebody has tried to make another account with the same address. */
export function existingAccountMail({ email, publicUrl }: Omit<AddressMail, 'token'>): Mail {
  return {
    to: email,
    subject: 'You have an Introzy account already',
    text: 'Somebody, perhaps you, tried to make an Introzy account with this address. You have an account already, and it has not changed. If it was you, sign in with your password, or set a new password here:',
    link: `${publicUrl}${PATHS.forgotPassword}`,
  };
}

/** Says that the operator has made an organization, whose owner the person becomes by confirming their address. */
export function awaitedOwnerMail(address: AddressMail & { organization: string }): Mail {
  return {
    to: address.email,
    subject: 'Confirm your address for Introzy',
    text: `You are to own “${asText(address.organization)}” on Introzy, and there is an account with this address already. Confirm the address with the password of the account; where you do not know the password, the page lets you set a new one. You are an owner from then on. The link works for a day:`,
    link: verifyLink(address),
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
  const [name, organization] = [asText(notice.name), asText(notice.organization)];
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
