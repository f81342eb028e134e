import { type CallToolResult, ProtocolError, ProtocolErrorCode, type Server } from '@modelcontextprotocol/server';
import { issuesOf } from '../../../shared/errors.ts';
import { redactKeys } from '../../../shared/keyFormat.ts';
import type { Identity } from '../../auth/principal.ts';
import { fault } from '../../http/errors.ts';
import { callProcedure } from '../../procedures/call.ts';
import type { Context } from '../../procedures/context.ts';
import { requireScopes } from '../../procedures/procedure.ts';
import { explain, toRestError } from './explain.ts';
import { toJsonSchema } from './jsonSchema.ts';
import { newServer } from './newServer.ts';
import { type Caller, type Tool, tools } from './tools.ts';

/** A tool as clients see it; all four hints are explicit. */
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
  identity: Identity;
  /** Is told of each call that failed. */
  onFailure(error: unknown): void;
}

/** An MCP server for one request, of one key. */
export function createMcpServer({ context, identity, onFailure }: ServerParts): Server {
  const server = newServer();
  const caller = callerOf(context);
  server.setRequestHandler('tools/list', () => ({
    tools: [...described].filter(([tool]) => isAllowed(tool, identity)).map(([, description]) => description),
  }));
  server.setRequestHandler('tools/call', async ({ params }) => {
    const tool = tools.find(({ name }) => name === params.name);
    if (!tool) {
      const message = `There is no tool ${redactKeys(params.name)}: see tools/list`;
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, message);
    }
    try {
      if (tool.scope) requireScopes(identity, [tool.scope]);
      return toResult(await tool.run(caller, readInput(tool, params.arguments) as never));
    } catch (error) {
      onFailure(error);
      return toFailure(error);
    }
  });
  return server;
}

const isAllowed = ({ scope }: Tool, { scopes }: Identity) => scope === undefined || scopes.includes(scope);

/** The procedures, in the context of one request. */
function callerOf(context: Context): Caller {
  const call = (type: 'query' | 'mutation') => (path: string, input: object) =>
    callProcedure({ ctx: context, path, type, getRawInput: () => Promise.resolve(input) });
  return { query: call('query'), mutate: call('mutation'), callsLeft: () => context.seen.rate?.remaining ?? 0 };
}

function readInput({ input }: Tool, given: unknown): object {
  const { success, data, error } = input.safeParse(given ?? {});
  if (success) return data;
  throw fault('BAD_REQUEST', { details: { issues: issuesOf(error) } });
}

/** The text is for clients that read no structured content, as the specification has it. */
function toResult(result: object): CallToolResult {
  const text = JSON.stringify(result);
  return { content: [{ type: 'text', text }], structuredContent: JSON.parse(text) };
}

/** With what REST would answer beside the words, for programs. */
function toFailure(error: unknown): CallToolResult {
  const text = explain(error);
  return { isError: true, content: [{ type: 'text', text }], _meta: { 'introzy/error': toRestError(error) } };
}
