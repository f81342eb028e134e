import { sql } from 'kysely';
import type { AuditAction, AuditEntry } from '../shared/audit.ts';
import type { Tenant } from './admission.ts';

export interface AuditQuery {
  organizationId: string;
  limit: number;
  /** The id of the page's first entry. */
  from?: string | undefined;
  subjectId?: string | undefined;
  action?: AuditAction | undefined;
}

/** Up to `limit` + 1 entries of the audit log, newest first. Triggers write them: see migrations/0003_audit_log.ts. */
export async function listAuditEntries(
  db: Tenant,
  { organizationId, limit, from, subjectId, action }: AuditQuery,
): Promise<AuditEntry[]> {
  const rows = await db
    .selectFrom('audit_log')
    .select(['id', 'at', 'actor', 'action', 'subject', 'details'])
    .where('organization_id', '=', organizationId)
    .$if(from !== undefined, (query) => query.where('id', '<=', from as string))
    .$if(subjectId !== undefined, (query) => query.where(sql`subject->>'id'`, '=', subjectId))
    .$if(action !== undefined, (query) => query.where('action', '=', action as string))
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return rows as unknown as AuditEntry[];
}
