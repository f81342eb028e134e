import type { TRPCError } from '@trpc/server';
import { encodedItems } from '../../shared/encoded.ts';
import type { ErrorEnvelope } from '../../shared/errors.ts';
import { describeError } from '../http/errors.ts';
import { type Context, commonHeaders } from '../procedures/context.ts';
import type { Route } from './rest/routes.ts';

/** Headers go in as the answer is made: to add one to a made answer costs more than all of these. */
const jsonHeaders = (context: Context): Record<string, string> => ({
  'Content-Type': 'application/json; charset=UTF-8',
  ...commonHeaders(context),
});

/** The answer to a request that went well. */
export function toAnswer(result: unknown, context: Context, route: Partial<Route> = {}): Response {
  const { location, hasVersion } = route;
  const status = route.status ?? 200;
  const headers = jsonHeaders(context);
  if (isPage(result)) {
    const items = encodedItems(result) ?? JSON.stringify(result.items);
    const next = JSON.stringify(result.nextCursor);
    return new Response(`{"success":true,"data":${items},"nextCursor":${next}}`, { status, headers });
  }
  const { id, version, apiKey } = result as { id?: string; version?: number; apiKey?: { id: string } };
  if (location) headers.Location = location(apiKey?.id ?? (id as string));
  if (hasVersion) headers.ETag = `"${version}"`;
  return new Response(`{"success":true,"data":${JSON.stringify(result)}}`, { status, headers });
}

/** The answer to a request that failed. */
export function toErrorAnswer(error: TRPCError, context: Context): Response {
  const { status, message, details, headers } = describeError(error);
  const envelope: ErrorEnvelope = { success: false, error: message, ...(details && { details }) };
  return new Response(JSON.stringify(envelope), { status, headers: { ...jsonHeaders(context), ...headers } });
}

const isPage = (result: unknown): result is { items: unknown[]; nextCursor: string | null } =>
  typeof result === 'object' && result !== null && 'nextCursor' in result;
