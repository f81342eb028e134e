import type { KeyIdentity } from '../db/keyUse.ts';
import { type Credential, readBearer } from './auth/bearer.ts';
import type { Deps } from './deps.ts';

/** What one request brings, the same through every door. */
export interface Context {
  deps: Deps;
  requestId: string;
  credential: Credential;
  /** Whose request it turned out to be, and the state of its rate: for headers and the log. */
  seen: { identity?: KeyIdentity; rate?: RateState };
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

/** The context of a request with these headers. */
export const createContext = (deps: Deps, requestId: string, headers: Headers): Context => ({
  deps,
  requestId,
  credential: readBearer(headers),
  seen: {},
});

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
