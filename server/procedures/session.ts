import { getCurrentSession } from '../../db/people.ts';
import { CurrentSession, CurrentSessionRequest } from '../../shared/people.ts';
import { settle } from './outcome.ts';
import { personProcedure, router } from './procedure.ts';

export const sessionRouter = router({
  current: personProcedure
    .input(CurrentSessionRequest)
    .output(CurrentSession)
    .query(async ({ ctx: { tenant, organizationId, granted } }) =>
      settle(await getCurrentSession(tenant, { organizationId, userId: granted.id }), 'member'),
    ),
});
