import type { TRPCClient } from '@trpc/client';
import type { inferRouterError, inferRouterInputs, inferRouterOutputs } from '@trpc/server';
import type { AppRouter } from '../server/procedures/router.ts';

/** The router's functions, as tRPC's client types them: `Calls['keys']['list']` is `{ query(…) }`. */
type Calls = TRPCClient<AppRouter>;
/** The groups of procedures for signed-in people, which no key may call. */
type ForPeople = 'session' | 'members';
/** The procedures for signed-in people in the groups that keys may call. */
interface AlsoForPeople {
  contacts: 'erase';
  organization: 'delete';
}
/** The names of the procedures for signed-in people in a group. */
type ForPeopleIn<Group> = Group extends keyof AlsoForPeople ? AlsoForPeople[Group] : never;

/** Every procedure that a key may call, with its kind. The compiler refuses a list that differs from the router. */
export const PROCEDURES = {
  keys: {
    current: 'query',
    list: 'query',
    get: 'query',
    places: 'query',
    usage: 'query',
    issue: 'mutate',
    update: 'mutate',
    rename: 'mutate',
    rotate: 'mutate',
    endGrace: 'mutate',
    mintToken: 'mutate',
    revoke: 'mutate',
  },
  contacts: {
    list: 'query',
    count: 'query',
    get: 'query',
    getMany: 'query',
    tags: 'query',
    create: 'mutate',
    update: 'mutate',
    delete: 'mutate',
    restore: 'mutate',
    upsertMany: 'mutate',
    updateMany: 'mutate',
  },
  audit: { list: 'query' },
  organization: { current: 'query' },
} as const satisfies {
  [Group in Exclude<keyof inferRouterInputs<AppRouter>, ForPeople>]: {
    [Name in Exclude<keyof Calls[Group], ForPeopleIn<Group>>]: keyof Calls[Group][Name];
  };
};
type Procedures = typeof PROCEDURES;

type Whole = string | number | boolean | bigint | symbol | null | undefined | Date;
/** The type `T` spelled out: objects and arrays of JSON's values and dates. */
type WrittenOut<T> = T extends Whole
  ? T
  : T extends (infer Item)[]
    ? WrittenOut<Item>[]
    : T extends object
      ? { [K in keyof T]: WrittenOut<T[K]> }
      : T;
/**
 * Gives `undefined`, with the type `WrittenOut<T>`. The compiler infers the type of each constant below, and writes the
 * type in full into this file's declarations. So the declarations name no type of the server, and can be published.
 */
const writtenOut = <T>() => undefined as unknown as WrittenOut<T>;

/** The part of the router's types that is about the procedures that a key may call. */
type OfKeys<Types extends Record<keyof Procedures, unknown>> = {
  [Group in keyof Procedures]: Omit<Types[Group], ForPeopleIn<Group>>;
};
const inputs = writtenOut<OfKeys<inferRouterInputs<AppRouter>>>();
const outputs = writtenOut<OfKeys<inferRouterOutputs<AppRouter>>>();
const errorData = writtenOut<NonNullable<inferRouterError<AppRouter>['data']>>();

/** The input of each procedure: `RouterInputs['contacts']['create']`. */
export type RouterInputs = typeof inputs;
/** The answer of each procedure: `RouterOutputs['contacts']['get']`. */
export type RouterOutputs = typeof outputs;
export type ErrorData = typeof errorData;

export interface CallOptions {
  /** Ends the wait for the answer: `AbortSignal.timeout(5_000)`. */
  signal?: AbortSignal | undefined;
  /**
   * For a mutation that this program, started anew, may have to send again: 1 to 255 characters of your own in place of the
   * random key. For 24 hours the service does the mutation once, and gives the first answer again. Queries ignore the key.
   */
  idempotencyKey?: string | undefined;
}
type Call<Input, Output> = (input: Input, options?: CallOptions) => Promise<Output>;

/** The functions of each procedure: `EachCall['keys']['list']` is `{ query(input, options) }`. */
type EachCall = {
  [Name in keyof Procedures]: {
    [Method in keyof Procedures[Name] & keyof RouterInputs[Name] & keyof RouterOutputs[Name]]: Record<
      Procedures[Name][Method] & string,
      Call<RouterInputs[Name][Method], RouterOutputs[Name][Method]>
    >;
  };
};

type Contact = RouterOutputs['contacts']['get'];
/** A contact with the fields that a list has chosen. `id` and `version` come in any case. */
export type ChosenContact<Field extends keyof Contact> = Pick<Contact, Field | 'id' | 'version'>;
type ListInput = Omit<NonNullable<Exclude<RouterInputs['contacts']['list'], void>>, 'fields'>;
/** A list of contacts: with `fields: ['name']` the answer's contacts have `name`, `id` and `version`. */
type ListContacts = <Field extends keyof Contact = keyof Contact>(
  // biome-ignore lint/suspicious/noConfusingVoidType: the input may be left out
  input: (ListInput & { fields?: readonly Field[] | undefined }) | undefined | void,
  options?: CallOptions,
) => Promise<{ items: ChosenContact<Field>[]; nextCursor: string | null }>;

/** The client's functions: `ProcedureCalls['keys']['list']` is `{ query(input, options) }`. */
export type ProcedureCalls = Omit<EachCall, 'contacts'> & {
  contacts: Omit<EachCall['contacts'], 'list'> & { list: { query: ListContacts } };
};
