import { asAccounts, asOperator } from '../../db/admission.ts';
import { eraseDeletedContacts, listOrganizationsToEraseIn } from '../../db/contactErasure.ts';
import { forgetAllLostWords, listOrganizationsWithLostWords } from '../../db/contactWords.ts';
import type { Deps } from '../procedures/context.ts';

/** Contacts that a transaction erases, so that its locks are short. */
const BATCH = 500;

/**
 * Erases the contacts that were deleted at least `deletedDays` days ago; without the setting, no contact. Once the
 * service drains, erases no more.
 */
export async function eraseDeleted({
  db,
  log,
  draining,
  deletedDays: days,
}: Pick<Deps, 'db' | 'log' | 'draining' | 'deletedDays'>): Promise<void> {
  if (days === undefined) return;
  try {
    for (const organizationId of await listOrganizationsToEraseIn(asAccounts(db), days)) {
      const tenant = asOperator(db, organizationId);
      for (let erased = BATCH; erased === BATCH && !draining.signal.aborted; ) {
        erased = await eraseDeletedContacts(tenant, { organizationId, days, limit: BATCH });
      }
    }
  } catch (error) {
    log.warn({ err: error }, 'deleted contacts are not erased yet');
  }
}

/** Takes away the words of contacts that no contact has any more. Once the service drains, takes away no more. */
export async function forgetWords({ db, log, draining }: Pick<Deps, 'db' | 'log' | 'draining'>): Promise<void> {
  try {
    for (const organizationId of await listOrganizationsWithLostWords(asAccounts(db))) {
      await forgetAllLostWords(asOperator(db, organizationId), organizationId, draining);
    }
  } catch (error) {
    log.warn({ err: error }, 'words that no contact has any more are not taken away yet');
  }
}
