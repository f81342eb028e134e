import { deleteOrganization, getOrganization } from '../../db/organizations.ts';
import {
  CurrentOrganizationRequest,
  isNameTyped,
  Organization,
  OrganizationDeleted,
  OrganizationDeleteRequest,
} from '../../shared/organizations.ts';
import { fault } from '../http/errors.ts';
import { settle } from './outcome.ts';
import { keyProcedure, ownerProcedure, router } from './procedure.ts';

export const organizationRouter = router({
  current: keyProcedure
    .input(CurrentOrganizationRequest)
    .output(Organization)
    .query(({ ctx: { tenant, organizationId } }) => getOrganization(tenant, organizationId)),

  delete: ownerProcedure
    .meta({ takesProof: true })
    .input(OrganizationDeleteRequest)
    .output(OrganizationDeleted)
    .mutation(async ({ ctx: { tenant, organizationId }, input: { name } }) => {
      const organization = await getOrganization(tenant, organizationId);
      if (!isNameTyped(name, organization.name)) {
        throw fault('BAD_REQUEST', { message: 'This is not the name of the organization: nothing is deleted' });
      }
      return settle(await deleteOrganization(tenant, organizationId), 'organization');
    }),
});
