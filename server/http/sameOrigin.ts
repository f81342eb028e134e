import type { TRPCError } from '@trpc/server';
import { requireJson } from './body.ts';
import { fault } from './errors.ts';

const SAFE_METHODS = new Set(['GET', 'HEAD']);

/**
 * Finds the flaw of a request that comes with a cookie; `undefined` without a flaw. A request that may change something
 * must be JSON, which no form can send, and must come from a page of this very origin. Browsers say where a request
 * comes from, and scripts cannot change that (Fetch standard: `Origin` and `Sec-Fetch-Site` are forbidden
 * request-headers).
 */
export function findForgery(request: Request, publicUrl: string): TRPCError | undefined {
  if (SAFE_METHODS.has(request.method)) return undefined;
  const { headers } = request;
  const site = headers.get('sec-fetch-site') ?? 'same-origin';
  if (site !== 'same-origin' || !ownOrigins(request, publicUrl).includes(headers.get('origin') ?? '')) {
    return fault('FORBIDDEN', { details: { reason: 'The request does not come from a page of this service' } });
  }
  try {
    requireJson(headers);
    return undefined;
  } catch (error) {
    return error as TRPCError;
  }
}

/** The origin of `publicUrl`, and the origin that this request was sent to. */
export function ownOrigins(request: Request, publicUrl: string): string[] {
  const { origin, protocol } = new URL(publicUrl);
  return [origin, `${protocol}//${new URL(request.url).host}`];
}
