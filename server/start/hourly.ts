import { deleteExpiredSessions } from '../../db/accounts.ts';
import { asAccounts } from '../../db/admission.ts';
import type { Deps } from '../procedures/context.ts';
import { sendExpiryNotices } from './expiryNotices.ts';

/** Milliseconds. */
const HOUR = 3_600_000;

/** Does what is due every hour, now and from then on, until stopped: each instance does, and none in another's way. */
export function startHourly(deps: Deps): { stop(): Promise<void> } {
  const round = async () => {
    await sendExpiryNotices(deps);
    await deleteExpiredSessions(asAccounts(deps.db)).catch((error: unknown) =>
      deps.log.warn({ err: error }, 'sessions that are over are not deleted yet'),
    );
  };
  let current = round();
  const timer = setInterval(() => (current = round()), HOUR);
  return {
    async stop() {
      clearInterval(timer);
      await current;
    },
  };
}
