import { getTRPCErrorFromUnknown, type TRPCError } from '@trpc/server';
import { readJson } from '../body.ts';
import type { Context } from '../context.ts';
import { badRequest } from '../faults.ts';
import { callProcedure } from './callProcedure.ts';
import { toAnswer, toErrorAnswer } from './envelope.ts';
import type { Route } from './routes.ts';

export interface RestCall {
  route: Route;
  request: Request;
  /** The path's `{id}`. */
  id: string | undefined;
  context: Context;
  onError(error: TRPCError): void;
}

/** Answers a REST request by calling its procedure, which also decides when the body is read: for valid keys only. */
export async function answerRest({ route, request, id, context, onError }: RestCall): Promise<Response> {
  let input: Promise<unknown> | undefined;
  try {
    const result = await callProcedure({
      path: route.procedure,
      type: route.method === 'GET' ? 'query' : 'mutation',
      ctx: context,
      getRawInput: () => (input ??= readInput({ route, request, id })),
    });
    return toAnswer(result, context, route);
  } catch (cause) {
    const error = getTRPCErrorFromUnknown(cause);
    onError(error);
    return toErrorAnswer(error, context);
  }
}

async function readInput({ route, request, id }: Pick<RestCall, 'route' | 'request' | 'id'>) {
  const hasBody = route.method === 'POST' || route.method === 'PATCH';
  let body = (hasBody ? await readJson(request) : undefined) ?? {};
  if (Array.isArray(body) && route.arrayField) body = { [route.arrayField]: body };
  if (typeof body !== 'object' || Array.isArray(body)) throw badRequest('The body must be a JSON object');
  const input: Record<string, unknown> = { ...readQuery(request.url), ...body };
  if (id !== undefined) {
    if ('id' in input && input.id !== id) throw badRequest('Differs from the id in the path', ['id']);
    input.id = id;
  }
  const expectedVersion = route.isConditional ? readIfMatch(request.headers.get('if-match')) : undefined;
  if (expectedVersion !== undefined) {
    if ('expectedVersion' in input && input.expectedVersion !== expectedVersion) {
      throw badRequest('Differs from If-Match', ['expectedVersion']);
    }
    input.expectedVersion = expectedVersion;
  }
  return input;
}

/** The parameters that are not text. What is not of their form goes on as text, for the procedure to refuse. */
const parsers = new Map<string, (text: string) => unknown>([
  ['limit', (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : text)],
  ['expectedVersion', (text) => (/^\d{1,15}$/.test(text) ? Number(text) : text)],
  ['includeDeleted', (text) => (text === 'true' ? true : text === 'false' ? false : text)],
]);

function readQuery(url: string): Record<string, unknown> {
  const start = url.indexOf('?');
  if (start === -1) return {};
  const query: Record<string, unknown> = {};
  const parameters = new URLSearchParams(url.slice(start));
  for (const name of new Set(parameters.keys())) {
    const values = parameters.getAll(name);
    const [value = ''] = values;
    query[name] = values.length > 1 ? values : (parsers.get(name)?.(value) ?? value);
  }
  return query;
}

/**
 * The version in an `If-Match` (RFC 9110, section 13.1.1); `undefined` for none, or for `*`. An entity tag that is none of
 * ours matches no version, and a list of tags is not offered.
 */
function readIfMatch(header: string | null): number | undefined {
  const value = header?.trim();
  if (value === undefined || value === '*') return undefined;
  const version = /^("?)(\d{1,9})\1$/.exec(value)?.[2];
  if (version !== undefined) return Number(version);
  if (/^(W\/)?"[^"]*"$/.test(value)) return NO_VERSION;
  throw badRequest('Not one entity tag, such as "3"', ['If-Match']);
}

/** Versions begin with 1. */
const NO_VERSION = 0;
