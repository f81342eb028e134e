import { randomUUID } from 'node:crypto';
import { type CallToolResult, ProtocolError, type Server } from '@modelcontextprotocol/server';
import { ERRORS, type ErrorCode, ErrorEnvelope } from '../../shared/errors.ts';
import { stringifyExact } from '../../shared/exactJson.ts';
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
  const message = { jsonrpc: '2.0', id: randomUUID(), method, params };
  const { result, error } = (await ask(remote, 'POST', MCP_PATH, message)) as {
    result?: unknown;
    error?: { code: number; message: string };
  };
  if (error) throw new ProtocolError(error.code, error.message);
  return result;
}

async function ask({ url, key, send }: Remote, method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
  const headers = {
    authorization: `Bearer ${key}`,
    ...(body && {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': REVISION,
    }),
  };
  const request = new Request(url + path, { method, headers, ...(body && { body: stringifyExact(body) }) });
  const answer = await send(request).catch(() => {
    throw new CommandError(`No service answers at ${url}. Start it (npm start), or set INTROZY_URL to its address.`);
  });
  const json: unknown = await answer.json().catch(() => undefined);
  if (answer.ok && json !== undefined) return json;
  if (typeof json === 'object' && json !== null && 'jsonrpc' in json) return json;
  throw new CommandError(explainAnswer(url, answer, json));
}

function explainAnswer(url: string, { status, headers }: Response, json: unknown): string {
  const envelope = ErrorEnvelope.safeParse(json);
  const code = (Object.keys(ERRORS) as ErrorCode[]).find((each) => ERRORS[each].status === status);
  if (!envelope.success || !code)
    return `What answers at ${url} is no Introzy service (HTTP ${status}). Set INTROZY_URL.`;
  const wait = headers.get('retry-after');
  return explainDescribed(code, envelope.data) + (wait ? ` Retry-After: ${wait} seconds.` : '');
}
