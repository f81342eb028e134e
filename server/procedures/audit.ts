import { listAuditEntries } from '../../db/audit.ts';
import { AuditListRequest, AuditPage } from '../../shared/audit.ts';
import { router, scopedProcedure } from './procedure.ts';

export const auditRouter = router({
  list: scopedProcedure('keys:manage')
    .input(AuditListRequest)
    .output(AuditPage)
    .query(({ ctx: { tenant, organizationId }, input }) => listAuditEntries(tenant, { ...input, organizationId })),
});
