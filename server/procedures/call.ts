import {
  type AnyTRPCProcedure,
  getTRPCErrorFromUnknown,
  getTRPCErrorShape,
  type inferRouterInputs,
  type inferRouterOutputs,
  TRPCError,
} from '@trpc/server';
import type { z } from 'zod';
import type { Context } from './context.ts';
import type { ProcedureMeta } from './procedure.ts';
import { appRouter } from './router.ts';

type Inputs = inferRouterInputs<typeof appRouter>;
type Outputs = inferRouterOutputs<typeof appRouter>;

/** The name of a procedure, such as `contacts.list`. */
export type ProcedurePath = {
  [Group in keyof Inputs & string]: `${Group}.${keyof Inputs[Group] & string}`;
}[keyof Inputs & string];

type Of<Table, Path> = Path extends `${infer Group extends keyof Table & string}.${infer Name}`
  ? Name extends keyof Table[Group]
    ? Table[Group][Name]
    : never
  : never;
export type InputOf<Path extends ProcedurePath> = Of<Inputs, Path>;
export type OutputOf<Path extends ProcedurePath> = Of<Outputs, Path>;

/** The part of a procedure that the doors may read. */
export interface ProcedureDefinition {
  type: 'query' | 'mutation';
  meta: ProcedureMeta;
  input: z.ZodType;
  output: z.ZodType;
}

/** A procedure's `_def` in tRPC 11. Only this file reads `_def`; test/pure/trpcInternals.test.ts checks the shape. */
interface Internals {
  type: 'query' | 'mutation';
  meta: ProcedureMeta | undefined;
  inputs: [z.ZodType];
  output: z.ZodType;
  /** The procedure's own middleware, then tRPC's middlewares for the input, the output and the resolver. */
  middlewares: [Middleware, ...unknown[]];
  resolver(options: Options & { input: unknown }): unknown;
}
type Middleware = (options: Options & { meta: ProcedureMeta | undefined; next: Next }) => Promise<Result>;
type Result = { ok: true; data: unknown } | { ok: false; error: TRPCError };
type Next = (changes?: { ctx?: object }) => Promise<Result>;
interface Options {
  ctx: object;
  path: string;
  type: 'query' | 'mutation';
  getRawInput(): Promise<unknown>;
}

const internals = Object.entries(appRouter._def.procedures as unknown as Record<string, AnyTRPCProcedure>).map(
  ([path, procedure]) => [path, procedure._def as unknown as Internals] as const,
);
const internalsOf = Object.fromEntries(internals) as Record<ProcedurePath, Internals>;

/** Every procedure, by its path. */
export const procedures = Object.fromEntries(
  internals.map(([path, { type, meta = {}, inputs, output }]) => [path, { type, meta, input: inputs[0], output }]),
) as Record<ProcedurePath, ProcedureDefinition>;

export interface ProcedureCall {
  ctx: Context;
  getRawInput(): Promise<unknown>;
}

/**
 * Calls a procedure and gives its result, or throws its error. The steps are those of tRPC's own walk (`callRecursive`
 * of @trpc/server 11 and tRPC's middlewares), without a walk: each procedure of this service has a single middleware, and
 * a single schema for its input and for its output. tRPC's published code is compiled for engines without object spread,
 * and takes a quarter of the time of a short request. The contract tests run their whole table through both.
 */
export async function callProcedure<Path extends ProcedurePath>(
  path: Path,
  { ctx, getRawInput }: ProcedureCall,
): Promise<OutputOf<Path>> {
  const { type, meta, inputs, output, resolver, middlewares } = internalsOf[path];
  const next: Next = async (changes) => {
    try {
      const input = parseInput(inputs[0], await getRawInput());
      const data = await resolver({ ctx: { ...ctx, ...changes?.ctx }, path, type, input, getRawInput });
      return { ok: true, data: parseOutput(output, data) };
    } catch (cause) {
      return fail(cause);
    }
  };
  const result = await middlewares[0]({ ctx, path, type, meta, getRawInput, next }).catch(fail);
  if (!result.ok) throw result.error;
  return result.data as OutputOf<Path>;
}

const fail = (cause: unknown): Result => ({ ok: false, error: getTRPCErrorFromUnknown(cause) });

function parseInput(schema: z.ZodType, value: unknown): unknown {
  try {
    return schema.parse(value);
  } catch (cause) {
    throw new TRPCError({ code: 'BAD_REQUEST', cause });
  }
}

function parseOutput(schema: z.ZodType, value: unknown): unknown {
  try {
    return schema.parse(value);
  } catch (cause) {
    throw new TRPCError({ code: 'INTERNAL_SERVER_ERROR', message: 'Output validation failed', cause });
  }
}

/** An error that came before any procedure, in the form that tRPC gives to errors of procedures. */
export function errorShape(error: TRPCError, { requestId }: Pick<Context, 'requestId'>) {
  // Our formatter of errors reads the id alone.
  const ctx = { requestId } as Context;
  const config = appRouter._def._config;
  return getTRPCErrorShape({ config, error, type: 'unknown', path: undefined, input: undefined, ctx });
}
