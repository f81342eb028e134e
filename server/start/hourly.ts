import { setTimeout } from 'node:timers/promises';
import { deleteExpiredSessions } from '../../db/accounts.ts';
import { asAccounts } from '../../db/admission.ts';
import { withLimits } from '../../db/open.ts';
import type { Deps } from '../procedures/context.ts';
import { digestTokens } from './digestTokens.ts';
import { eraseDeleted, forgetWords } from './eraseDeleted.ts';
import { sendExpiryNotices } from './expiryNotices.ts';
import { sealAuditLog } from './sealAuditLog.ts';
import { COMMAND_LIMITS, type Store } from './store.ts';
import { trimAnswers } from './trimAnswers.ts';
import { trimKeyUsage } from './trimKeyUsage.ts';

/** Milliseconds between the end of a round and the beginning of the next round. */
const HOUR = 3_600_000;
const MINUTE = 60_000;
/**
 * Milliseconds that the end of the service waits for a round. A mail server may take longer; the notice is then due
 * again.
 */
const PATIENCE = 1_000;

/**
 * Sends notices of expiries, and deletes their old records and expired sessions, now and every hour until the service
 * drains. From the second round on, digests tokens that the version before has written. Beside this work, does the
 * migrations that run beside the service, and makes contacts anew that the version before has written. Every instance does
 * so, and no instance disturbs another instance. `end` waits at most a second for the work that is under way. A request's
 * limits bound none of the work: much may have expired.
 */
export function startHourly(
  deps: Deps,
  { finish, trimAuditLog, eraseOrganizations }: Pick<Store, 'finish' | 'trimAuditLog' | 'eraseOrganizations'>,
): { end(): Promise<void> } {
  const { log, draining } = deps;
  const { signal } = draining;
  const db = withLimits(deps.db, COMMAND_LIMITS);
  // An instance of the version before knows a session by its token alone, and serves for a while beside a new instance.
  let mayDigest = db.kind === 'embedded';
  const working = Promise.all([
    every(HOUR, signal, async () => {
      await sendExpiryNotices({ ...deps, db });
      await trimKeyUsage({ ...deps, db });
      await trimAnswers({ ...deps, db });
      await eraseDeleted({ ...deps, db });
      await forgetWords({ ...deps, db });
      await deleteExpiredSessions(asAccounts(db), signal).catch((error: unknown) =>
        log.warn({ err: error }, 'sessions that are over are not deleted yet'),
      );
      if (mayDigest) await digestTokens({ ...deps, db });
      mayDigest = true;
    }),
    every(HOUR, signal, async () => {
      try {
        const { migrated, remade } = await finish(signal);
        if (migrated.length > 0 || remade > 0) log.info({ migrated, remade }, 'migrations beside the service are done');
      } catch (error) {
        log.warn({ err: error }, 'migrations beside the service are not done yet');
      }
      await trimAuditLog(signal).catch((error: unknown) =>
        log.warn({ err: error }, 'old entries of the audit log are not erased yet'),
      );
      try {
        const organizations = await eraseOrganizations(signal);
        if (organizations.length > 0) log.info({ organizations }, 'organizations are erased');
      } catch (error) {
        log.warn({ err: error }, 'organizations that were deleted are not erased yet');
      }
    }),
    every(MINUTE, signal, () => sealAuditLog({ ...deps, db })),
  ]);
  return { end: () => Promise.race([working.then(() => {}), setTimeout(PATIENCE)]) };
}

/** Runs `work` now, and `pause` milliseconds after each end, until `signal`. */
async function every(pause: number, signal: AbortSignal, work: () => Promise<void>) {
  while (!signal.aborted) {
    await work();
    // The promise rejects when the signal is aborted.
    await setTimeout(pause, undefined, { signal }).catch(() => {});
  }
}
