/** The router's type in the client's package is the type of the service's router, for the procedures of the package. */
import type { AppRouter } from '@introzy/client/router';
import type { inferRouterError, inferRouterInputs, inferRouterOutputs } from '@trpc/server';
import type { AppRouter as Service } from 'introzy/router.ts';
import { type Same, sure } from './types.ts';

/** Types of objects may be the same and be put together differently: `{ a: 1 } & { b: 2 }`. */
type Flat<T> = T extends Date ? T : T extends object ? { [Key in keyof T]: Flat<T[Key]> } : T;
type Outside = AppRouter['_def']['record'];
type Inside = Service['_def']['record'];
/** Of the service's types, those of the procedures that the package has. */
type Chosen<Types extends { [Group in keyof Outside]: object }> = {
  [Group in keyof Outside]: { [Name in keyof Outside[Group] & keyof Types[Group]]: Types[Group][Name] };
};
type Kinds<Router extends { [Group in keyof Outside]: object }> = {
  [Group in keyof Outside]: {
    [Name in keyof Outside[Group] & keyof Router[Group]]: Router[Group][Name] extends { _def: { type: infer Kind } }
      ? Kind
      : never;
  };
};

sure<true>({} as Same<Kinds<Outside>, Kinds<Inside>>);
sure<true>({} as Same<Flat<inferRouterInputs<AppRouter>>, Flat<Chosen<inferRouterInputs<Service>>>>);
sure<true>({} as Same<Flat<inferRouterOutputs<AppRouter>>, Flat<Chosen<inferRouterOutputs<Service>>>>);
sure<true>({} as Same<Flat<inferRouterError<AppRouter>>, Flat<inferRouterError<Service>>>);
