import { MCP_HEADERS, rpc } from './mcp.ts';
import type { TestApp } from './testApp.ts';

interface ToolCall {
  name: string;
  input: object;
  /** Any value: a key may be of a wrong form. */
  idempotencyKey?: unknown;
}

/** Calls a tool of MCP. `result` is the answer's, with `_meta`. */
export async function call(app: TestApp, key: string, { name, input, idempotencyKey }: ToolCall) {
  const params = { name, arguments: input, ...(idempotencyKey !== undefined && { _meta: { idempotencyKey } }) };
  const { body, ...answer } = await app.api(
    key,
    'POST',
    'http://127.0.0.1:3000/mcp',
    rpc(1, 'tools/call', params),
    MCP_HEADERS,
  );
  return { ...answer, result: body.result };
}
