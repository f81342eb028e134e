/** What the audit log records. */
export const AUDIT_ACTIONS = [
  'apiKey.issued',
  'apiKey.renamed',
  'apiKey.rotated',
  'apiKey.revoked',
  'apiKey.kept',
  'apiKey.usedFrom',
  'member.invited',
  'member.invitationCancelled',
  'member.joined',
  'member.roleChanged',
  'member.removed',
  'person.signedIn',
  'person.signInFailed',
] as const;
