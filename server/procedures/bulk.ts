import PQueue from 'p-queue';
import { takeTurns } from '../auth/takeTurns.ts';
import { fault } from '../http/errors.ts';

/** Does work that holds a connection for seconds. Throws 503 where too much work of the organization waits. */
export type InBulk = <T>(organizationId: string, work: () => Promise<T>) => Promise<T>;

/** Such work at once: a third of the connections, so that short calls find one. */
const AT_ONCE = 3;
/** Works of an organization that are under way or wait. */
const MOST = 10;

/** Each organization's work is done one after the other: two changes of the same contacts would wait for locks. */
export function createBulk(): InBulk {
  const all = new PQueue({ concurrency: AT_ONCE });
  const inTurn = takeTurns();
  const counts = new Map<string, number>();
  return async (organizationId, work) => {
    const count = counts.get(organizationId) ?? 0;
    if (count >= MOST) throw fault('SERVICE_UNAVAILABLE', { headers: { 'Retry-After': '10' } });
    counts.set(organizationId, count + 1);
    try {
      return await inTurn(organizationId, () => all.add(work));
    } finally {
      const left = (counts.get(organizationId) ?? 1) - 1;
      if (left > 0) counts.set(organizationId, left);
      else counts.delete(organizationId);
    }
  };
}
