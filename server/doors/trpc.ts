import type { TRPCError } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { markInexact } from '../../shared/exactJson.ts';
import { pageBytesOf } from '../../shared/paging.ts';
import { transformer } from '../../shared/transformer.ts';
import { readText, requireJson } from '../http/body.ts';
import { describeError, fault } from '../http/errors.ts';
import { errorShape } from '../procedures/call.ts';
import type { Context } from '../procedures/context.ts';
import { toTrpcError } from '../procedures/outcome.ts';
import { appRouter } from '../procedures/router.ts';
import { BATCH_LIMIT, commonHeaders } from './answer.ts';

export const TRPC_PATH = '/trpc';
const ALLOWED = 'GET, POST';
const JSON_TYPE = 'application/json';

/** Answers a tRPC request. */
export async function answerTrpc(
  request: Request,
  { context, onError }: { context: Context; onError: (error: TRPCError) => void },
): Promise<Response> {
  try {
    // tRPC answers HEAD with nothing at all, not even headers.
    if (request.method === 'HEAD') throw fault('METHOD_NOT_SUPPORTED', { headers: { Allow: ALLOWED } });
    const { plain, isLong = false } = await toPlainRequest(request);
    const answer = await fetchRequestHandler({
      endpoint: TRPC_PATH,
      router: appRouter,
      req: plain,
      // An answer is held in memory as a whole, and written at once: a batch of pages must not be 80 MiB.
      createContext: ({ info: { calls } }): Context => {
        if (context.idempotency) context.idempotency.calls = calls.length;
        return { ...context, pageBytes: pageBytesOf(calls.length) };
      },
      maxBatchSize: BATCH_LIMIT,
      // A client may send such a query by POST (tRPC's `methodOverride`), and no other query.
      allowMethodOverride: isLong,
      onError: ({ error }) => onError(error),
      responseMeta: ({ errors }) => ({ headers: new Headers({ ...commonHeaders(context), ...headersOf(errors) }) }),
    });
    // Where tRPC refuses a request before any call, its answer is JSON but does not say so.
    if (answer.headers.get('content-type')?.startsWith('text/')) answer.headers.set('content-type', JSON_TYPE);
    return answer;
  } catch (cause) {
    const error = toTrpcError(cause);
    onError(error);
    return toTrpcErrorAnswer(error, context);
  }
}

/** Characters of an input in an address from which our client sends a query by POST: half of its longest address. */
const LONG = 4_000;
/** A character takes at most 9 in an address, so that a short body needs no look. */
const isTooLong = (text: string) =>
  text.length > LONG || (text.length > LONG / 9 && encodeURIComponent(text).length > LONG);

/** The body of the answer to a request that reached no procedure. */
export const toTrpcErrorBody = (error: TRPCError, context: Pick<Context, 'requestId'>) => ({
  error: transformer.serialize(errorShape(error, context)),
});

/** The answer to a request that reached no procedure. */
export function toTrpcErrorAnswer(error: TRPCError, context: Context): Response {
  return Response.json(toTrpcErrorBody(error, context), {
    status: describeError(error).status,
    headers: { ...commonHeaders(context), ...headersOf([error]) },
  });
}

/**
 * The request with numbers marked that would be rounded, and without anything that makes tRPC do more than answer JSON with
 * JSON: tRPC would take a form or bytes as the input of a mutation, and would stream an answer whose status was sent before
 * its calls ended. `isLong`: the body would be too long for an address.
 */
async function toPlainRequest(request: Request): Promise<{ plain: Request; isLong?: boolean }> {
  if (request.method === 'GET') {
    const asksForStream = request.headers.has('trpc-accept') || request.headers.get('accept')?.includes('jsonl');
    const url = withExactInput(request.url);
    const isPlain = !asksForStream && !request.headers.has('content-type') && url === request.url;
    return { plain: isPlain ? request : new Request(url) };
  }
  if (request.method !== 'POST') throw fault('METHOD_NOT_SUPPORTED', { headers: { Allow: ALLOWED } });
  requireJson(request.headers);
  const text = await readText(request);
  const init = { method: 'POST', headers: { 'content-type': JSON_TYPE }, body: markInexact(text) };
  return { plain: new Request(request.url, init), isLong: isTooLong(text) };
}

/** The address with the numbers of a query's input marked, as in a body. */
function withExactInput(address: string): string {
  const url = new URL(address);
  const input = url.searchParams.get('input') ?? '';
  const marked = markInexact(input);
  if (marked === input) return address;
  url.searchParams.set('input', marked);
  return url.href;
}

/** The headers of all errors. Where two errors set the same header, the first error counts. */
const headersOf = (errors: readonly TRPCError[]): Record<string, string> =>
  Object.assign({}, ...errors.map((error) => describeError(error).headers).reverse());
