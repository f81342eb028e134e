import type { TRPCError } from '@trpc/server';
import { encodedItems } from '../../shared/encoded.ts';
import type { ErrorEnvelope } from '../../shared/errors.ts';
import { describeError } from '../faults.ts';
import type { Route } from './routes.ts';

const JSON_TYPE = { 'Content-Type': 'application/json; charset=UTF-8' };

/** The answer to a call of a route that went well. */
export function toAnswer(result: unknown, route: Route): Response {
  const { location, hasVersion } = route;
  const status = route.status ?? 200;
  const headers: Record<string, string> = { ...JSON_TYPE };
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
export function toErrorAnswer(error: TRPCError): Response {
  const { status, message, details, headers } = describeError(error);
  const envelope: ErrorEnvelope = { success: false, error: message, ...(details && { details }) };
  return new Response(JSON.stringify(envelope), { status, headers: { ...JSON_TYPE, ...headers } });
}

const isPage = (result: unknown): result is { items: unknown[]; nextCursor: string | null } =>
  typeof result === 'object' && result !== null && 'nextCursor' in result;
