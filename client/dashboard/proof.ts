import type { TRPCLink } from '@trpc/client';
import { observable } from '@trpc/server/observable';
import type { AppRouter } from '../../server/procedures/router.ts';
import { PROOF_NEEDED } from '../../shared/refusals.ts';

/** Asks the person for the password: true once the service has taken the password, false where the person cancels. */
type Ask = () => Promise<boolean>;
let ask: Ask | undefined;

/** Has `asker` ask from now on. Gives a function that ends this. */
export function askBy(asker: Ask) {
  ask = asker;
  return () => {
    ask = undefined;
  };
}

/** Where the service wants a proof before a call, asks the person for the proof, and repeats the call. */
export const proofLink: TRPCLink<AppRouter> =
  () =>
  ({ op, next }) =>
    observable((observer) => {
      let running = next(op).subscribe({
        next: (value) => observer.next(value),
        complete: () => observer.complete(),
        async error(error) {
          if (error.data?.details?.reason !== PROOF_NEEDED || !(await ask?.())) return observer.error(error);
          running = next(op).subscribe(observer);
        },
      });
      return () => running.unsubscribe();
    });
