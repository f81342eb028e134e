import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { type CallToolResult, ProtocolError, type Server } from '@modelcontextprotocol/server';
import { ERRORS, type ErrorCode, ErrorEnvelope } from '../../shared/errors.ts';
import { stringifyExact } from '../../shared/exactJson.ts';
import { IN_META } from '../../shared/idempotencyKey.ts';
import { explainDescribed } from '../doors/mcp/explain.ts';
import { MCP_PATH } from '../doors/mcp/path.ts';
import { newServer } from '../doors/mcp/server.ts';
import { CommandError } from './commandError.ts';

/** A service as a client reaches it: over the network, or in this process. */
export interface Remote {
  /** The service's base address, without a slash at the end. */
  url: string;
  key: string;
  send(request: Request): Promise<Response>;
}

/** Throws a `CommandError` for the person at the agent where no service answers, or the service refuses the key. */
export async function checkRemote(remote: Remote): Promise<void> {
  await ask(remote, 'GET', '/api/keys/current');
}

/** Makes an MCP server that hands each call on to the service's MCP, which checks and counts the call as any other. */
export function createRemoteServer(remote: Remote): Server {
  const server = newServer();
  server.setRequestHandler('tools/list', async ({ params }) => (await call(remote, 'tools/list', params)) as never);
  server.setRequestHandler('tools/call', async ({ params }): Promise<CallToolResult> => {
    try {
      return (await call(remote, 'tools/call', params)) as CallToolResult;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return { isError: true, content: [{ type: 'text', text: error.message }] };
    }
  });
  return server;
}

/** MCP's revision between this process and the service. This process and the client may agree on another revision. */
const REVISION = '2025-11-25';

async function call(
  remote: Remote,
  method: string,
  { _meta, ...params }: Record<string, unknown> = {},
): Promise<unknown> {
  // With a key a tool's call is done once, however often this process sends the call.
  const key = method === 'tools/call' && { _meta: { [IN_META.key]: readKey(_meta) ?? randomUUID() } };
  const message = { jsonrpc: '2.0', id: randomUUID(), method, params: { ...params, ...key } };
  const { result, error } = (await ask(remote, 'POST', MCP_PATH, message)) as {
    result?: unknown;
    error?: { code: number; message: string };
  };
  if (error) throw new ProtocolError(error.code, error.message);
  return result;
}

const readKey = (meta: unknown) => (meta as Record<string, unknown> | undefined)?.[IN_META.key];

async function ask({ url, key, send }: Remote, method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
  const headers = {
    authorization: `Bearer ${key}`,
    ...(body && {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': REVISION,
    }),
  };
  const init = { method, headers, ...(body && { body: stringifyExact(body) }) };
  const answer = await patiently(() => send(new Request(url + path, init)), body ? ATTEMPTS : 1);
  if (!answer) {
    throw new CommandError(`No service answers at ${url}. Start it (npm start), or set INTROZY_URL to its address.`);
  }
  const json: unknown = await answer.json().catch(() => undefined);
  if (answer.ok && json !== undefined) return json;
  if (typeof json === 'object' && json !== null && 'jsonrpc' in json) return json;
  throw new CommandError(explainAnswer(url, answer, json));
}

/** Times that a message is sent at most: every message may be repeated. */
const ATTEMPTS = 3;
/** Milliseconds before the second attempt where there is no `Retry-After`; twice as many before the third. */
const FIRST_WAIT = 250;
/** Seconds. A longer `Retry-After` is told to the agent. */
const LONGEST_WAIT = 5;

/** Sends again where no answer comes, or 503. `undefined`: no attempt had an answer. */
async function patiently(send: () => Promise<Response>, attempts: number): Promise<Response | undefined> {
  for (let attempt = 1; ; attempt++) {
    const answer = await send().catch(() => undefined);
    const seconds = Number(answer?.headers.get('retry-after') ?? 0);
    if ((answer && answer.status !== 503) || attempt === attempts || seconds > LONGEST_WAIT) return answer;
    await answer?.body?.cancel();
    await setTimeout(seconds > 0 ? seconds * 1_000 : FIRST_WAIT * 2 ** (attempt - 1));
  }
}

function explainAnswer(url: string, { status, headers }: Response, json: unknown): string {
  const envelope = ErrorEnvelope.safeParse(json);
  const code = (Object.keys(ERRORS) as ErrorCode[]).find((each) => ERRORS[each].status === status);
  if (!envelope.success || !code)
    return `What answers at ${url} is no Introzy service (HTTP ${status}). Set INTROZY_URL.`;
  const wait = headers.get('retry-after');
  return explainDescribed(code, envelope.data) + (wait ? ` Retry-After: ${wait} seconds.` : '');
}
