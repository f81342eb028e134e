import { fault, outOfReach } from '../http/errors.ts';
import type { Context, Counts, Principal, RateState, Taken } from './context.ts';

interface Counted {
  principal: Principal;
  counts: Counts;
  /** 1 unless given. */
  calls?: number;
}

/**
 * Counts `calls` against the caller's rate, and a key's calls against the rate of the organization too. Throws 429
 * where one of the two is used up; the other rate then keeps nothing of the call. People count for no organization:
 * whoever has used up the rate of the keys can still see the keys in the dashboard.
 */
export async function countCall({ deps, seen }: Context, { principal, counts, calls = 1 }: Counted): Promise<void> {
  const { identity, countedAs } = principal;
  const { organizationId, rateLimit = Number.POSITIVE_INFINITY, who } = identity;
  const own: Taken = { limiter: deps.rateLimiter, name: countedAs, calls };
  let rate = await take(own, who.type, Math.min(rateLimit, own.limiter.points));
  // The count of a refused secret stays, and the organization has no part in it.
  if (countedAs === who.id) {
    counts.push(own);
    if (who.type === 'key') {
      // Over the rate of the key, the rate of the organization is only looked at.
      const shared = { limiter: deps.organizationRateLimiter, name: organizationId, calls: rate.isOver ? 0 : calls };
      const common = await take(shared, 'organization');
      if (!rate.isOver) counts.push(shared);
      if (common.isOver && !rate.isOver) {
        counts.splice(counts.indexOf(own), 1);
        await giveBack(own).catch(cannotReach);
        rate.remaining += calls;
      }
      rate = tighter(rate, common);
    }
  }
  seen.rate = rate;
  if (!rate.isOver) return;
  const { of, limit, reset } = rate;
  throw fault('TOO_MANY_REQUESTS', {
    details: {
      reason: `${USED_UP[of]} rate of ${limit} ${limit === 1 ? 'call' : 'calls'} a minute`,
      retryAfterSeconds: reset,
    },
    headers: { 'Retry-After': String(reset) },
  });
}

const USED_UP: Record<RateState['of'], string> = {
  key: 'The API key has used up its',
  person: 'You have used up your',
  organization: 'The API keys of the organization have used up its',
};

/**
 * Takes back the counts of a call that the database refused: a cut-off secret must not use up the rate of its key, nor
 * of the organization. A call that was counted as the secret's own (`countedAs`) stays counted. The refused caller must
 * not see the state of the rate.
 */
export async function dropCount(
  { deps: { log }, seen }: Context,
  { principal, counts }: Omit<Counted, 'calls'>,
): Promise<void> {
  delete seen.rate;
  const { id } = principal.identity.who;
  const given = counts.splice(0).map(giveBack);
  await Promise.all(given).catch((error: unknown) => log.warn({ err: error, id }, 'a refused call stays counted'));
}

interface Measured extends RateState {
  isOver: boolean;
}

/**
 * Counts calls, and gives the state of the rate. `penalty` only counts and refuses nothing, because `limit`, the limit
 * of a key, may be lower than the limiter's own.
 */
async function take({ limiter, name, calls }: Taken, of: RateState['of'], limit = limiter.points): Promise<Measured> {
  const { consumedPoints, msBeforeNext } = await limiter.penalty(name, calls).catch(cannotReach);
  return {
    of,
    limit,
    window: limiter.duration,
    remaining: Math.min(Math.max(limit - consumedPoints, 0), limit),
    reset: Math.max(Math.ceil(msBeforeNext / 1000), 1),
    isOver: consumedPoints > limit,
  };
}

/** Gives calls back. Where their minute is over, the count of the next minute must not go below zero. */
async function giveBack({ limiter, name, calls }: Taken): Promise<void> {
  const { consumedPoints } = await limiter.reward(name, calls);
  if (consumedPoints < 0) await limiter.penalty(name, Math.min(calls, -consumedPoints));
}

function cannotReach(cause: unknown): never {
  throw outOfReach(cause);
}

/** The rate that ends first. Where both are used up, the rate that the caller has to wait for longer. */
function tighter(a: Measured, b: Measured): Measured {
  const isOver = a.isOver || b.isOver;
  const isSecond = a.remaining === b.remaining ? b.reset > a.reset : b.remaining < a.remaining;
  return { ...(isSecond ? b : a), isOver };
}
