import type { Operation, TRPCLink } from '@trpc/client';
import { observable, type Unsubscribable } from '@trpc/server/observable';
import type { AppRouter } from '../server/procedures/router.ts';
import type { KeySource } from './keySource.ts';

/** Where a call notes the number of the key that it was sent with. */
const NUMBER = 'introzy.keyNumber';

/** The `Authorization` of a request, whose calls note the number of the key. */
export async function authorize(source: KeySource, calls: readonly Operation[]): Promise<Record<string, string>> {
  const { key, number } = await source.get();
  for (const { context } of calls) context[NUMBER] = number;
  return { authorization: `Bearer ${key}` };
}

/**
 * Sends a call once more with another token, where the service has refused the call's token: a token ends after minutes or
 * hours. A mutation too, as the service does nothing for a refused caller.
 */
export const renewLink =
  (source: KeySource): TRPCLink<AppRouter> =>
  () =>
  ({ op, next }) =>
    observable((observer) => {
      let request: Unsubscribable | undefined;
      const send = (isLast: boolean) => {
        request = next(op).subscribe({
          next: observer.next,
          complete: observer.complete,
          error(error) {
            if (isLast || error.data?.httpStatus !== 401 || op.signal?.aborted) return observer.error(error);
            source.drop(op.context[NUMBER] as number);
            send(true);
          },
        });
      };
      send(false);
      return () => request?.unsubscribe();
    });
