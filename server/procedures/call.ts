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
  middlewares: [check: Middleware, parseInput: Middleware, checkOutput: Middleware, resolve: Middleware];
}
type Middleware = (options: Options & { next: Next }) => Promise<Result>;
type Result = { ok: true; data: unknown } | { ok: false; error: TRPCError };
type Next = (changes?: { ctx?: object }) => Promise<Result>;
interface Options {
  ctx: object;
  path: string;
  type: 'query' | 'mutation';
  meta: ProcedureMeta | undefined;
  input: unknown;
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
 * Calls a procedure and gives its result, or throws its error. tRPC's own walk (`callRecursive` of @trpc/server 11)
 * copies all options for each middleware, and has zod parse asynchronously, which takes zod three times as long as to
 * parse at once. So the walk is written out here: the procedure's own check, the input, the resolver, the output. The
 * contract tests run their whole table through both walks.
 */
export async function callProcedure<Path extends ProcedurePath>(
  path: Path,
  { ctx, getRawInput }: ProcedureCall,
): Promise<OutputOf<Path>> {
  const {
    type,
    meta,
    inputs: [input],
    output,
    middlewares: [check, , , resolve],
  } = internalsOf[path];
  const options = { ctx, path, type, meta, input: undefined, getRawInput };
  const next: Next = async (changes) => {
    try {
      const parsed = parse(input, await getRawInput(), INVALID_INPUT);
      const result = await resolve({ ...options, ctx: { ...ctx, ...changes?.ctx }, input: parsed, next });
      return result.ok ? { ...result, data: parse(output, result.data, INVALID_OUTPUT) } : result;
    } catch (cause) {
      return { ok: false, error: getTRPCErrorFromUnknown(cause) };
    }
  };
  const result = await check({ ...options, next });
  if (!result.ok) throw result.error;
  return result.data as OutputOf<Path>;
}

const INVALID_INPUT = { code: 'BAD_REQUEST' } as const;
const INVALID_OUTPUT = { code: 'INTERNAL_SERVER_ERROR', message: 'Output validation failed' } as const;

function parse(schema: z.ZodType, value: unknown, error: typeof INVALID_INPUT | typeof INVALID_OUTPUT): unknown {
  try {
    return schema.parse(value);
  } catch (cause) {
    throw new TRPCError({ ...error, cause });
  }
}

/** An error that came before any procedure, in the form that tRPC gives to errors of procedures. */
export const errorShape = (error: TRPCError, ctx: Context) =>
  getTRPCErrorShape({ config: appRouter._def._config, error, type: 'unknown', path: undefined, input: undefined, ctx });
