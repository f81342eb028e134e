import type { TRPCError } from '@trpc/server';
import { readJson } from '../../http/body.ts';
import { readIfMatch } from '../../http/entityTags.ts';
import { badRequest } from '../../http/errors.ts';
import { callProcedure } from '../../procedures/call.ts';
import type { Context } from '../../procedures/context.ts';
import { toTrpcError } from '../../procedures/outcome.ts';
import { toAnswer, toErrorAnswer, toNotModified } from '../answer.ts';
import type { Route } from './routes.ts';

export interface RestCall {
  route: Route;
  request: Request;
  /** The value of `{id}` in the path. */
  id: string | undefined;
  context: Context;
  onError(error: TRPCError): void;
}

/** Answers a REST request by calling its procedure. The procedure has the body read, and for known keys only. */
export async function answerRest({ route, request, id, context, onError }: RestCall): Promise<Response> {
  let input: Promise<unknown> | undefined;
  try {
    const getRawInput = () => (input ??= gatherInput({ route, request, id }));
    const result = await callProcedure(route.procedure, { ctx: context, getRawInput });
    return (route.isRevalidated && toNotModified(result, context, request)) || toAnswer(result, context, route);
  } catch (cause) {
    const error = toTrpcError(cause);
    onError(error);
    return toErrorAnswer(error, context);
  }
}

/** Gathers the fields of a procedure's input from the body, the query, the path and `If-Match`. */
async function gatherInput({ route, request, id }: Pick<RestCall, 'route' | 'request' | 'id'>) {
  let body = (route.method === 'GET' ? undefined : await readJson(request)) ?? {};
  if (Array.isArray(body) && route.arrayField) body = { [route.arrayField]: body };
  if (typeof body !== 'object' || Array.isArray(body)) throw badRequest('The body must be a JSON object');
  const input: Record<string, unknown> = { ...body };
  const add = (name: string, value: unknown, where: string) => {
    if (Object.hasOwn(input, name) && input[name] !== value) throw badRequest(`Differs from ${where}`, [name]);
    input[name] = value;
  };
  for (const [name, value] of Object.entries(readQuery(request.url))) {
    // Contact data does not belong in an address, which proxies log.
    if (WITH_BODY.has(route.method) && !IN_ANY_QUERY.has(name)) throw badRequest('Send this in the body', [name]);
    add(name, value, 'the one in the query');
  }
  const named = route.id ?? id;
  if (named !== undefined) add('id', named, 'the id in the path');
  const expectedVersion = route.isConditional ? readIfMatch(request.headers.get('if-match')) : undefined;
  if (expectedVersion !== undefined) add('expectedVersion', expectedVersion, 'If-Match');
  return input;
}

const WITH_BODY = new Set<Route['method']>(['POST', 'PATCH']);
const IN_ANY_QUERY = new Set(['organizationId', 'expectedVersion', 'dryRun']);

const VERSION = /^(?:\d{1,15}|(?:W\/)?"\d{1,15}")$/;

/** The query parameters that are not text. A value of another form goes on as text, and the procedure refuses it. */
const parsers = new Map<string, (text: string) => unknown>([
  ['limit', (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : text)],
  // A number, or the entity tag of an answer: 3, "3", W/"3".
  ['expectedVersion', (text) => (VERSION.test(text) ? Number(text.replace(/\D/g, '')) : text)],
  ['includeDeleted', toBoolean],
  ['dryRun', toBoolean],
]);

function toBoolean(text: string): unknown {
  return text === 'true' ? true : text === 'false' ? false : text;
}
/** The query parameters that are lists: `?ids=a,b` or `?ids=a&ids=b`. */
const LISTS = new Set(['fields', 'ids', 'tags']);

function readQuery(url: string): Record<string, unknown> {
  const start = url.indexOf('?');
  if (start === -1) return {};
  const query: Record<string, unknown> = {};
  const parameters = new URLSearchParams(escapePlus(url.slice(start + 1)));
  for (const name of new Set(parameters.keys())) {
    const values = parameters.getAll(name);
    const [value = ''] = values;
    if (LISTS.has(name)) query[name] = values.flatMap((text) => text.split(','));
    else query[name] = values.length > 1 ? values : (parsers.get(name)?.(value) ?? value);
  }
  return query;
}

/** Parameters whose values may have a plus, and the pluses that stand for no blank there. */
const PLUSES: readonly (readonly [name: string, plus: RegExp])[] = [
  // An address has no blank inside: `a+b@example.com`. Blanks around it are no part of it.
  ['email', /(?<=[^+])\++(?=[^+])/g],
  // The plus of a country code: `+44 20…`.
  ['phone', /^\++/],
];

/**
 * The query with such pluses escaped: unescaped, a plus in a query is a blank, as in a form. So an address or a number is
 * found as people write it into an address line.
 */
const escapePlus = (query: string) =>
  query.includes('+')
    ? query
        .split('&')
        .map((pair) => {
          const [, plus] = PLUSES.find(([name]) => pair.startsWith(`${name}=`)) ?? [];
          if (!plus) return pair;
          const start = pair.indexOf('=') + 1;
          return pair.slice(0, start) + pair.slice(start).replace(plus, (pluses) => pluses.replaceAll('+', '%2B'));
        })
        .join('&')
    : query;
