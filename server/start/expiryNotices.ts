import { asAccounts, asOperator, type Tenant } from '../../db/admission.ts';
import {
  claimExpiryNotice,
  type ExpiryNotice,
  listOrganizationsToNotify,
  markExpiryNotice,
  returnExpiryNotice,
} from '../../db/expiryNotices.ts';
import { expiryMail } from '../mail/messages.ts';
import type { Deps } from '../procedures/context.ts';

/** A notice is due this many days before its key expires. */
const DAYS = 7;

type Parts = Pick<Deps, 'db' | 'log' | 'mail' | 'publicUrl' | 'draining'>;

/**
 * Sends a notice for each key that expires within 7 days: one notice for each expiry, however many instances send
 * notices at once (db/expiryNotices.ts names the exceptions). Each notice is claimed just before the notice is sent. A
 * notice that cannot be sent is due again in the next round. Once the service drains, no further notice is claimed.
 */
export async function sendExpiryNotices(parts: Parts): Promise<void> {
  const { db, log, draining } = parts;
  try {
    for (const organizationId of await listOrganizationsToNotify(asAccounts(db), DAYS)) {
      const tenant = asOperator(db, organizationId);
      let after: string | undefined;
      while (!draining.signal.aborted) {
        const notice = await claimExpiryNotice(tenant, { organizationId, days: DAYS, after });
        if (!notice) break;
        await send(parts, { tenant, organizationId, notice });
        after = notice.id;
      }
    }
  } catch (error) {
    log.warn({ err: error }, 'notices of expiries are not sent yet');
  }
}

async function send(
  { log, mail, publicUrl }: Parts,
  { tenant, organizationId, notice }: { tenant: Tenant; organizationId: string; notice: ExpiryNotice },
) {
  const { id, expiresAt } = notice;
  try {
    await mail.send(expiryMail({ ...notice, publicUrl }));
  } catch (error) {
    log.warn({ err: error, organizationId, keyId: id }, 'the notice of an expiry is not sent yet');
    return await returnExpiryNotice(tenant, { organizationId, id });
  }
  await markExpiryNotice(tenant, { organizationId, id, expiresAt });
}
