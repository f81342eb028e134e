import { randomUUID } from 'node:crypto';
import { type Credential, readCredential } from '../auth/credential.ts';
import type { Source } from '../auth/place.ts';
import type { Identity } from '../auth/principal.ts';
import type { Deps } from '../start/deps.ts';

/** What one request brings, the same through every door. */
export interface Context {
  deps: Deps;
  requestId: string;
  credential: Credential;
  /** Where it comes from. */
  source: Source;
  /** Whose request it turned out to be, and the state of its rate: for headers and the log. */
  seen: { identity?: Identity; rate?: RateState };
  /** The door has counted the call that its procedures answer together: they do not count again. */
  isCounted?: boolean | undefined;
}

interface RateState {
  /** Calls in a window. */
  limit: number;
  /** Seconds that it is for. */
  window: number;
  remaining: number;
  /** Seconds until the count begins anew. */
  reset: number;
}

/** The context of a request that came over a connection from `address`. */
export function createContext(deps: Deps, request: Request, address: string | undefined): Context {
  const { headers } = request;
  const forwarded = deps.trustProxy ? headers.get('x-forwarded-for')?.split(',').at(-1)?.trim() : undefined;
  return {
    deps,
    requestId: randomUUID(),
    credential: readCredential(request, deps.publicUrl),
    source: { address: forwarded || address, userAgent: headers.get('user-agent') ?? undefined },
    seen: {},
  };
}

/** The headers of every answer to a request, as far as it has come. */
export function commonHeaders({ requestId, seen: { rate } }: Context): Record<string, string> {
  const headers: Record<string, string> = {
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Request-Id': requestId,
  };
  if (rate) {
    // draft-ietf-httpapi-ratelimit-headers: q calls in w seconds; r are left, for t seconds.
    headers['RateLimit-Policy'] = `"default";q=${rate.limit};w=${rate.window}`;
    headers.RateLimit = `"default";r=${rate.remaining};t=${rate.reset}`;
  }
  return headers;
}
