import { TRPCClientError, type TRPCLink } from '@trpc/client';
import { observable, type Unsubscribable } from '@trpc/server/observable';
import type { AppRouter } from '../server/procedures/router.ts';
import { readRetryAfter, responseOf } from './transport.ts';

/** Times that a call is sent at most. */
const ATTEMPTS = 3;
/** Milliseconds. A key's rate is counted by the minute; a longer `Retry-After` is not waited for. */
const LONGEST_WAIT = 60_000;
/** Milliseconds before the second attempt where there is no `Retry-After`; twice as many before the third. */
const FIRST_WAIT = 250;
/** HTTP statuses that pass: 429, too many requests; else the service, or a proxy's way to the service, is away. */
const PASSING = new Set<number | undefined>([429, 502, 503, 504]);

/**
 * Sends a call again, after `Retry-After`, where the call failed for a reason that passes. A mutation may have taken effect
 * although no answer says so. Each attempt has the same idempotency key, so that the service does the mutation once.
 */
export const retryLink: TRPCLink<AppRouter> = () => {
  // Milliseconds added to each wait, so that clients that were refused together do not all return together. All calls
  // of a client wait equally long: a batch stays a batch.
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
            const mayRetry = attempts < ATTEMPTS && !op.signal?.aborted;
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

/** Milliseconds until another attempt is worthwhile; `undefined` where no attempt is. */
function waitAfter(error: ClientError, attempts: number): number | undefined {
  const response = responseOf(error);
  const backoff = FIRST_WAIT * 2 ** (attempts - 1);
  // `fetch` throws a `TypeError` where the connection fails.
  if (!response) return error.cause instanceof TypeError ? backoff : undefined;
  if (!PASSING.has(error.data?.httpStatus ?? response.status)) return undefined;
  const wait = readRetryAfter(response.headers.get('retry-after')) ?? backoff;
  return wait <= LONGEST_WAIT ? wait : undefined;
}

/** The error without the answers to the batch's other calls. A key that was just issued may be in those answers. */
function withoutSiblings(error: ClientError): ClientError {
  if (error.meta) error.meta = { response: error.meta.response };
  return error;
}
