import { asAccounts, asOperator } from '../../db/admission.ts';
import { deleteOldAnswers, listOrganizationsWithOldAnswers } from '../../db/keptAnswers.ts';
import type { Deps } from '../procedures/context.ts';

/** Answers that a transaction deletes, so that the transaction is short. */
const BATCH = 5_000;

/** Deletes the answers of calls with an idempotency key that are kept no longer. Once the service drains, deletes no more. */
export async function trimAnswers({ db, log, draining }: Pick<Deps, 'db' | 'log' | 'draining'>): Promise<void> {
  try {
    for (const organizationId of await listOrganizationsWithOldAnswers(asAccounts(db))) {
      const tenant = asOperator(db, organizationId);
      for (let deleted = BATCH; deleted === BATCH && !draining.signal.aborted; ) {
        deleted = await deleteOldAnswers(tenant, { organizationId, limit: BATCH });
      }
    }
  } catch (error) {
    log.warn({ err: error }, 'old answers of calls with an idempotency key are not deleted yet');
  }
}
