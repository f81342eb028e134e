import { getTRPCErrorFromUnknown, initTRPC } from '@trpc/server';
import type { Scope } from '../../shared/apiKeys.ts';
import { redactKeys } from '../../shared/keyFormat.ts';
import { mayGive } from '../../shared/roles.ts';
import { Id } from '../../shared/text.ts';
import { transformer } from '../../shared/transformer.ts';
import { identify } from '../auth/keys.ts';
import type { Identity, Principal } from '../auth/principal.ts';
import { badRequest, describeError, fault, insufficientScope, translateFault, unauthorized } from '../http/errors.ts';
import type { Context } from './context.ts';
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

/** Who calls, from what is known of them: whether the database still admits them is another question. Throws 401. */
export async function getPrincipal(ctx: Context): Promise<Principal> {
  const identified = await identify(ctx);
  if (!identified.ok) throw unauthorized(identified.refusal);
  ctx.seen.identity = identified.principal.identity;
  return identified.principal;
}

/**
 * A procedure for those whom `check` lets pass; what it answers with is the context's `granted`. In this order it is settled
 * who calls, whether their rate allows it, what they may do, and that they mean their own organization; then the
 * procedure's own input.
 *
 * One middleware, not one a step: to pass a call on costs tRPC more than any of these steps.
 */
const procedureFor = <Granted>(check: (identity: Identity) => Granted) =>
  t.procedure.use(async ({ ctx, next, getRawInput }) => {
    let principal: Principal | undefined;
    try {
      const caller = await getPrincipal(ctx);
      principal = caller;
      const { identity, tenant } = caller;
      return await onlyIfAdmitted(caller, async () => {
        if (!ctx.isCounted) await countCall(ctx, caller);
        const granted = check(identity);
        refuseForeign(identity.organizationId, await getRawInput());
        const result = await next({ ctx: { identity, tenant, organizationId: identity.organizationId, granted } });
        if (!result.ok) throw result.error;
        return result;
      });
    } catch (cause) {
      const error = translateFault(getTRPCErrorFromUnknown(cause));
      if (principal && error.code === 'UNAUTHORIZED') await dropCount(ctx, principal);
      throw error;
    }
  });

/** For any key, and any member. */
export const keyProcedure = procedureFor(() => undefined);
/** For those who have `scope`. */
export const scopedProcedure = (scope: Scope) => procedureFor((identity) => requireScopes(identity, [scope]));
/** About keys, for those who may deal with all or with some of them: `granted` is whose. */
export const ownKeysProcedure = procedureFor(issuerInSight);
/** For people: `granted` is who. */
export const personProcedure = procedureFor(requirePerson);
/** For the organization's owners and admins: `granted` is who. */
export const adminProcedure = procedureFor(requireAdmin);

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
export function requireScopes(identity: Identity, scopes: readonly Scope[]) {
  const missing = scopes.filter((scope) => !identity.scopes.includes(scope));
  if (missing.length === 0) return;
  throw insufficientScope(missing, identity.who.type === 'person' ? 'Your role' : 'The API key');
}

/**
 * Whose keys the caller may deal with: `undefined` stands for all of the organization's, which takes `keys:manage`; a person
 * without it has those that they issued themselves.
 */
export function issuerInSight({ scopes, who }: Identity): string | undefined {
  if (scopes.includes('keys:manage')) return undefined;
  if (who.type !== 'person') throw insufficientScope(['keys:manage']);
  return who.id;
}

function requirePerson({ who }: Identity) {
  if (who.type === 'person') return who;
  throw fault('FORBIDDEN', { details: { reason: 'An API key is no person: sign in' } });
}

function requireAdmin(identity: Identity) {
  const person = requirePerson(identity);
  if (mayGive(person.role, 'admin')) return person;
  throw fault('FORBIDDEN', { details: { reason: 'Only an owner or an admin of the organization may do this' } });
}

/** Throws where the input names another organization than the key's own. */
function refuseForeign(organizationId: string, input: unknown) {
  if (typeof input !== 'object' || input === null || !('organizationId' in input)) return;
  const named = Id.safeParse(input.organizationId);
  if (named.success && named.data !== organizationId) throw fault('FORBIDDEN');
}
