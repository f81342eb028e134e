import type { TRPCError } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { markInexact } from '../../shared/exactJson.ts';
import { REPLAYED } from '../../shared/idempotencyKey.ts';
import { pageBytesOf } from '../../shared/paging.ts';
import { transformer } from '../../shared/transformer.ts';
import { readText, requireJson } from '../http/body.ts';
import { badRequest, describeError, fault } from '../http/errors.ts';
import { errorShape, type ProcedurePath, procedures } from '../procedures/call.ts';
import { admitCalls } from '../procedures/caller.ts';
import type { Context, Idempotency } from '../procedures/context.ts';
import { isReplayed } from '../procedures/idempotency.ts';
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
    const url = new URL(request.url);
    const isBatch = url.searchParams.get('batch') === '1';
    const names = namesOf(url, isBatch);
    const calls = names.length;
    if (calls > BATCH_LIMIT) throw badRequest(`This batch has ${calls} calls, and a batch has ${MOST}`);
    if (context.idempotency) context.idempotency.calls = calls;
    const isStreamed = isBatch && asksForStream(request.headers);
    const plain = await toPlainRequest(request, { url, isStreamed });
    const streamed = isStreamed ? await admitCalls(context, { calls, isWrite: names.some(isMutation) }) : undefined;
    const answer = await fetchRequestHandler({
      endpoint: TRPC_PATH,
      router: appRouter,
      req: plain,
      // An answer is held in memory as a whole, and written at once: a batch of pages must not be 80 MiB.
      createContext: (): Context => ({ ...context, pageBytes: pageBytesOf(calls), streamed }),
      // A client may send a query by POST: `methodOverride` of tRPC's links.
      allowMethodOverride: true,
      onError: ({ error }) => onError(error),
      responseMeta: ({ errors }) => ({ headers: new Headers({ ...commonHeaders(context), ...headersOf(errors) }) }),
    });
    if (isStreamed && context.idempotency) return await toWhole(answer, context.idempotency);
    // Where tRPC refuses a request before any call, its answer is JSON but does not say so.
    if (answer.headers.get('content-type')?.startsWith('text/')) answer.headers.set('content-type', JSON_TYPE);
    return answer;
  } catch (cause) {
    const error = toTrpcError(cause);
    onError(error);
    return toTrpcErrorAnswer(error, context);
  }
}

const MOST = `at most ${BATCH_LIMIT}: set maxItems to ${BATCH_LIMIT} in the link of your client that makes batches`;

/** The names of the calls, with commas between them in a batch. */
const namesOf = ({ pathname }: URL, isBatch: boolean) => {
  const names = pathname.slice(TRPC_PATH.length + 1);
  return isBatch ? names.split(/,|%2c/i) : [names];
};

const isMutation = (name: string) => procedures[name as ProcedurePath]?.type === 'mutation';

const JSONL = 'application/jsonl';
/** True for `httpBatchStreamLink`, which reads the answer of each call of a batch as soon as it comes. */
const asksForStream = (headers: Headers) =>
  (headers.get('trpc-accept') ?? '') === JSONL ||
  (!headers.has('trpc-accept') && (headers.get('accept') ?? '').split(',').some((type) => type.trim() === JSONL));

/**
 * Waits for the end of a stream, whose headers would go out before the call ends, and so before anybody knows whether the
 * answer was given before.
 */
async function toWhole({ body, status, headers }: Response, idempotency: Idempotency): Promise<Response> {
  const bytes = await new Response(body).bytes();
  headers.delete('transfer-encoding');
  if (isReplayed(idempotency)) headers.set(REPLAYED, 'true');
  return new Response(bytes, { status, headers });
}

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

interface Asked {
  url: URL;
  isStreamed: boolean;
}

/**
 * The request with numbers marked that would be rounded, and without anything that makes tRPC do more than answer JSON with
 * JSON: tRPC would take a form or bytes as the input of a mutation.
 */
async function toPlainRequest(request: Request, { url, isStreamed }: Asked): Promise<Request> {
  const headers: Record<string, string> = isStreamed ? { 'trpc-accept': JSONL } : {};
  if (request.method === 'GET') {
    const address = withExactInput(url);
    const { headers: sent } = request;
    const asksForMore = sent.has('trpc-accept') || sent.has('content-type') || sent.get('accept')?.includes('jsonl');
    return address === url && !asksForMore ? request : new Request(address, { headers });
  }
  if (request.method !== 'POST') throw fault('METHOD_NOT_SUPPORTED', { headers: { Allow: ALLOWED } });
  requireJson(request.headers);
  const body = markInexact(await readText(request));
  return new Request(url, { method: 'POST', headers: { 'content-type': JSON_TYPE, ...headers }, body });
}

/** The address with the numbers of a query's input marked, as in a body. */
function withExactInput(url: URL): URL {
  const input = url.searchParams.get('input') ?? '';
  const marked = markInexact(input);
  if (marked === input) return url;
  const address = new URL(url);
  address.searchParams.set('input', marked);
  return address;
}

/** The headers of all errors. Where two errors set the same header, the first error counts. */
const headersOf = (errors: readonly TRPCError[]): Record<string, string> =>
  Object.assign({}, ...errors.map((error) => describeError(error).headers).reverse());
