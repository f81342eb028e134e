import type { TRPCLink } from '@trpc/client';
import { observable } from '@trpc/server/observable';
import type { AppRouter } from '../../server/procedures/router.ts';
import { PROOF_NEEDED } from '../../shared/refusals.ts';
import { AccountError } from './auth.ts';

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

/** Does `work`, a call of better-auth, and does the work again where the service wants a proof before. */
export async function withProof<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isUnproved = error instanceof AccountError && error.code === 'PROOF_NEEDED';
    if (!isUnproved || !(await ask?.())) throw error;
    return await work();
  }
}
