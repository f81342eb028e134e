import { getTRPCErrorFromUnknown, initTRPC, type TRPCError } from '@trpc/server';
import type { Admission } from '../../db/admission.ts';
import { getApiKey } from '../../db/apiKeys.ts';
import { AddressRefused, ScopeRefused } from '../../db/errors.ts';
import { isDryRun } from '../../shared/dryRun.ts';
import { decodePage } from '../../shared/encoded.ts';
import { redactKeys } from '../../shared/keyFormat.ts';
import { FACTOR_NEEDED } from '../../shared/refusals.ts';
import { mayGive } from '../../shared/roles.ts';
import type { Scope } from '../../shared/scopes.ts';
import { Id } from '../../shared/text.ts';
import { transformer } from '../../shared/transformer.ts';
import type { Principal } from '../auth/principal.ts';
import { badRequest, describeError, fault } from '../http/errors.ts';
import { getPrincipal, refuseGone } from './caller.ts';
import type { Context, Counts } from './context.ts';
import { type Keyed, once } from './idempotency.ts';
import { settle, toTrpcError } from './outcome.ts';
import { countCall, dropCount } from './rate.ts';
import { requireRecentProof } from './recentProof.ts';
import { countOutcome } from './usage.ts';

/** The part of a procedure's definition about its callers. REST, MCP and OpenAPI read the scope here. */
export interface ProcedureMeta {
  /** The scope that a caller needs. Without a scope in the definition, `check` of `procedureFor` alone decides. */
  scope?: Scope;
  /** Some callers need no scope: a key for itself, or a person for the keys that the person issued. */
  hasExceptions?: true;
  /** A person must have given the password within the last minutes, as where the answer shows the secret of a key. */
  takesProof?: true;
  /** The answer shows a secret: it is not compressed, nor kept for repetitions with the same idempotency key. */
  showsSecret?: true;
}

/** The scope of the procedures with exceptions: their definitions and `issuerInSight` name the same scope. */
export const MANAGE_KEYS = 'keys:manage' satisfies Scope;

const t = initTRPC
  .context<Context>()
  .meta<ProcedureMeta>()
  .create({
    // Also where NODE_ENV says otherwise: a stack never leaves the server.
    isDev: false,
    jsonl: { contentType: 'application/jsonl' },
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
      // Without the fields that are undefined: superjson would send a note about each to every client.
      return { ...shape, message, data: JSON.parse(JSON.stringify(data)) as typeof data };
    },
  });

export const router = t.router;

/**
 * A procedure for the callers that `check` lets pass; the answer of `check` is the context's `granted`. The order is
 * fixed: the caller, the caller's rate, the second factor that an organization requires, the caller's rights, the
 * organization that is meant, and then the procedure's own input.
 *
 * All steps are a single middleware: in tRPC, a call's way to the next middleware costs more than any of the steps.
 */
const procedureFor = <Granted>(check: (principal: Principal) => Granted) =>
  t.procedure.use(async ({ ctx, meta, path, type, next, getRawInput }) => {
    let principal: Principal | undefined;
    const counts: Counts = [...(ctx.streamed ?? [])];
    if (meta?.showsSecret) ctx.seen.showsSecret = true;
    try {
      const caller = await getPrincipal(ctx);
      principal = caller;
      const { identity, admission } = caller;
      const answer = await onlyIfAdmitted(admission, async () => {
        refuseGone(ctx);
        if (!ctx.isCounted && !ctx.streamed) await countCall(ctx, { principal: caller, counts });
        if (caller.lacksFactor) throw fault('FORBIDDEN', { details: { reason: FACTOR_NEEDED } });
        if (meta?.scope && !meta.hasExceptions) await requireScopes(caller, [meta.scope]);
        const granted = await check(caller);
        if (meta?.takesProof) await requireRecentProof(caller);
        const input = await getRawInput();
        refuseOtherOrganization(identity.organizationId, input);
        const { organizationId } = identity;
        const isDry = isDryRun(input);
        if (isDry) ctx.seen.isDryRun = true;
        refuseGone(ctx);
        const call = async (keyed?: Keyed) => {
          const tenant = isDry ? admission.dryTenant() : admission.tenant();
          return await next({ ctx: { identity, admission, tenant, organizationId, granted, keyed } });
        };
        const { idempotency } = ctx;
        const isKeyed = idempotency && type === 'mutation' && !isDry;
        const showsSecret = meta?.showsSecret ?? false;
        const result = isKeyed
          ? await once({ ctx, idempotency, principal: caller, procedure: path, input, showsSecret }, call)
          : await call();
        if (!result.ok) throw result.error;
        // tRPC copies the fields of each part of a stream, and knows no encoded pages.
        return ctx.streamed ? { ...result, data: decodePage(result.data) } : result;
      });
      if (!ctx.isCounted) countOutcome(ctx, { principal: caller });
      return answer;
    } catch (thrown) {
      const error = toTrpcError(thrown);
      // A call that was not begun is no call.
      const isGone = error.code === 'CLIENT_CLOSED_REQUEST';
      if (principal && !isGone && !ctx.isCounted) countOutcome(ctx, { principal, error });
      // A key that was stolen, and is used from a foreign address, must not use up the rate of its owner.
      const isForeign = getTRPCErrorFromUnknown(thrown).cause instanceof AddressRefused;
      const isRefused = error.code === 'UNAUTHORIZED';
      if (isRefused) principal?.refuse();
      if (principal && (isRefused || isForeign || isGone)) await dropCount(ctx, { principal, counts });
      throw error;
    }
  });

/** For any key, and any member. */
export const keyProcedure = procedureFor(() => undefined);
/** For callers that have `scope`. */
export const scopedProcedure = (scope: Scope) => keyProcedure.meta({ scope });
/** About keys. `granted` is the issuer whose keys the caller may deal with: see `issuerInSight`. */
export const ownKeysProcedure = procedureFor(issuerInSight).meta({ scope: MANAGE_KEYS, hasExceptions: true });
/** Deals with secrets. `granted` is the key that calls, where the key may rotate itself whatever its scopes. */
export const rotationProcedure = procedureFor(selfRotating).meta({ scope: MANAGE_KEYS, hasExceptions: true });
/** For people; `granted` is the person. */
export const personProcedure = procedureFor(requirePerson);
/** For the organization's owners; `granted` is the person. */
export const ownerProcedure = procedureFor(requireOwner);
/** For the organization's owners and admins; `granted` is the person. */
export const adminProcedure = procedureFor(requireAdmin);

/**
 * Lets no answer leave before the database has admitted the caller. Most calls are admitted with their own query. The
 * others, and calls that fail before their query, are admitted at the end, so that a stranger learns nothing but the
 * refusal. A 401, a 503 and the admission's own refusal of a scope leave as they are.
 */
async function onlyIfAdmitted<T>({ isAdmitted, admit }: Admission, call: () => Promise<T>) {
  try {
    const result = await call();
    if (!isAdmitted()) await admit();
    return result;
  } catch (error) {
    const { code } = toTrpcError(error);
    const isRefusal = error instanceof ScopeRefused || error instanceof AddressRefused;
    if (!isAdmitted() && !SETTLED.has(code) && !isRefusal) await admit();
    throw error;
  }
}

const SETTLED = new Set<TRPCError['code']>(['UNAUTHORIZED', 'SERVICE_UNAVAILABLE', 'CLIENT_CLOSED_REQUEST']);

/** The parts of a principal, or of a procedure's context, that a check of rights needs. */
type Caller = Pick<Principal, 'identity' | 'admission'>;

/**
 * Has the rest of the call's transactions check that the caller has `scopes`. Where the identity says that a scope is
 * lacking, asks the database at once, which refuses with `ScopeRefused`: the answer must not wait for a query.
 */
export async function requireScopes({ identity, admission }: Caller, scopes: readonly Scope[]): Promise<void> {
  admission.askFor(scopes);
  if (!scopes.every((scope) => identity.scopes.includes(scope))) await admission.admit();
}

/**
 * The issuer whose keys the caller may deal with. `undefined` stands for every issuer in the organization, which takes
 * `keys:manage`; a person without the scope may deal with the keys that the person issued.
 */
export async function issuerInSight(caller: Caller): Promise<string | undefined> {
  const { who, scopes } = caller.identity;
  if (who.type === 'person' && !scopes.includes(MANAGE_KEYS)) return who.id;
  await requireScopes(caller, [MANAGE_KEYS]);
  return undefined;
}

/** The id of the key that calls, where the key has `selfRotate`. Any other caller needs `keys:manage`. */
async function selfRotating(caller: Principal): Promise<string | undefined> {
  const { organizationId, who } = caller.identity;
  if (who.type === 'key' && !who.isToken) {
    const apiKey = settle(await getApiKey(caller.admission.tenant(), { organizationId, id: who.id }), 'API key');
    if (apiKey.selfRotate) return who.id;
  }
  await requireScopes(caller, [MANAGE_KEYS]);
  return undefined;
}

function requirePerson({ identity: { who } }: Caller) {
  if (who.type === 'person') return who;
  throw fault('FORBIDDEN', { details: { reason: 'An API key is no person: sign in' } });
}

function requireAdmin(caller: Caller) {
  const person = requirePerson(caller);
  if (mayGive(person.role, 'admin')) return person;
  throw fault('FORBIDDEN', { details: { reason: 'Only an owner or an admin of the organization may do this' } });
}

function requireOwner(caller: Caller) {
  const person = requirePerson(caller);
  if (person.role === 'owner') return person;
  throw fault('FORBIDDEN', { details: { reason: 'Only an owner of the organization may do this' } });
}

/** Throws 403 where the input names another organization than the caller's. */
function refuseOtherOrganization(organizationId: string, input: unknown) {
  if (typeof input !== 'object' || input === null || !('organizationId' in input)) return;
  const named = Id.safeParse(input.organizationId);
  if (named.success && named.data !== organizationId) throw fault('FORBIDDEN');
}
