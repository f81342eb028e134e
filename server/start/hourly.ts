import { setTimeout } from 'node:timers/promises';
import { deleteExpiredSessions } from '../../db/accounts.ts';
import { asAccounts } from '../../db/admission.ts';
import { withLimits } from '../../db/open.ts';
import type { Deps } from '../procedures/context.ts';
import { sendExpiryNotices } from './expiryNotices.ts';
import { COMMAND_LIMITS, type Store } from './store.ts';
import { trimKeyUsage } from './trimKeyUsage.ts';

/** Milliseconds between the end of a round and the beginning of the next round. */
const HOUR = 3_600_000;
/**
 * Milliseconds that the end of the service waits for a round. A mail server may take longer; the notice is then due
 * again.
 */
const PATIENCE = 1_000;

/**
 * Sends notices of expiries, and deletes their old records and expired sessions, now and every hour until the service
 * drains. Beside this work, does the migrations that run beside the service, and makes contacts anew that the version
 * before has written, and erases what was deleted long enough ago. Every instance does so, and no instance disturbs another instance. `end` waits at most a second
 * for the work that is under way. A request's limits bound none of the work: much may have expired.
 */
export function startHourly(deps: Deps, { finish, erase }: Pick<Store, 'finish' | 'erase'>): { end(): Promise<void> } {
  const { log, draining } = deps;
  const { signal } = draining;
  const db = withLimits(deps.db, COMMAND_LIMITS);
  const working = Promise.all([
    everyHour(signal, async () => {
      await sendExpiryNotices({ ...deps, db });
      await trimKeyUsage({ ...deps, db });
      await deleteExpiredSessions(asAccounts(db), signal).catch((error: unknown) =>
        log.warn({ err: error }, 'sessions that are over are not deleted yet'),
      );
    }),
    everyHour(signal, async () => {
      try {
        const { migrated, remade } = await finish(signal);
        if (migrated.length > 0 || remade > 0) log.info({ migrated, remade }, 'migrations beside the service are done');
      } catch (error) {
        log.warn({ err: error }, 'migrations beside the service are not done yet');
      }
      try {
        const { organizations, contacts } = await erase(signal);
        if (organizations.length > 0 || contacts > 0)
          log.info({ organizations, contacts }, 'what was deleted is erased');
      } catch (error) {
        log.warn({ err: error }, 'what was deleted is not erased yet');
      }
    }),
  ]);
  return { end: () => Promise.race([working.then(() => {}), setTimeout(PATIENCE)]) };
}

/** Runs `work` now and an hour after each end, until `signal`. */
async function everyHour(signal: AbortSignal, work: () => Promise<void>) {
  while (!signal.aborted) {
    await work();
    // The promise rejects when the signal is aborted.
    await setTimeout(HOUR, undefined, { signal }).catch(() => {});
  }
}
