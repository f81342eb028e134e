import {
  type CallToolResult,
  Client,
  type ClientOptions,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import type { TestApp } from './testApp.ts';

const MCP_URL = 'http://127.0.0.1:3000/mcp';

/**
 * How a client agrees on the protocol's revision: by the handshake of 2025, or by asking the server, as from 2026-07-28
 * on.
 */
type Mode = NonNullable<ClientOptions['versionNegotiation']>['mode'];

interface Requests {
  /** The app, which the client calls without a socket. */
  app: TestApp['app'];
  key: string;
  mode?: Mode;
}

/** Connects the SDK's own client, which checks each result against the tool's output schema. */
export async function connectMcp({ app, key, mode = 'auto' }: Requests) {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  const transport = new StreamableHTTPClientTransport(new URL(MCP_URL), {
    fetch: async (url, init) => await app.request(url, init),
    requestInit: { headers: { authorization: `Bearer ${key}` } },
  });
  await client.connect(transport);
  return { client, ...toolsOf(client), [Symbol.asyncDispose]: () => client.close() };
}

/** Calls a client's tools: `result` for calls that succeed, `failure` for calls that fail. */
export function toolsOf(client: Client) {
  const call = async (name: string, input: object = {}) =>
    (await client.callTool({ name, arguments: { ...input } })) as CallToolResult;
  return {
    call,
    /** The structured content of a tool's answer. Throws where the tool fails. */
    // biome-ignore lint/suspicious/noExplicitAny: an answer of any tool
    async result(name: string, input: object = {}): Promise<any> {
      const { isError, content, structuredContent } = await call(name, input);
      if (isError) throw new Error(`${name} failed: ${JSON.stringify(content)}`);
      return structuredContent;
    },
    /** The text of a tool's failure, and the error that REST would answer with. Throws where the tool succeeds. */
    async failure(name: string, input: object = {}) {
      const { isError, content, structuredContent, _meta } = await call(name, input);
      if (!isError || structuredContent) throw new Error(`${name} did not fail: ${JSON.stringify(structuredContent)}`);
      return { text: textOf(content), error: _meta?.['introzy/error'] };
    },
  };
}

const textOf = ([first]: CallToolResult['content']) => (first?.type === 'text' ? first.text : '');

/** A JSON-RPC message without any help of the SDK. */
export const rpc = (id: number | undefined, method: string, params?: object) => ({
  jsonrpc: '2.0',
  ...(id !== undefined && { id }),
  method,
  ...(params && { params }),
});

export const MCP_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

/** Sends a message, or a batch of messages, without the SDK. */
export const post = (app: TestApp, key: string | undefined, body: unknown, headers: Record<string, string> = {}) =>
  app.api(key, 'POST', '/mcp', body, { ...MCP_HEADERS, ...headers });
export const whoami = (id: number) => rpc(id, 'tools/call', { name: 'whoami', arguments: {} });

/** The `_meta` of a message of revision 2026-07-28: the fields that describe the sender. */
export const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
