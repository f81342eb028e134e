import { z } from 'zod';
import { AUDIT_ACTIONS } from './auditActions.ts';
import { PageRequest, pageOf } from './paging.ts';
import { Id } from './text.ts';

export const AuditAction = z.enum(AUDIT_ACTIONS);
export type AuditAction = z.infer<typeof AuditAction>;

/** The actor: a person, an API key, or the operator at the command line. */
const Actor = z.object({ type: z.enum(['person', 'key', 'operator']), id: z.string().nullable(), name: z.string() });
/**
 * The subject of an action: a key, a contact, a person, an invitation or the organization. `name` is the subject's name at the time of the
 * action; of a contact, its id.
 */
const Subject = z.object({
  type: z.enum(['apiKey', 'contact', 'person', 'invitation', 'organization']),
  id: z.string().nullable(),
  name: z.string(),
});

/**
 * An event in the organization. An entry is never changed, but for names that are erased, which then read `(erased)`.
 */
export const AuditEntry = z.object({
  id: z.uuid(),
  at: z.date(),
  actor: Actor,
  action: AuditAction,
  subject: Subject,
  /**
   * More about the event, by action: `apiKey.issued` {scopes, expiresAt, hint} · `apiKey.renamed` {from, to} ·
   * `apiKey.changed` {from, to}, each with {description, environment, selfRotate, rateLimit, allowedAddresses,
   * addressMode} · `apiKey.rotated` {hint, expiresAt, oldSecretsEndAt} · `apiKey.tokenMinted` {hint, scopes, expiresAt}
   * · `apiKey.usedFrom`, `apiKey.usedOutside`, `person.signedIn`, `person.recoveryCodesMade`,
   * `person.recoveryCodeUsed` {address, userAgent} · `person.signInFailed` {address,
   * userAgent, count, hour}, of a whole hour · `member.invited`, `member.joined`, `member.removed` {role} ·
   * `member.roleChanged`, `organization.renamed` {from, to}.
   */
  details: z.record(z.string(), z.unknown()),
});
export type AuditEntry = z.infer<typeof AuditEntry>;
export const AuditPage = pageOf(AuditEntry);
export type AuditPage = z.infer<typeof AuditPage>;

/** The input of a list of entries, newest first. */
export const AuditListRequest = PageRequest.extend({
  subjectId: Id.optional().describe('Entries about the key or the person of this id'),
  action: AuditAction.optional(),
}).prefault({});
