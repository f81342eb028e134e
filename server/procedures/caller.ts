import type { KeyRefusal } from '../../shared/errors.ts';
import { findStrayKey } from '../auth/credential.ts';
import { identifyKeyHolder } from '../auth/keys.ts';
import type { Identification, Principal } from '../auth/principal.ts';
import { identifyPerson } from '../auth/sessions.ts';
import { fault, unauthorized } from '../http/errors.ts';
import { findForgery } from '../http/sameOrigin.ts';
import type { Context, Counts } from './context.ts';
import { refuseSeveral } from './idempotency.ts';
import { toTrpcError } from './outcome.ts';
import { countCall } from './rate.ts';
import { countOutcome } from './usage.ts';

/** Finds the caller of a request. Whether the database still admits the caller is another question. Throws 401. */
export async function getPrincipal(ctx: Context): Promise<Principal> {
  const identified = await identify(ctx);
  if (!identified.ok) throw refused(ctx, identified.refusal);
  ctx.seen.identity = identified.principal.identity;
  return identified.principal;
}

/**
 * Finds the caller before any procedure runs, and has the database admit the caller: for a door with messages that
 * reach no procedure. Throws 401, for a session's cookie too: the cookie is for the dashboard, not for agents.
 */
export async function admitKeyHolder(ctx: Context): Promise<Principal> {
  if (ctx.credential.type === 'session') throw refused(ctx, 'missing');
  const principal = await getPrincipal(ctx);
  await admit(principal);
  return principal;
}

/**
 * Has the database admit the caller of several calls, and counts the calls against the rates, before any call runs: for an
 * answer whose status is sent before the calls end. Throws 401, 403, 429 or 503, and 400 for several writes with an
 * idempotency key. Gives what was counted of each call, for the
 * context of the procedures (`streamed`), which do not count again, and check the caller as ever.
 */
export async function admitCalls(
  ctx: Context,
  { calls, isWrite }: { calls: number; isWrite: boolean },
): Promise<Counts> {
  const counts: Counts = [];
  const principal = await getPrincipal(ctx);
  try {
    await admit(principal);
    refuseGone(ctx);
    await countCall(ctx, { principal, counts, calls });
    if (ctx.idempotency && isWrite) refuseSeveral(ctx.idempotency);
    return counts.map((taken) => ({ ...taken, calls: 1 }));
  } catch (thrown) {
    const error = toTrpcError(thrown);
    if (error.code !== 'CLIENT_CLOSED_REQUEST') countOutcome(ctx, { principal, error, calls });
    throw error;
  }
}

async function admit(principal: Principal): Promise<void> {
  try {
    await principal.admission.admit();
  } catch (thrown) {
    const error = toTrpcError(thrown);
    if (error.code === 'UNAUTHORIZED') principal.refuse();
    throw error;
  }
}

/** Throws where the client has closed the connection: nobody would read the answer, so the call is not begun. */
export function refuseGone({ isGone }: Context): void {
  if (isGone()) throw fault('CLIENT_CLOSED_REQUEST');
}

async function identify({ deps, credential, source, isGone }: Context): Promise<Identification> {
  if (credential.type === 'none') return { ok: false, refusal: credential.refusal };
  if (credential.type === 'key') return await identifyKeyHolder(deps, { key: credential.key, source, isGone });
  const forgery = findForgery(credential.request, deps.publicUrl);
  if (forgery) throw forgery;
  return await identifyPerson(deps, { headers: credential.request.headers, isGone });
}

/** 401. Where the request brought no key in its place, a hint tells of a key in another place. */
const refused = ({ credential }: Context, refusal: KeyRefusal) =>
  unauthorized(refusal, credential.type === 'key' ? undefined : findStrayKey(credential.request));
