import { getOrganization } from '../../db/organizations.ts';
import { CurrentOrganizationRequest, Organization } from '../../shared/organizations.ts';
import { keyProcedure, router } from './procedure.ts';

export const organizationRouter = router({
  current: keyProcedure
    .input(CurrentOrganizationRequest)
    .output(Organization)
    .query(({ ctx: { tenant, organizationId } }) => getOrganization(tenant, organizationId)),
});
