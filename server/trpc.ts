import { initTRPC } from '@trpc/server';
import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import { validate as isUuid } from 'uuid';
import type { KeyIdentity } from '../db/apiKeys.ts';
import type { Scope } from '../shared/apiKeys.ts';
import { transformer } from '../shared/transformer.ts';
import { admit, identify } from './auth/verify.ts';
import type { Context, RateState } from './context.ts';
import { badRequest, describeError, fault, insufficientScope, translateFault, unauthorized } from './faults.ts';

const t = initTRPC.context<Context>().create({
  // Also where NODE_ENV says otherwise: a stack never leaves the server.
  isDev: false,
  transformer: {
    output: transformer,
    input: {
      serialize: transformer.serialize,
      deserialize(value) {
        try {
          return transformer.deserialize(value);
        } catch (error) {
          throw badRequest(`Not superjson: ${(error as Error).message}`);
        }
      },
    },
  },
  errorFormatter({ shape, error, path, ctx }) {
    const { code, status, message, details } = describeError(error);
    const { reason } = details ?? {};
    const data = { code, httpStatus: status, path, requestId: ctx?.requestId, reason, details };
    // What is undefined would go out as superjson's undefined, for every client to carry.
    return { ...shape, message, data: JSON.parse(JSON.stringify(data)) as typeof data };
  },
});

export const router = t.router;

/**
 * For any valid key. In this order: who calls, their rate, the organization that they name, then what the procedure adds.
 *
 * No answer leaves before the database has admitted the key. Most calls do that with their own query; the rest, and those
 * that fail before it, do it at the end, so that a stranger learns nothing but the refusal.
 */
export const keyProcedure = t.procedure
  .use(async ({ next }) => {
    const result = await next();
    if (!result.ok) throw translateFault(result.error);
    return result;
  })
  .use(async ({ ctx, next }) => {
    const identified = await identify(ctx.deps, ctx.credential);
    if (!identified.ok) throw unauthorized(identified.refusal);
    const { identity, tenant, isAdmitted } = identified.principal;
    const result = await next({ ctx: { identity, tenant, organizationId: identity.organizationId } });
    const isSettled = !result.ok && SETTLED.has(translateFault(result.error).code);
    if (!isAdmitted() && !isSettled) await admit(tenant);
    if (isAdmitted()) ctx.seen.identity = identity;
    return result;
  })
  .use(async ({ ctx, next }) => {
    const rate = await consume(ctx.deps.rateLimiter, ctx.identity.keyId);
    ctx.seen.rate = rate;
    if (rate.isExceeded) throw fault('TOO_MANY_REQUESTS', { headers: { 'Retry-After': String(rate.reset) } });
    return next();
  })
  .use(async ({ ctx, next, getRawInput }) => {
    const input = await getRawInput();
    const named = typeof input === 'object' && input !== null && 'organizationId' in input && input.organizationId;
    if (typeof named === 'string' && isUuid(named) && named.toLowerCase() !== ctx.organizationId) throw fault('FORBIDDEN');
    return next();
  });

/** Outcomes of a call that say all there is to say of its key. */
const SETTLED = new Set(['UNAUTHORIZED', 'SERVICE_UNAVAILABLE']);

/** For keys that have `scope`. */
export const scopedProcedure = (scope: Scope) =>
  keyProcedure.use(({ ctx, next }) => {
    requireScopes(ctx.identity, [scope]);
    return next();
  });

/** Throws where the key lacks any of `scopes`. */
export function requireScopes(identity: KeyIdentity, scopes: readonly Scope[]) {
  const missing = scopes.filter((scope) => !identity.scopes.includes(scope));
  if (missing.length > 0) throw insufficientScope(missing);
}

/** Counts one call of a key; a batch makes as many calls as it has. */
async function consume(limiter: RateLimiterAbstract, keyId: string): Promise<RateState & { isExceeded: boolean }> {
  const used = await limiter.consume(keyId).catch((rejection: unknown) => {
    if (rejection instanceof RateLimiterRes) return rejection;
    throw rejection;
  });
  return {
    limit: limiter.points,
    remaining: used.remainingPoints,
    reset: Math.max(Math.ceil(used.msBeforeNext / 1000), 1),
    isExceeded: used.consumedPoints > limiter.points,
  };
}
