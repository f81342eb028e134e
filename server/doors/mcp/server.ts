import { type CallToolResult, ProtocolError, ProtocolErrorCode, Server } from '@modelcontextprotocol/server';
import { IN_META } from '../../../shared/idempotencyKey.ts';
import { redactKeys } from '../../../shared/keyFormat.ts';
import { badRequest } from '../../http/errors.ts';
import { callProcedure, procedures } from '../../procedures/call.ts';
import type { Context, Idempotency, Identity, Principal } from '../../procedures/context.ts';
import { isReplayed } from '../../procedures/idempotency.ts';
import { requireScopes } from '../../procedures/procedure.ts';
import { version } from '../version.ts';
import { explain, toRestError } from './explain.ts';
import { toJsonSchema } from './jsonSchema.ts';
import { type Caller, type Tool, tools } from './tools.ts';

const SERVER_INFO = { name: 'introzy', title: 'Introzy', version };

const INSTRUCTIONS =
  'The contacts of one organization, the one of the API key. Find contacts with search_contacts before you change them; ' +
  'change them from the version that you have read (expectedVersion). What is deleted can be restored.';

/**
 * Milliseconds that a client may keep the list of tools. The list depends on the key's scopes, which never change, and
 * on our version.
 */
const LIST_KEPT = 300_000;

/** Makes a server without handlers: name, version, instructions, and the capability `tools`. */
export const newServer = () =>
  new Server(SERVER_INFO, {
    capabilities: { tools: {} },
    instructions: INSTRUCTIONS,
    cacheHints: { 'tools/list': { ttlMs: LIST_KEPT, cacheScope: 'private' } },
  });

/** The description of a tool for clients, with all four hints explicit. */
const describeTool = ({ name, title, description, input, output, hints }: Tool) => ({
  name,
  title,
  description,
  inputSchema: { ...toJsonSchema(input, 'input'), type: 'object' as const },
  outputSchema: { ...toJsonSchema(output, 'output'), type: 'object' as const },
  annotations: {
    readOnlyHint: hints.readOnly ?? false,
    destructiveHint: hints.destructive ?? false,
    idempotentHint: hints.idempotent ?? false,
    openWorldHint: false,
  },
});
const described = new Map(tools.map((tool) => [tool, describeTool(tool)]));

interface ServerParts {
  context: Context;
  principal: Principal;
  /** Called for each call that failed. */
  onFailure(error: unknown): void;
  /** Called for each call whose answer was given before. */
  onReplay(): void;
}

/** Makes the MCP server for a single request of a key. */
export function createMcpServer({ context, principal, onFailure, onReplay }: ServerParts): Server {
  const server = newServer();
  server.setRequestHandler('tools/list', () => ({
    tools: [...described].filter(([tool]) => isAllowed(tool, principal.identity)).map(([, description]) => description),
  }));
  server.setRequestHandler('tools/call', async ({ params }) => {
    const tool = tools.find(({ name }) => name === params.name);
    if (!tool) {
      const message = `There is no tool ${redactKeys(params.name)}: see tools/list`;
      onFailure(badRequest(message));
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, message);
    }
    try {
      await requireScopes(principal, neededScopes(tool));
      const idempotency = readKey(params);
      const result = toResult(await tool.run(callerOf({ ...context, idempotency }), params.arguments));
      if (!idempotency || !isReplayed(idempotency)) return result;
      onReplay();
      return { ...result, _meta: { [IN_META.replayed]: true } };
    } catch (error) {
      onFailure(error);
      return toFailure(error);
    }
  });
  return server;
}

/** The scopes that a tool needs, from the definition of its procedure. */
function neededScopes({ procedure }: Tool) {
  const { scope } = procedures[procedure].meta;
  return scope === undefined ? [] : [scope];
}
const isAllowed = (tool: Tool, { scopes }: Identity) => neededScopes(tool).every((scope) => scopes.includes(scope));

interface CallParams {
  name: string;
  arguments?: unknown;
  _meta?: Record<string, unknown> | undefined;
}

/** The idempotency key of a tool's call. A header of the request would stand for every message of the request. */
function readKey({ name, arguments: given, _meta }: CallParams): Idempotency | undefined {
  const key = _meta?.[IN_META.key];
  return key === undefined ? undefined : { key, path: ['_meta', IN_META.key], calls: 1, tool: { name, given } };
}

/** Calls procedures in the context of a single request. */
const callerOf = (context: Context): Caller => ({
  call: (path, input) => callProcedure(path, { ctx: context, getRawInput: () => Promise.resolve(input) }),
  callsLeft: () => context.seen.rate?.remaining ?? 0,
});

/** A result twice: structured, and as text for clients that read no structured content. */
function toResult(result: object): CallToolResult {
  const text = JSON.stringify(result);
  return { content: [{ type: 'text', text }], structuredContent: JSON.parse(text) };
}

/** A failure in words for the model, and in `_meta` as REST would answer, for programs. */
function toFailure(error: unknown): CallToolResult {
  const text = explain(error);
  return { isError: true, content: [{ type: 'text', text }], _meta: { 'introzy/error': toRestError(error) } };
}
