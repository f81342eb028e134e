import { TRPCClientError, type TRPCLink } from '@trpc/client';
import { observable, type Unsubscribable } from '@trpc/server/observable';
import type { AppRouter } from '../server/procedures/router.ts';
import { readRetryAfter, responseOf } from './transport.ts';

/** How often a query is sent at most. */
const ATTEMPTS = 3;
/** Milliseconds. A key's rate is counted by the minute; who asks for a longer wait is not waited for. */
const LONGEST_WAIT = 60_000;
/** Milliseconds before the second attempt where the answer names no time, twice as many before the third. */
const FIRST_WAIT = 250;
/** Too many requests; and the service, or a proxy's way to it, is away. */
const PASSING = new Set<number | undefined>([429, 502, 503, 504]);

/**
 * Sends a query again where it failed for a reason that passes, after `Retry-After`. Never a mutation: it may have taken
 * effect although no answer says so.
 */
export const retryLink: TRPCLink<AppRouter> = () => {
  // So that clients that were refused together do not all return together. One for all calls: a batch stays a batch.
  const spread = Math.random() * FIRST_WAIT;
  return ({ op, next }) =>
    observable((observer) => {
      let attempts = 0;
      let request: Unsubscribable | undefined;
      let timer: ReturnType<typeof setTimeout> | undefined;

      const send = () => {
        attempts++;
        request = next(op).subscribe({
          next: observer.next,
          complete: observer.complete,
          error(error) {
            const mayRetry = op.type === 'query' && attempts < ATTEMPTS && !op.signal?.aborted;
            const wait = mayRetry ? waitAfter(error, attempts) : undefined;
            if (wait === undefined) observer.error(withoutSiblings(error));
            else timer = setTimeout(send, wait + spread);
          },
        });
      };
      const abort = () => observer.error(TRPCClientError.from(op.signal?.reason as Error));

      op.signal?.addEventListener('abort', abort, { once: true });
      send();
      return () => {
        op.signal?.removeEventListener('abort', abort);
        clearTimeout(timer);
        request?.unsubscribe();
      };
    });
};

type ClientError = TRPCClientError<AppRouter>;

/** Milliseconds until it is worth another attempt; `undefined` where it never is. */
function waitAfter(error: ClientError, attempts: number): number | undefined {
  const response = responseOf(error);
  const backoff = FIRST_WAIT * 2 ** (attempts - 1);
  // `fetch` says so where the connection fails.
  if (!response) return error.cause instanceof TypeError ? backoff : undefined;
  if (!PASSING.has(error.data?.httpStatus ?? response.status)) return undefined;
  const wait = readRetryAfter(response.headers.get('retry-after')) ?? backoff;
  return wait <= LONGEST_WAIT ? wait : undefined;
}

/** The error without the answers to the other calls of its batch, among which may be a key that was just issued. */
function withoutSiblings(error: ClientError): ClientError {
  if (error.meta) error.meta = { response: error.meta.response };
  return error;
}
