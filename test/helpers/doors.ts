import { routes } from '../../server/doors/rest/routes.ts';
import { type ProcedurePath, procedures } from '../../server/procedures/call.ts';
import { transformer } from '../../shared/transformer.ts';
import type { TestApp } from './testApp.ts';

export type Input = Record<string, unknown>;
export type Answer = Awaited<ReturnType<TestApp['api']>>;

/** The request that calls a procedure through a door. */
export interface DoorRequest {
  door: 'tRPC' | 'REST';
  method: string;
  path: string;
  body?: unknown;
}

const typeOf = (procedure: string) => procedures[procedure as ProcedurePath]?.type;

/**
 * The requests that call a procedure with `input`: first over tRPC, then by each REST route of the procedure that takes
 * any `id`.
 */
export function requestsOf(procedure: string, input: Input): DoorRequest[] {
  return [
    trpcRequest(procedure, input),
    ...routes.filter((route) => route.procedure === procedure && !route.id).map(restRequest(input)),
  ];
}

function trpcRequest(procedure: string, input: Input): DoorRequest {
  const path = `/trpc/${procedure}`;
  const wire = transformer.serialize(input);
  if (typeOf(procedure) === 'mutation') return { door: 'tRPC', method: 'POST', path, body: wire };
  return { door: 'tRPC', method: 'GET', path: `${path}?input=${encodeURIComponent(JSON.stringify(wire))}` };
}

const restRequest =
  (input: Input) =>
  ({ method, path }: { method: string; path: string }): DoorRequest => {
    const { id, ...others } = input;
    const rest = path.includes('{id}') ? others : input;
    const url = path.replace('{id}', encodeURIComponent(String(id)));
    if (method === 'POST' || method === 'PATCH') return { door: 'REST', method, path: url, body: rest };
    const query = new URLSearchParams(Object.entries(rest).map(([name, value]) => [name, toParameter(value)]));
    return { door: 'REST', method, path: query.size > 0 ? `${url}?${query}` : url };
  };

const toParameter = (value: unknown) => (value instanceof Date ? value.toISOString() : String(value));

export const call = (app: TestApp, key: string | undefined, { method, path, body }: DoorRequest) =>
  app.api(key, method, path, body);

/** The outcome of a call, in the same shape from both doors. Dates are text in ISO 8601. */
export function readAnswer({ door }: DoorRequest, { status, body }: Answer) {
  if (door === 'REST') {
    if (!body.success) return { status, error: body.error, details: body.details };
    return { status, data: 'nextCursor' in body ? { items: body.data, nextCursor: body.nextCursor } : body.data };
  }
  if (body.error) return { status, error: body.error.json.message, details: body.error.json.data.details };
  return { status, data: body.result.data.json };
}
