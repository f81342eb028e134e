import { getTRPCErrorFromUnknown, getTRPCErrorShape, type TRPCError } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { transformer } from '../shared/transformer.ts';
import { readText, requireJson } from './body.ts';
import { type Context, commonHeaders } from './context.ts';
import { describeError, fault } from './faults.ts';
import { appRouter } from './router.ts';

/** Calls in one batch at most. */
const BATCH_LIMIT = 20;

export const TRPC_PATH = '/trpc';

/** Answers a tRPC request. */
export async function answerTrpc(
  request: Request,
  { context, onError }: { context: Context; onError: (error: TRPCError) => void },
): Promise<Response> {
  try {
    return await fetchRequestHandler({
      endpoint: TRPC_PATH,
      router: appRouter,
      req: await toPlainRequest(request),
      createContext: () => context,
      maxBatchSize: BATCH_LIMIT,
      onError: ({ error }) => onError(error),
      responseMeta: ({ errors }) => ({ headers: new Headers({ ...commonHeaders(context), ...headersOf(errors) }) }),
    });
  } catch (cause) {
    const error = getTRPCErrorFromUnknown(cause);
    onError(error);
    const shape = getTRPCErrorShape({
      config: appRouter._def._config,
      error,
      type: 'unknown',
      path: undefined,
      input: undefined,
      ctx: context,
    });
    return Response.json(
      { error: transformer.serialize(shape) },
      { status: describeError(error).status, headers: { ...commonHeaders(context), ...headersOf([error]) } },
    );
  }
}

/**
 * The request with nothing in it that would have tRPC do other than answer JSON with JSON: it would take a form, or
 * bytes, as the input of a mutation, and stream its answer under a status that no longer depends on it.
 */
async function toPlainRequest(request: Request): Promise<Request> {
  if (request.method === 'GET' || request.method === 'HEAD') {
    const asksForStream = request.headers.has('trpc-accept') || request.headers.get('accept')?.includes('jsonl');
    return asksForStream || request.headers.has('content-type') ? new Request(request.url) : request;
  }
  if (request.method !== 'POST') throw fault('METHOD_NOT_SUPPORTED', { headers: { Allow: 'GET, POST' } });
  requireJson(request.headers);
  const body = await readText(request);
  return new Request(request.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}

/** The headers of all errors, of which the first one counts. */
const headersOf = (errors: readonly TRPCError[]): Record<string, string> =>
  Object.assign({}, ...errors.map((error) => describeError(error).headers).reverse());
