import type { KeyIdentity } from '../db/apiKeys.ts';
import { type Credential, readBearer } from './auth/verify.ts';
import type { Deps } from './deps.ts';

/** What one request brings, the same through every door. */
export interface Context {
  deps: Deps;
  requestId: string;
  credential: Credential;
  /** Whose request it turned out to be, and the state of its rate: for headers and the log. */
  seen: { identity?: KeyIdentity; rate?: RateState };
}

export interface RateState {
  /** Calls a minute. */
  limit: number;
  remaining: number;
  /** Seconds until the count begins anew. */
  reset: number;
}

/** The context of a request with this `Authorization` header. */
export const createContext = (deps: Deps, requestId: string, authorization: string | undefined): Context => ({
  deps,
  requestId,
  credential: readBearer(authorization),
  seen: {},
});
