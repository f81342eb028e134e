import { sql } from 'kysely';
import type { AuditAction, AuditEntry } from '../shared/audit.ts';
import type { Tenant } from './admission.ts';
import { type Page, toPage } from './page.ts';

export interface AuditQuery {
  organizationId: string;
  limit: number;
  /** The id (a UUID) of the page's first entry. */
  cursor?: string | undefined;
  /** Only entries about the key, the person or the invitation of this id. */
  subjectId?: string | undefined;
  action?: AuditAction | undefined;
}

/** Lists a page of the audit log, newest first. Triggers write the entries: see migrations/0003_audit_log.ts. */
export async function listAuditEntries(
  db: Tenant,
  { organizationId, limit, cursor, subjectId, action }: AuditQuery,
): Promise<Page<AuditEntry>> {
  const rows = await db
    .selectFrom('audit_log')
    .select(['id', 'at', 'actor', 'action', 'subject', 'details'])
    .where('organization_id', '=', organizationId)
    .$if(cursor !== undefined, (query) => query.where('id', '<=', cursor as string))
    .$if(subjectId !== undefined, (query) => query.where(sql`subject->>'id'`, '=', subjectId))
    .$if(action !== undefined, (query) => query.where('action', '=', action as string))
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return toPage(rows as unknown as AuditEntry[], limit);
}
