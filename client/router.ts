import type { TRPCBuiltRouter, TRPCErrorShape, TRPCMutationProcedure, TRPCQueryProcedure } from '@trpc/server';
import type { ErrorData, PROCEDURES, RouterInputs, RouterOutputs } from './procedures.ts';

type Procedures = typeof PROCEDURES;
type ErrorShape = TRPCErrorShape<ErrorData>;

/** A procedure as tRPC types it, by its kind in the table of procedures. */
type Procedure<Kind, Input, Output> = Kind extends 'query'
  ? TRPCQueryProcedure<{ meta: object; input: Input; output: Output; errorShape: ErrorShape }>
  : TRPCMutationProcedure<{ meta: object; input: Input; output: Output; errorShape: ErrorShape }>;

/** The context and the meta are the service's own, and of no use outside. */
interface Root {
  ctx: object;
  meta: object;
  errorShape: ErrorShape;
  /** True: values travel as superjson, so that a link without a `transformer` does not compile. */
  transformer: true;
}

/**
 * The type of the service's router, for tRPC's own tools: `createTRPCClient<AppRouter>`. The router has the procedures
 * that an API key may call.
 */
export type AppRouter = TRPCBuiltRouter<
  Root,
  {
    -readonly [Group in keyof Procedures]: {
      -readonly [Name in keyof Procedures[Group] & keyof RouterInputs[Group] & keyof RouterOutputs[Group]]: Procedure<
        Procedures[Group][Name],
        RouterInputs[Group][Name],
        RouterOutputs[Group][Name]
      >;
    };
  }
>;
