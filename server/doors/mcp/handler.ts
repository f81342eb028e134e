import {
  createMcpHandler,
  isLegacyRequest,
  localhostAllowedHostnames,
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { getTRPCErrorFromUnknown, type TRPCError } from '@trpc/server';
import type { Principal } from '../../auth/principal.ts';
import { readText, refuseDeep, requireJson } from '../../http/body.ts';
import { fault, translateFault, unauthorized } from '../../http/errors.ts';
import { ownOrigins } from '../../http/sameOrigin.ts';
import { type Context, commonHeaders } from '../../procedures/context.ts';
import { getPrincipal } from '../../procedures/procedure.ts';
import { countCall } from '../../procedures/rate.ts';
import { toErrorAnswer } from '../answer.ts';
import { isWhole } from './explain.ts';
import { createMcpServer } from './server.ts';

export const MCP_PATH = '/mcp';

interface Door {
  context: Context;
  onError(error: TRPCError): void;
}

/**
 * Answers a POST of MCP (streamable HTTP, without sessions: each request stands alone). Who calls, and whether their rate
 * allows it, is settled before a message is looked at, as some come to no procedure; the procedures check the key again.
 */
export async function answerMcp(request: Request, { context, onError }: Door): Promise<Response> {
  try {
    refuseForeign(request, context);
    const principal = await authenticate(context);
    requireJson(request.headers);
    const text = await readText(request);
    const message = parse(text);
    await countCall(context, principal, countRequests(message));
    return await serve({ request, text, message, context, principal, onError });
  } catch (cause) {
    const error = translateFault(getTRPCErrorFromUnknown(cause));
    onError(error);
    return toErrorAnswer(error, context);
  }
}

/** Throws where the request was sent to a name that is not ours, as when DNS is rebound, or by a page that is not. */
function refuseForeign(request: Request, { deps: { publicUrl } }: Context) {
  const hostnames = [new URL(publicUrl).hostname, ...localhostAllowedHostnames()];
  if (!hostnames.includes(new URL(request.url).hostname)) {
    throw fault('FORBIDDEN', { details: { reason: 'Host is not the one of PUBLIC_URL' } });
  }
  const origin = request.headers.get('origin');
  if (origin !== null && !ownOrigins(request, publicUrl).includes(origin)) {
    throw fault('FORBIDDEN', { details: { reason: 'Origin is not this service' } });
  }
}

/** Whose key it is, which the database has admitted. A session’s cookie is for the dashboard, not for agents. */
async function authenticate(context: Context): Promise<Principal> {
  if (context.credential.type === 'session') throw unauthorized('missing');
  const principal = await getPrincipal(context);
  try {
    await principal.admit();
  } catch (cause) {
    const error = translateFault(getTRPCErrorFromUnknown(cause));
    if (error.code === 'UNAUTHORIZED') principal.refuse();
    throw error;
  }
  return principal;
}

/** The message, or the batch of them; `undefined` for what is not JSON, which the SDK answers. */
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

/** Each request of a batch is a call; a POST is one at least. */
const countRequests = (message: unknown) => Math.max([message].flat().filter(isRequest).length, 1);

interface Served extends Door {
  request: Request;
  text: string;
  message: unknown;
  principal: Principal;
}

async function serve({ request, text, message, context, principal, onError }: Served): Promise<Response> {
  const failures: TRPCError[] = [];
  const server = createMcpServer({
    context: { ...context, isCounted: true },
    identity: principal.identity,
    onFailure(error) {
      if (!isWhole(error)) return;
      const failure = getTRPCErrorFromUnknown(error);
      failures.push(failure);
      onError(failure);
    },
  });
  const { url, method, headers } = request;
  const signal = isListening(message) ? endOfListening(request, context) : null;
  const answer = await answerWith(server, new Request(url, { method, headers, body: text, signal }), message);
  // A batch that failed in part says so in its answers; but who is refused is refused.
  const failure = failures.find(({ code }) => code === 'UNAUTHORIZED') ?? failures[0];
  const isRefused = failure && (failure.code === 'UNAUTHORIZED' || failures.length === countRequests(message));
  if (isRefused) return toErrorAnswer(failure, context);
  for (const [name, value] of Object.entries(commonHeaders(context))) answer.headers.set(name, value);
  return answer;
}

/** Milliseconds that a client may listen for changes; there are none that it is told of, so that the stream stays mute. */
const LISTEN_FOR = 60_000;
const isListening = (message: unknown) => (message as { method?: unknown } | null)?.method === 'subscriptions/listen';
const endOfListening = ({ signal }: Request, { deps: { draining } }: Context) =>
  AbortSignal.any([signal, draining.signal, AbortSignal.timeout(LISTEN_FOR)]);

/** Has the SDK answer: clients of 2025's revisions with JSON as well, so that the status can still say what failed. */
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
