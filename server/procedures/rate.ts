import { RateLimiterRes } from 'rate-limiter-flexible';
import type { Principal } from '../auth/principal.ts';
import { fault, outOfReach } from '../http/errors.ts';
import type { Context } from './context.ts';

/** Counts `calls` against the caller's rate, and throws 429 where the rate is used up. */
export async function countCall(
  { deps: { rateLimiter }, seen }: Context,
  { countedAs }: Principal,
  calls = 1,
): Promise<void> {
  let used: RateLimiterRes;
  try {
    used = await rateLimiter.consume(countedAs, calls);
  } catch (rejection) {
    if (!(rejection instanceof RateLimiterRes)) throw outOfReach(rejection);
    used = rejection;
  }
  const { points: limit, duration: window } = rateLimiter;
  const reset = Math.max(Math.ceil(used.msBeforeNext / 1000), 1);
  seen.rate = { limit, window, remaining: used.remainingPoints, reset };
  if (used.consumedPoints > limit) throw fault('TOO_MANY_REQUESTS', { headers: { 'Retry-After': String(reset) } });
}

/**
 * Takes back the count of a call that the database refused: the count was the key's, and a cut-off secret must not use
 * up the key's rate. A call that was counted as the secret's own (`countedAs`) stays counted. The refused caller must
 * not see the state of the rate.
 */
export async function dropCount({ deps: { rateLimiter, log }, seen }: Context, principal: Principal): Promise<void> {
  const { identity, countedAs, refuse } = principal;
  refuse();
  delete seen.rate;
  const { id } = identity.who;
  if (countedAs !== id) return;
  await rateLimiter.reward(id).catch((error: unknown) => log.warn({ err: error, id }, 'a refused call stays counted'));
}
