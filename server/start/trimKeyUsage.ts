import { asAccounts, asOperator } from '../../db/admission.ts';
import { deleteOldKeyUsage, listOrganizationsToTrim } from '../../db/keyUsage.ts';
import type { Deps } from '../procedures/context.ts';

/** Deletes the counts of calls that are older than 90 days. Once the service drains, deletes no more. */
export async function trimKeyUsage({ db, log, draining }: Pick<Deps, 'db' | 'log' | 'draining'>): Promise<void> {
  try {
    for (const organizationId of await listOrganizationsToTrim(asAccounts(db))) {
      if (draining.signal.aborted) return;
      await deleteOldKeyUsage(asOperator(db, organizationId), organizationId);
    }
  } catch (error) {
    log.warn({ err: error }, 'old counts of calls are not deleted yet');
  }
}
