import type { AuditAction, AuditEntry } from '../../../../shared/audit.ts';
import { KEY_PREFIX } from '../../../../shared/keyFormat.ts';
import { dayOf, exactTime } from '../../components/RelativeTime.tsx';

/** The name of each kind of entry. */
export const ACTION_WORDS: Record<AuditAction, string> = {
  'apiKey.issued': 'Key issued',
  'apiKey.renamed': 'Key renamed',
  'apiKey.rotated': 'Key rotated',
  'apiKey.revoked': 'Key revoked',
  'apiKey.kept': 'Key kept',
  'apiKey.changed': 'Key changed',
  'apiKey.graceEnded': 'Grace of older secrets ended',
  'apiKey.usedFrom': 'Key used from a new place',
  'apiKey.usedOutside': 'Key used from outside of its allowed addresses',
  'apiKey.tokenMinted': 'Token minted',
  'contact.erased': 'Contact erased',
  'member.invited': 'Member invited',
  'member.invitationCancelled': 'Invitation taken back',
  'member.joined': 'Member joined',
  'member.roleChanged': 'Role changed',
  'member.removed': 'Member removed',
  'organization.renamed': 'Organization renamed',
  'organization.deleted': 'Organization deleted',
  'organization.restored': 'Organization restored',
  'organization.factorRequired': 'Second factor required of every member',
  'organization.factorNotRequired': 'Second factor no longer required',
  'person.signedIn': 'Signed in',
  'person.signInFailed': 'Sign-in failed',
  'person.resetIssued': 'Password reset by the operator',
  'person.factorOn': 'Second factor switched on',
  'person.factorOff': 'Second factor switched off',
  'person.recoveryCodesMade': 'Recovery codes made anew',
  'person.recoveryCodeUsed': 'Signed in with a recovery code',
  'person.passkeyAdded': 'Passkey added',
  'person.passkeyRemoved': 'Passkey removed',
};

type Details = Record<string, string>;
const hint = ({ hint: text }: Details) => `${KEY_PREFIX}${text}…`;
const day = (text: string | undefined) => (text ? dayOf(new Date(text)) : '');
/** Entries from before failed sign-ins were counted have no count. */
const times = ({ count = '1' }: Details) =>
  Number(count) === 1 ? '' : `${Number(count).toLocaleString('en')} times, `;
const place = ({ userAgent, address }: Details) => `by ${userAgent} from ${address}`;

const MORE: Partial<Record<AuditAction, (details: Details) => string>> = {
  'apiKey.issued': (details) =>
    `${hint(details)}, for ${String(details.scopes).replaceAll(',', ', ')}, until ${day(details.expiresAt)}`,
  'apiKey.renamed': ({ from, to }) => `from “${from}” to “${to}”`,
  'apiKey.rotated': (details) =>
    `${hint(details)}, until ${day(details.expiresAt)}; ${
      details.oldSecretsEndAt
        ? `older secrets work until ${exactTime(new Date(details.oldSecretsEndAt))}`
        : 'older secrets were cut off'
    }`,
  'apiKey.changed': describeChange,
  'apiKey.kept': () => 'past the end of its holder’s membership or of its issuer',
  'apiKey.usedFrom': place,
  'apiKey.usedOutside': place,
  'apiKey.tokenMinted': (details) =>
    `${hint(details)}, for ${String(details.scopes).replaceAll(',', ', ')}, until ${details.expiresAt ? exactTime(new Date(details.expiresAt)) : ''}`,
  'member.invited': ({ role }) => `as ${role}`,
  'member.joined': ({ role }) => `as ${role}`,
  'member.roleChanged': ({ from, to }) => `from ${from} to ${to}`,
  'member.removed': ({ role }) => `who was ${role}`,
  'organization.renamed': ({ from, to }) => `from “${from}” to “${to}”`,
  'person.signedIn': place,
  'person.recoveryCodesMade': place,
  'person.recoveryCodeUsed': place,
  'person.signInFailed': (details) => `${times(details)}${place(details)}`,
};

/** The settings of a key in words, each with a function that puts the setting's value into words. */
const SETTINGS: Record<string, [words: string, value: (value: unknown) => string]> = {
  environment: ['environment', (value) => String(value ?? 'not said')],
  selfRotate: ['rotates itself', (value) => (value ? 'yes' : 'no')],
  rateLimit: ['calls a minute', (value) => String(value ?? 'the rate of the service')],
  allowedAddresses: ['allowed addresses', (value) => [value].flat().join(', ') || 'everywhere'],
  addressMode: ['calls from other addresses', (value) => (value === 'report' ? 'only noted' : 'refused')],
  description: ['description', (value) => String(value ?? 'none')],
};

/** The settings that changed, with their new values: `environment: production; rotates itself: yes`. */
function describeChange({ from, to }: Details): string {
  const [old, changed] = [from, to] as unknown as Record<string, unknown>[];
  return Object.entries(SETTINGS)
    .filter(([name]) => JSON.stringify(old?.[name]) !== JSON.stringify(changed?.[name]))
    .map(([name, [words, value]]) => `${words}: ${value(changed?.[name])}`)
    .join('; ');
}

/** An entry of the audit log in words: `Key renamed: Import`, and as `more`: `from “Export” to “Import”`. */
export function describeEntry({ action, subject, details }: AuditEntry): { what: string; more: string } {
  return { what: `${ACTION_WORDS[action]}: ${subject.name}`, more: MORE[action]?.(details as Details) ?? '' };
}
