import { getTRPCErrorFromUnknown, getTRPCErrorShape, type TRPCError } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { transformer } from '../../shared/transformer.ts';
import { readText, requireJson } from '../http/body.ts';
import { describeError, fault } from '../http/errors.ts';
import { type Context, commonHeaders } from '../procedures/context.ts';
import { appRouter } from '../procedures/router.ts';

/** Calls in one batch at most. */
const BATCH_LIMIT = 20;

export const TRPC_PATH = '/trpc';
const ALLOWED = 'GET, POST';
const JSON_TYPE = 'application/json';

/** Answers a tRPC request. */
export async function answerTrpc(
  request: Request,
  { context, onError }: { context: Context; onError: (error: TRPCError) => void },
): Promise<Response> {
  try {
    // To HEAD tRPC answers with nothing, headers included.
    if (request.method === 'HEAD') throw fault('METHOD_NOT_SUPPORTED', { headers: { Allow: ALLOWED } });
    const answer = await fetchRequestHandler({
      endpoint: TRPC_PATH,
      router: appRouter,
      req: await toPlainRequest(request),
      createContext: () => context,
      maxBatchSize: BATCH_LIMIT,
      onError: ({ error }) => onError(error),
      responseMeta: ({ errors }) => ({ headers: new Headers({ ...commonHeaders(context), ...headersOf(errors) }) }),
    });
    // Of a request that it refuses before any call tRPC does not say that the answer is JSON.
    if (answer.headers.get('content-type')?.startsWith('text/')) answer.headers.set('content-type', JSON_TYPE);
    return answer;
  } catch (cause) {
    const error = getTRPCErrorFromUnknown(cause);
    onError(error);
    return toTrpcErrorAnswer(error, context);
  }
}

/** The answer to a request that came to no procedure. */
export function toTrpcErrorAnswer(error: TRPCError, context: Context): Response {
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

/**
 * The request with nothing in it that would have tRPC do other than answer JSON with JSON: it would take a form, or
 * bytes, as the input of a mutation, and stream its answer under a status that no longer depends on it.
 */
async function toPlainRequest(request: Request): Promise<Request> {
  if (request.method === 'GET') {
    const asksForStream = request.headers.has('trpc-accept') || request.headers.get('accept')?.includes('jsonl');
    return asksForStream || request.headers.has('content-type') ? new Request(request.url) : request;
  }
  if (request.method !== 'POST') throw fault('METHOD_NOT_SUPPORTED', { headers: { Allow: ALLOWED } });
  requireJson(request.headers);
  const body = await readText(request);
  return new Request(request.url, { method: 'POST', headers: { 'content-type': JSON_TYPE }, body });
}

/** The headers of all errors, of which the first one counts. */
const headersOf = (errors: readonly TRPCError[]): Record<string, string> =>
  Object.assign({}, ...errors.map((error) => describeError(error).headers).reverse());
