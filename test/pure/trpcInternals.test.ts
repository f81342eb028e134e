import { initTRPC, TRPCError } from '@trpc/server';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { appRouter } from '../../server/procedures/router.ts';

// server/procedures/call.ts reads the field `_def` of a procedure. tRPC promises nothing about the field, so that these
// tests check the field.

type Result = { ok: true; data: unknown } | { ok: false; error: TRPCError };
interface Options {
  ctx: object;
  type: string;
  path: string;
  meta: unknown;
  input: unknown;
  getRawInput(): Promise<unknown>;
  next(changes?: { ctx?: object; input?: unknown }): Promise<Result>;
}
interface Internals {
  type: string;
  meta: unknown;
  inputs: unknown[];
  output: unknown;
  middlewares: ((options: Options) => Promise<Result>)[];
  resolver(options: Pick<Options, 'ctx' | 'input'>): unknown;
}

const t = initTRPC.context<{ who: string }>().meta<{ scope: string }>().create();
const input = z.object({ count: z.coerce.number() });
const output = z.object({ who: z.string(), more: z.string(), twice: z.number() });
const router = t.router({
  group: t.router({
    double: t.procedure
      .use(({ next }) => next({ ctx: { more: 'context' } }))
      .meta({ scope: 'things:read' })
      .input(input)
      .output(output)
      .query(({ ctx, input: { count } }) => ({ who: ctx.who, more: ctx.more, twice: 2 * count })),
    plain: t.procedure
      .input(input)
      .output(z.string())
      .mutation(() => 'done'),
  }),
});
const internalsOf = (name: string) =>
  (router._def.procedures as unknown as Record<string, { _def: Internals }>)[name]?._def as Internals;

/** Walks through the middlewares, and notes the input of each. */
async function walk(name: string, rawInput: unknown) {
  const { type, meta, middlewares } = internalsOf(name);
  const given: { ctx: object; input: unknown }[] = [];
  const call = async (index: number, ctx: object, parsed: unknown): Promise<Result> => {
    given.push({ ctx, input: parsed });
    return await (middlewares[index] as Internals['middlewares'][number])({
      ...{ ctx, type, path: name, meta, input: parsed },
      getRawInput: async () => rawInput,
      next: (changes = {}) => call(index + 1, { ...ctx, ...changes.ctx }, changes.input ?? parsed),
    });
  };
  return { result: await call(0, { who: 'Ada' }, undefined), given };
}

test('A router lists its procedures by their whole names, each a function with its definition', () => {
  expect(Object.keys(router._def.procedures)).toEqual(['group.double', 'group.plain']);
  expect(internalsOf('group.double')).toMatchObject({ type: 'query', meta: { scope: 'things:read' } });
  expect(internalsOf('group.plain')).toMatchObject({ type: 'mutation', meta: undefined });
  expect(internalsOf('group.double').inputs).toEqual([input]);
  expect(internalsOf('group.double').inputs[0]).toBe(input);
  expect(internalsOf('group.double').output).toBe(output);
});

test('The middlewares are those of the procedure, then its input, its output, and what resolves it', async () => {
  const { middlewares } = internalsOf('group.double');
  expect(middlewares).toHaveLength(4);
  const { result, given } = await walk('group.double', { count: '21' });
  expect(result).toMatchObject({ ok: true, data: { who: 'Ada', more: 'context', twice: 42 } });
  expect(given).toEqual([
    { ctx: { who: 'Ada' }, input: undefined },
    { ctx: { who: 'Ada', more: 'context' }, input: undefined },
    { ctx: { who: 'Ada', more: 'context' }, input: { count: 21 } },
    { ctx: { who: 'Ada', more: 'context' }, input: { count: 21 } },
  ]);
});

test('The resolver is the procedure’s own function', () => {
  const resolved = internalsOf('group.double').resolver({ ctx: { who: 'Ada', more: 'context' }, input: { count: 21 } });
  expect(resolved).toEqual({ who: 'Ada', more: 'context', twice: 42 });
});

test('Input that does not parse is thrown as an error of tRPC, with the cause that the schema gave', async () => {
  const error = await walk('group.double', { count: 'many' }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TRPCError);
  expect(error).toMatchObject({ code: 'BAD_REQUEST', cause: expect.any(z.ZodError) });
});

test('Every procedure of ours is a query or a mutation, of one middleware, one input and one output', () => {
  const procedures = Object.entries(appRouter._def.procedures as unknown as Record<string, { _def: Internals }>);
  expect(procedures.length).toBeGreaterThan(20);
  for (const [name, { _def: definition }] of procedures) {
    expect(['query', 'mutation'], name).toContain(definition.type);
    expect(definition.inputs, name).toEqual([expect.any(z.ZodType)]);
    expect(definition.output, name).toBeInstanceOf(z.ZodType);
    const [own, ...ofTrpc] = definition.middlewares as { _type?: string; name: string }[];
    expect(own?._type, name).toBeUndefined();
    expect(ofTrpc.map(({ _type, name }) => _type ?? name)).toEqual(['input', 'output', 'resolveMiddleware']);
  }
});
