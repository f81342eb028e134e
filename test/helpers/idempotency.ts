import { MCP_HEADERS, rpc } from './mcp.ts';
import type { TestApp } from './testApp.ts';

interface ToolCall {
  name: string;
  input: object;
  /** Any value: a key may be of a wrong form. */
  idempotencyKey?: unknown;
}

/** Calls a tool of MCP. `result` is the result with `_meta`. */
export async function callTool(
  { api }: TestApp,
  key: string,
  { name, input, idempotencyKey, headers = {} }: ToolCall & { headers?: Record<string, string> },
) {
  const params = { name, arguments: input, ...(idempotencyKey !== undefined && { _meta: { idempotencyKey } }) };
  const url = 'http://127.0.0.1:3000/mcp';
  const { body, ...answer } = await api(key, 'POST', url, rpc(1, 'tools/call', params), { ...MCP_HEADERS, ...headers });
  return { ...answer, result: body.result };
}
