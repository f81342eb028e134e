import { asNobody, asOperator } from '../../db/admission.ts';
import { listOrganizationsToNotify, returnExpiryNotice, takeExpiryNotices } from '../../db/expiryNotices.ts';
import { PATHS } from '../../shared/paths.ts';
import type { Deps } from '../procedures/context.ts';

/** Days before a key expires. */
const DAYS = 7;

type Parts = Pick<Deps, 'db' | 'log' | 'mail' | 'publicUrl'>;

/** Tells of each key that expires within 7 days, once, however many instances look. What fails is due again next time. */
export async function sendExpiryNotices({ db, log, mail, publicUrl }: Parts): Promise<void> {
  try {
    for (const organizationId of await listOrganizationsToNotify(asNobody(db), DAYS)) {
      const tenant = asOperator(db, organizationId);
      for (const { id, name, expiresAt, email } of await takeExpiryNotices(tenant, { organizationId, days: DAYS })) {
        const day = expiresAt.toISOString().slice(0, 10);
        const mailed = mail.send({
          to: email,
          subject: `The API key “${name}” expires on ${day}`,
          text: `The API key “${name}” expires on ${day} (UTC). What uses it stops working then. Rotate it in time:`,
          link: `${publicUrl}${PATHS.apiKey.replace(':id', id)}`,
        });
        await mailed.catch(async (error: unknown) => {
          log.warn({ err: error, organizationId, keyId: id }, 'the notice of an expiry is not sent yet');
          await returnExpiryNotice(tenant, { organizationId, id });
        });
      }
    }
  } catch (error) {
    log.warn({ err: error }, 'notices of expiries are not sent yet');
  }
}
