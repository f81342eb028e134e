import type { TRPCClient } from '@trpc/client';
import type { inferRouterError, inferRouterInputs, inferRouterOutputs } from '@trpc/server';
import type { AppRouter } from '../server/procedures/router.ts';

/** The router's table of calls: `Calls['keys']['list']` is `{ query(…) }`. */
type Calls = TRPCClient<AppRouter>;
/** The groups of procedures for people, who sign in, and not for keys. */
type ForPeople = 'session' | 'members';

/** Every procedure that a key may call, and how. The compiler refuses a list that differs from the router. */
export const PROCEDURES = {
  keys: {
    current: 'query',
    list: 'query',
    get: 'query',
    places: 'query',
    issue: 'mutate',
    rename: 'mutate',
    rotate: 'mutate',
    revoke: 'mutate',
  },
  contacts: {
    list: 'query',
    get: 'query',
    create: 'mutate',
    update: 'mutate',
    delete: 'mutate',
    restore: 'mutate',
    upsertMany: 'mutate',
  },
  audit: { list: 'query' },
  organization: { current: 'query' },
} as const satisfies {
  [Group in Exclude<keyof inferRouterInputs<AppRouter>, ForPeople>]: {
    [Name in keyof Calls[Group]]: keyof Calls[Group][Name];
  };
};
type Procedures = typeof PROCEDURES;

type Whole = string | number | boolean | bigint | symbol | null | undefined | Date;
/** The same type with nothing in it but what JSON and dates are made of. */
type WrittenOut<T> = T extends Whole
  ? T
  : T extends (infer Item)[]
    ? WrittenOut<Item>[]
    : T extends object
      ? { [K in keyof T]: WrittenOut<T[K]> }
      : T;
/**
 * Nothing, of this type. As it is inferred, the compiler writes the type out in the declarations that it makes of this file,
 * which then name nothing of the server's: so they can be published alone.
 */
const writtenOut = <T>() => undefined as unknown as WrittenOut<T>;

const inputs = writtenOut<Pick<inferRouterInputs<AppRouter>, keyof Procedures>>();
const outputs = writtenOut<Pick<inferRouterOutputs<AppRouter>, keyof Procedures>>();
const errorData = writtenOut<NonNullable<inferRouterError<AppRouter>['data']>>();

/** What each procedure takes. */
export type RouterInputs = typeof inputs;
/** What each procedure answers with: `RouterOutputs['contacts']['get']`. */
export type RouterOutputs = typeof outputs;
export type ErrorData = typeof errorData;

export interface CallOptions {
  /** Ends the wait: `AbortSignal.timeout(5_000)`. */
  signal?: AbortSignal | undefined;
}
type Call<Input, Output> = (input: Input, options?: CallOptions) => Promise<Output>;

/** The procedures, by name. */
export type ProcedureCalls = {
  [Name in keyof Procedures]: {
    [Method in keyof Procedures[Name] & keyof RouterInputs[Name] & keyof RouterOutputs[Name]]: Record<
      Procedures[Name][Method] & string,
      Call<RouterInputs[Name][Method], RouterOutputs[Name][Method]>
    >;
  };
};
