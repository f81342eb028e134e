import { setTimeout } from 'node:timers/promises';
import { deleteExpiredSessions } from '../../db/accounts.ts';
import { asAccounts } from '../../db/admission.ts';
import type { Deps } from '../procedures/context.ts';
import { sendExpiryNotices } from './expiryNotices.ts';

/** Milliseconds between the end of a round and the beginning of the next round. */
const HOUR = 3_600_000;
/**
 * Milliseconds that the end of the service waits for a round. A mail server may take longer; the notice is then due
 * again.
 */
const PATIENCE = 1_000;

/**
 * Sends notices of expiries and deletes expired sessions, now and every hour until the service drains. Every instance
 * does so, and no instance disturbs another instance. `end` waits at most a second for the round that is under way.
 */
export function startHourly(deps: Deps): { end(): Promise<void> } {
  const { signal } = deps.draining;
  const work = async () => {
    while (!signal.aborted) {
      await sendExpiryNotices(deps);
      await deleteExpiredSessions(asAccounts(deps.db)).catch((error: unknown) =>
        deps.log.warn({ err: error }, 'sessions that are over are not deleted yet'),
      );
      // The promise rejects when the signal is aborted.
      await setTimeout(HOUR, undefined, { signal }).catch(() => {});
    }
  };
  const working = work();
  return { end: () => Promise.race([working, setTimeout(PATIENCE)]) };
}
