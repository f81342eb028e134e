import { getTRPCErrorFromUnknown, initTRPC } from '@trpc/server';
import type { KeyIdentity } from '../db/keyUse.ts';
import { redactKeys, type Scope } from '../shared/apiKeys.ts';
import { Id } from '../shared/text.ts';
import { transformer } from '../shared/transformer.ts';
import { identify, type Principal } from './auth/verify.ts';
import type { Context } from './context.ts';
import { badRequest, describeError, fault, insufficientScope, translateFault, unauthorized } from './faults.ts';
import { countCall, dropCount } from './rate.ts';

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
    const data = {
      code,
      httpStatus: status,
      path: path && redactKeys(path),
      requestId: ctx?.requestId,
      reason,
      details,
    };
    // What is undefined would go out as superjson's undefined, for every client to carry.
    return { ...shape, message, data: JSON.parse(JSON.stringify(data)) as typeof data };
  },
});

export const router = t.router;

/**
 * A procedure for valid keys: any of them, or those that have `scope`. In this order it is settled who calls, whether their
 * rate and their scopes allow it, and that they mean their own organization; then the procedure's own input.
 *
 * One middleware, not one a step: to pass a call on costs tRPC more than any of these steps.
 */
const procedureFor = (scope?: Scope) =>
  t.procedure.use(async ({ ctx, next, getRawInput }) => {
    let principal: Principal | undefined;
    try {
      const identified = await identify(ctx.deps, ctx.credential);
      if (!identified.ok) throw unauthorized(identified.refusal);
      ({ principal } = identified);
      const { identity, tenant } = principal;
      ctx.seen.identity = identity;
      return await onlyIfAdmitted(principal, async () => {
        await countCall(ctx, identified.principal);
        if (scope) requireScopes(identity, [scope]);
        refuseForeign(identity.organizationId, await getRawInput());
        const result = await next({ ctx: { identity, tenant, organizationId: identity.organizationId } });
        if (!result.ok) throw result.error;
        return result;
      });
    } catch (cause) {
      const error = translateFault(getTRPCErrorFromUnknown(cause));
      if (principal && error.code === 'UNAUTHORIZED') await dropCount(ctx, principal);
      throw error;
    }
  });

export const keyProcedure = procedureFor();
export const scopedProcedure = (scope: Scope) => procedureFor(scope);

/**
 * No answer leaves before the database has admitted the key. Most calls do that with their own query; the others, and those
 * that fail before it, do it at the end, so that a stranger learns nothing but the refusal.
 */
async function onlyIfAdmitted<T>({ isAdmitted, admit }: Principal, call: () => Promise<T>) {
  try {
    const result = await call();
    if (!isAdmitted()) await admit();
    return result;
  } catch (error) {
    const { code } = translateFault(getTRPCErrorFromUnknown(error));
    const isSettled = code === 'UNAUTHORIZED' || code === 'SERVICE_UNAVAILABLE';
    if (!isAdmitted() && !isSettled) await admit();
    throw error;
  }
}

/** Throws where the key lacks any of `scopes`. */
export function requireScopes(identity: KeyIdentity, scopes: readonly Scope[]) {
  const missing = scopes.filter((scope) => !identity.scopes.includes(scope));
  if (missing.length > 0) throw insufficientScope(missing);
}

/** Throws where the input names another organization than the key's own. */
function refuseForeign(organizationId: string, input: unknown) {
  if (typeof input !== 'object' || input === null || !('organizationId' in input)) return;
  const named = Id.safeParse(input.organizationId);
  if (named.success && named.data !== organizationId) throw fault('FORBIDDEN');
}
