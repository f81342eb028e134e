import { setTimeout } from 'node:timers/promises';
import { deleteExpiredSessions } from '../../db/accounts.ts';
import { asAccounts } from '../../db/admission.ts';
import type { Deps } from '../procedures/context.ts';
import { sendExpiryNotices } from './expiryNotices.ts';

/** Milliseconds between the end of a round and the next. */
const HOUR = 3_600_000;
/** Milliseconds that the service's end waits for a round: a mail server may take longer, and its notice is due again. */
const PATIENCE = 1_000;

/** Does what is due every hour, now and until the service drains. Every instance does; none disturbs another. */
export function startHourly(deps: Deps): { end(): Promise<void> } {
  const { signal } = deps.draining;
  const work = async () => {
    while (!signal.aborted) {
      await sendExpiryNotices(deps);
      await deleteExpiredSessions(asAccounts(deps.db)).catch((error: unknown) =>
        deps.log.warn({ err: error }, 'sessions that are over are not deleted yet'),
      );
      // Rejects as the signal is aborted.
      await setTimeout(HOUR, undefined, { signal }).catch(() => {});
    }
  };
  const working = work();
  return { end: () => Promise.race([working, setTimeout(PATIENCE)]) };
}
