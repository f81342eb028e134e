import { asAccounts, asOperator, type Tenant } from '../../db/admission.ts';
import {
  claimExpiryNotice,
  deletePastNotices,
  type ExpiryNotice,
  listOrganizationsToNotify,
  markExpiryNotice,
  type NoticePlace,
  returnExpiryNotice,
} from '../../db/expiryNotices.ts';
import { expiryMail } from '../mail/messages.ts';
import type { Deps } from '../procedures/context.ts';

type Parts = Pick<Deps, 'db' | 'log' | 'mail' | 'publicUrl' | 'draining'>;

/**
 * Sends the notices that are due: 30, 7 and 1 days before a key expires, to the holder of the key's newest secret and
 * to all owners. Each person gets a notice once, however many instances send notices at once (db/expiryNotices.ts names
 * the exceptions). Each notice is claimed just before the notice is sent. A notice that cannot be sent is due again in
 * the next round, and holds up no other. Once the service drains, no further notice is claimed. Deletes the records of
 * past expiries.
 */
export async function sendExpiryNotices(parts: Parts): Promise<void> {
  const { db, log, draining } = parts;
  try {
    for (const organizationId of await listOrganizationsToNotify(asAccounts(db))) {
      if (draining.signal.aborted) return;
      await notifyOrganization(parts, organizationId).catch((error: unknown) =>
        log.warn({ err: error, organizationId }, 'notices of expiries are not sent yet'),
      );
    }
  } catch (error) {
    log.warn({ err: error }, 'notices of expiries are not sent yet');
  }
}

async function notifyOrganization(parts: Parts, organizationId: string) {
  const tenant = asOperator(parts.db, organizationId);
  let after: NoticePlace | undefined;
  while (!parts.draining.signal.aborted) {
    const notice = await claimExpiryNotice(tenant, { organizationId, after });
    if (!notice) break;
    if (notice.claimedUntil) await send(parts, { tenant, organizationId, notice });
    after = notice;
  }
  await deletePastNotices(tenant, organizationId);
}

async function send(
  { log, mail, publicUrl }: Parts,
  { tenant, organizationId, notice }: { tenant: Tenant; organizationId: string; notice: ExpiryNotice },
) {
  const { keyId, userId } = notice;
  try {
    await mail.send(expiryMail({ notice, publicUrl }));
  } catch (error) {
    log.warn({ err: error, organizationId, keyId, userId }, 'the notice of an expiry is not sent yet');
    return await returnExpiryNotice(tenant, { organizationId, notice });
  }
  await markExpiryNotice(tenant, { organizationId, notice });
}
