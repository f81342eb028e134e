import type { Logger } from 'pino';
import { type RateLimiterAbstract, RateLimiterMemory } from 'rate-limiter-flexible';
import type { Deps } from '../procedures/context.ts';
import type { Config } from './config.ts';

export type Limiters = Pick<Deps, 'rateLimiter' | 'organizationRateLimiter'>;
type Rates = Pick<Config, 'rateLimit'> & Partial<Pick<Config, 'organizationRateLimit'>>;

/** Seconds in which calls are counted. */
const WINDOW = 60;

/** Calls per minute of an organization where the setting is not made: 3,000, or a key's rate where that is higher. */
const organizationLimit = (rateLimit: number) => Math.max(3_000, rateLimit);

/** The names and sizes of the two counts. */
const optionsOf = ({ rateLimit, organizationRateLimit = organizationLimit(rateLimit) }: Rates) => ({
  rateLimiter: { points: rateLimit, duration: WINDOW, keyPrefix: 'introzy:rate' },
  organizationRateLimiter: { points: organizationRateLimit, duration: WINDOW, keyPrefix: 'introzy:rate:organization' },
});

/** Counts calls in this process alone. */
export function countInMemory(rates: Rates): Limiters {
  const { rateLimiter, organizationRateLimiter } = optionsOf(rates);
  return {
    rateLimiter: new RateLimiterMemory(rateLimiter),
    organizationRateLimiter: new RateLimiterMemory(organizationRateLimiter),
  };
}

/** Counts calls where the settings say: in Redis, with all instances, or in this process alone. */
export async function openLimiters(
  config: Rates & Pick<Config, 'redisUrl'>,
  log: Logger,
): Promise<Limiters & { close(): void }> {
  const inMemory = countInMemory(config);
  if (config.redisUrl === undefined) return { ...inMemory, close: () => {} };
  // Loaded only here: most services have no Redis, and start without the modules.
  const { connectRedis } = await import('./redis.ts');
  const redis = await connectRedis(config.redisUrl, log);
  const { rateLimiter, organizationRateLimiter } = optionsOf(config);
  const insured = (options: typeof rateLimiter, insuranceLimiter: RateLimiterAbstract) =>
    redis.count({ ...options, insuranceLimiter });
  return {
    rateLimiter: insured(rateLimiter, inMemory.rateLimiter),
    organizationRateLimiter: insured(organizationRateLimiter, inMemory.organizationRateLimiter),
    close: () => redis.close(),
  };
}
