import {
  type CallToolResult,
  Client,
  type ClientOptions,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import type { TestApp } from './testApp.ts';

const MCP_URL = 'http://127.0.0.1:3000/mcp';

/** How a client settles the revision: with the handshake of 2025, or by asking what the server has, as from 2026-07-28. */
type Mode = NonNullable<ClientOptions['versionNegotiation']>['mode'];

interface Requests {
  /** The app, called without a socket. */
  app: TestApp['app'];
  key: string;
  mode?: Mode;
}

/** The SDK's own client, connected. It holds each result to the tool's output schema. */
export async function connectMcp({ app, key, mode = 'auto' }: Requests) {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  const transport = new StreamableHTTPClientTransport(new URL(MCP_URL), {
    fetch: async (url, init) => await app.request(url, init),
    requestInit: { headers: { authorization: `Bearer ${key}` } },
  });
  await client.connect(transport);
  return { client, ...toolsOf(client), [Symbol.asyncDispose]: () => client.close() };
}

/** A client's tools, by what comes of them. */
export function toolsOf(client: Client) {
  const call = async (name: string, input: object = {}) =>
    (await client.callTool({ name, arguments: { ...input } })) as CallToolResult;
  return {
    call,
    /** What a tool answers with; throws where it fails. */
    // biome-ignore lint/suspicious/noExplicitAny: an answer of any tool
    async result(name: string, input: object = {}): Promise<any> {
      const { isError, content, structuredContent } = await call(name, input);
      if (isError) throw new Error(`${name} failed: ${JSON.stringify(content)}`);
      return structuredContent;
    },
    /** The words that a tool fails with, and what REST would answer beside them; throws where it does not fail. */
    async failure(name: string, input: object = {}) {
      const { isError, content, structuredContent, _meta } = await call(name, input);
      if (!isError || structuredContent) throw new Error(`${name} did not fail: ${JSON.stringify(structuredContent)}`);
      return { text: textOf(content), error: _meta?.['introzy/error'] };
    },
  };
}

const textOf = ([first]: CallToolResult['content']) => (first?.type === 'text' ? first.text : '');

/** A message of JSON-RPC, as any client might send it. */
export const rpc = (id: number | undefined, method: string, params?: object) => ({
  jsonrpc: '2.0',
  ...(id !== undefined && { id }),
  method,
  ...(params && { params }),
});

export const MCP_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

/** Sends a message, or a batch, as any client might. */
export const post = (app: TestApp, key: string | undefined, body: unknown, headers: Record<string, string> = {}) =>
  app.api(key, 'POST', '/mcp', body, { ...MCP_HEADERS, ...headers });
export const whoami = (id: number) => rpc(id, 'tools/call', { name: 'whoami', arguments: {} });

/** What a message of revision 2026-07-28 says of its sender. */
export const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
