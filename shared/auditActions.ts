/** The actions that the audit log records. Without zod, for the browser: the schema `AuditAction` is in audit.ts. */
export const AUDIT_ACTIONS = [
  'apiKey.issued',
  'apiKey.renamed',
  'apiKey.rotated',
  'apiKey.revoked',
  'apiKey.kept',
  'apiKey.changed',
  'apiKey.graceEnded',
  'apiKey.usedFrom',
  'member.invited',
  'member.invitationCancelled',
  'member.joined',
  'member.roleChanged',
  'member.removed',
  'person.signedIn',
  'person.signInFailed',
] as const;
