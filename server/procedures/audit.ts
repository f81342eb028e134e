import { listAuditEntries } from '../../db/audit.ts';
import { toPage } from '../../db/page.ts';
import { AuditListRequest, AuditPage } from '../../shared/audit.ts';
import { router, scopedProcedure } from './procedure.ts';

export const auditRouter = router({
  list: scopedProcedure('keys:manage')
    .input(AuditListRequest)
    .output(AuditPage)
    .query(async ({ ctx: { tenant, organizationId }, input: { limit, cursor, subjectId, action } }) =>
      toPage(await listAuditEntries(tenant, { organizationId, limit, from: cursor, subjectId, action }), limit),
    ),
});
