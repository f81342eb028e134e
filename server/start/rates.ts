import type { Logger } from 'pino';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { SignInLimiters } from '../auth/signInGuard.ts';
import { MAILS_OF_ADDRESS, type MailLimiters } from '../mail/mailCap.ts';
import type { Deps } from '../procedures/context.ts';
import type { Config } from './config.ts';

export type Limiters = Pick<Deps, 'rateLimiter' | 'organizationRateLimiter'> & SignInLimiters & MailLimiters;
type Rates = Pick<Config, 'rateLimit'> & Partial<Pick<Config, 'organizationRateLimit'>>;

/** Seconds in which calls are counted. */
const WINDOW = 60;

/** Calls per minute of an organization where the setting is not made: 3,000, or a key's rate where that is higher. */
const organizationLimit = (rateLimit: number) => Math.max(3_000, rateLimit);

/** The names and sizes of the counts. A pause of sign-ins has a length of its own: see server/auth/signInGuard.ts. */
const optionsOf = ({ rateLimit, organizationRateLimit = organizationLimit(rateLimit) }: Rates) => ({
  rateLimiter: { points: rateLimit, duration: WINDOW, keyPrefix: 'introzy:rate' },
  organizationRateLimiter: { points: organizationRateLimit, duration: WINDOW, keyPrefix: 'introzy:rate:organization' },
  signInFailures: { points: Number.MAX_SAFE_INTEGER, duration: 86_400, keyPrefix: 'introzy:sign-in' },
  signInPauses: { points: 1, duration: 1, keyPrefix: 'introzy:sign-in:pause' },
  mailsOfAddress: { ...MAILS_OF_ADDRESS, keyPrefix: 'introzy:mail' },
});

type Options = ReturnType<typeof optionsOf>;

/** Makes each limiter of the service. */
function eachLimiter<T>(rates: Rates, make: (options: Options[keyof Options], name: keyof Limiters) => T) {
  const options = optionsOf(rates);
  const names = Object.keys(options) as (keyof Options)[];
  return Object.fromEntries(names.map((name) => [name, make(options[name], name)])) as Record<keyof Limiters, T>;
}

/** Counts calls in this process alone. */
export function countInMemory(rates: Rates): Limiters {
  return eachLimiter(rates, (options) => new RateLimiterMemory(options));
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
  const limiters = eachLimiter(config, (options, name) =>
    redis.count({ ...options, insuranceLimiter: inMemory[name] }),
  );
  return { ...limiters, close: () => redis.close() };
}
