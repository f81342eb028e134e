import {
  createMcpHandler,
  isLegacyRequest,
  localhostAllowedHostnames,
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import type { TRPCError } from '@trpc/server';
import { markInexact } from '../../../shared/exactJson.ts';
import { REPLAYED } from '../../../shared/idempotencyKey.ts';
import { pageBytesOf } from '../../../shared/paging.ts';
import { readText, refuseDeep, requireJson } from '../../http/body.ts';
import { badRequest, fault } from '../../http/errors.ts';
import { ownOrigins } from '../../http/sameOrigin.ts';
import { admitKeyHolder } from '../../procedures/caller.ts';
import type { Context, Counts, Principal } from '../../procedures/context.ts';
import { toTrpcError } from '../../procedures/outcome.ts';
import { countCall, dropCount } from '../../procedures/rate.ts';
import { countOutcome } from '../../procedures/usage.ts';
import { BATCH_LIMIT, commonHeaders, toErrorAnswer } from '../answer.ts';
import { errorOfCall, isWhole } from './explain.ts';
import { createMcpServer } from './server.ts';

interface Door {
  context: Context;
  onError(error: TRPCError): void;
}

/**
 * Answers a POST of MCP (streamable HTTP, without sessions: each request stands alone). The key and its rate are
 * checked before a message is looked at, as some messages reach no procedure. The procedures check the key again.
 */
export async function answerMcp(request: Request, { context, onError }: Door): Promise<Response> {
  let principal: Principal | undefined;
  let calls = 1;
  try {
    refuseForeignOrigin(request, context);
    principal = await admitKeyHolder(context);
    requireJson(request.headers);
    const text = markInexact(await readText(request));
    const message = parse(text);
    calls = countRequests(message);
    const counts: Counts = [];
    await countCall(context, { principal, counts, calls });
    if (calls > BATCH_LIMIT) throw badRequest(`A batch has at most ${BATCH_LIMIT} requests`);
    return await serve({ request, text, message, context, principal, counts, calls, onError });
  } catch (thrown) {
    const error = toTrpcError(thrown);
    if (principal) countOutcome(context, { principal, error, calls });
    onError(error);
    return toErrorAnswer(error, context);
  }
}

/** Throws 403 where the request was sent to a foreign name, as when DNS is rebound, or by a page of an origin that is not allowed. */
function refuseForeignOrigin(request: Request, { deps: { publicUrl, allowedOrigins } }: Context) {
  const hostnames = [new URL(publicUrl).hostname, ...localhostAllowedHostnames()];
  if (!hostnames.includes(new URL(request.url).hostname)) {
    throw fault('FORBIDDEN', { details: { reason: 'Host is not the one of PUBLIC_URL' } });
  }
  const origin = request.headers.get('origin');
  const isKnown = origin === null || allowedOrigins.has(origin) || ownOrigins(request, publicUrl).includes(origin);
  if (!isKnown) {
    throw fault('FORBIDDEN', { details: { reason: 'Origin is not this service' } });
  }
}

/** The message, or the batch of messages; `undefined` for text that is not JSON, which the SDK refuses. */
function parse(text: string): unknown {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return undefined;
  }
  refuseDeep(message);
  return message;
}

const isRequest = (message: unknown) => typeof message === 'object' && message !== null && 'id' in message;

/** Each request of a batch is a call; a POST is at least one call. */
const countRequests = (message: unknown) => Math.max([message].flat().filter(isRequest).length, 1);

interface Served extends Door {
  request: Request;
  text: string;
  message: unknown;
  principal: Principal;
  counts: Counts;
  /** The number of calls in the message. */
  calls: number;
}

async function serve(served: Served): Promise<Response> {
  const { request, text, message, context, principal, counts, calls, onError } = served;
  const failed: TRPCError[] = [];
  const failures: TRPCError[] = [];
  let isReplayed = false;
  const server = createMcpServer({
    // A result is in the answer twice: structured, and as text.
    context: { ...context, isCounted: true, pageBytes: Math.floor(pageBytesOf(calls) / 2) },
    principal,
    onReplay: () => void (isReplayed = calls === 1),
    onFailure(error) {
      failed.push(errorOfCall(error));
      if (!isWhole(error)) return;
      const failure = toTrpcError(error);
      failures.push(failure);
      onError(failure);
    },
  });
  const { url, method, headers } = request;
  const signal = isListening(message) ? endOfListening(request, context) : null;
  const answer = await answerWith(server, new Request(url, { method, headers, body: text, signal }), message);
  // Where a part of a batch failed, the answers of its calls tell. A refused key is refused for the whole batch.
  const failure = failures.find(({ code }) => code === 'UNAUTHORIZED') ?? failures[0];
  const isRefused = failure && (failure.code === 'UNAUTHORIZED' || failures.length === calls);
  // A refused key has made no call.
  if (failure?.code !== 'UNAUTHORIZED') countOutcomes(served, { failed, isRead: answer.ok });
  if (isRefused) {
    if (failure.code === 'UNAUTHORIZED') {
      principal.refuse();
      await dropCount(context, { principal, counts });
    }
    return toErrorAnswer(failure, context);
  }
  for (const [name, value] of Object.entries(commonHeaders(context))) answer.headers.set(name, value);
  if (isReplayed) answer.headers.set(REPLAYED, 'true');
  return answer;
}

/** Counts the calls of a message by their outcomes. Where the SDK could not read the message, no call succeeded. */
function countOutcomes({ context, principal, calls }: Served, done: { failed: TRPCError[]; isRead: boolean }) {
  const { failed, isRead } = done;
  for (const error of failed) countOutcome(context, { principal, error });
  const error = isRead ? undefined : badRequest('Not a message of MCP');
  if (calls > failed.length) countOutcome(context, { principal, error, calls: calls - failed.length });
}

/** Milliseconds that a client may listen for changes. No changes are announced yet: the stream stays silent. */
const LISTEN_FOR = 60_000;
const isListening = (message: unknown) => (message as { method?: unknown } | null)?.method === 'subscriptions/listen';
const endOfListening = ({ signal }: Request, { deps: { draining } }: Context) =>
  AbortSignal.any([signal, draining.signal, AbortSignal.timeout(LISTEN_FOR)]);

/** Has the SDK answer. Clients of 2025's revisions get JSON and no stream: the status can still tell of a failure. */
async function answerWith(server: Server, request: Request, message: unknown): Promise<Response> {
  const given = message === undefined ? {} : { parsedBody: message };
  if (message === undefined || !(await isLegacyRequest(request, message))) {
    return await createMcpHandler(() => server, { legacy: 'reject' }).fetch(request, given);
  }
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  try {
    return await transport.handleRequest(request, given);
  } finally {
    await server.close();
  }
}
