import { asAccounts, asOperator } from '../../db/admission.ts';
import { beginRound, endRound, listOrganizationsToSeal, sealEntries } from '../../db/auditSeals.ts';
import { logFailedSignIns } from '../../db/failedSignIns.ts';
import type { Deps } from '../procedures/context.ts';

type Parts = Pick<Deps, 'db' | 'log' | 'draining'>;

/**
 * Logs the failed sign-ins of the hours that have ended, and seals the entries of the audit log that are not sealed. Any
 * number of instances may do so at once: an organization's chain is one instance's at a time. Where there is nothing to
 * seal, nothing is written. Once the service drains, begins no further seal.
 */
export async function sealAuditLog(parts: Parts): Promise<void> {
  const { db, log, draining } = parts;
  try {
    await logFailedSignIns(asAccounts(db), draining.signal);
  } catch (error) {
    log.warn({ err: error }, 'failed sign-ins are not in the audit log yet');
  }
  try {
    await sealRound(parts);
  } catch (error) {
    log.warn({ err: error }, 'the audit log is not sealed yet');
  }
}

async function sealRound(parts: Parts) {
  const accounts = asAccounts(parts.db);
  const round = await beginRound(accounts);
  const organizations = await listOrganizationsToSeal(accounts, round);
  let isWhole = true;
  for (const organizationId of organizations) {
    const isSealed = await sealOrganization(parts, { organizationId, after: round.after }).catch((error: unknown) => {
      parts.log.warn({ err: error, organizationId }, 'the audit log of an organization is not sealed yet');
      return false;
    });
    isWhole &&= isSealed;
  }
  if (isWhole) await endRound(accounts, { ...round, hasSealed: organizations.length > 0 });
}

/** Seals all entries after `after`. False where another instance seals them, or the service drains. */
async function sealOrganization(
  { db, draining }: Parts,
  { organizationId, after }: { organizationId: string; after: string },
): Promise<boolean> {
  const tenant = asOperator(db, organizationId);
  for (let last: string | undefined = after; last !== undefined; ) {
    if (draining.signal.aborted) return false;
    const { isBusy, lastId } = await sealEntries(tenant, { organizationId, after: last });
    if (isBusy) return false;
    last = lastId;
  }
  return true;
}
