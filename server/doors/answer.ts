import type { TRPCError } from '@trpc/server';
import { encodedDocument, encodedItems } from '../../shared/encoded.ts';
import type { ErrorEnvelope } from '../../shared/errors.ts';
import { originRefused, preflightHeaders } from '../http/cors.ts';
import { describeError } from '../http/errors.ts';
import { securityHeaders } from '../http/securityHeaders.ts';
import type { Context } from '../procedures/context.ts';

/** The most calls in a batch, of tRPC or of MCP: an answer is held in memory as a whole. */
export const BATCH_LIMIT = 20;

/** The headers of every answer to a request, as far as the request has come. */
export function commonHeaders({ requestId, isHttps, cors, seen: { rate } }: Context): Record<string, string> {
  const headers: Record<string, string> = {
    'Cache-Control': 'no-store',
    'X-Request-Id': requestId,
    ...securityHeaders(isHttps),
    ...cors,
  };
  if (rate) {
    // draft-ietf-httpapi-ratelimit-headers: q calls in w seconds; r are left, for t seconds.
    const policy = rate.of === 'organization' ? '"organization"' : '"default"';
    headers['RateLimit-Policy'] = `${policy};q=${rate.limit};w=${rate.window}`;
    headers.RateLimit = `${policy};r=${rate.remaining};t=${rate.reset}`;
  }
  return headers;
}

/** Headers go in as the answer is made: to add a single header to a made answer costs more than to make all headers. */
const jsonHeaders = (context: Context): Record<string, string> => ({
  'Content-Type': 'application/json; charset=UTF-8',
  ...commonHeaders(context),
});

/** The parts that a route adds to its answers. */
export interface AnswerOptions {
  /** 200 unless given. */
  status?: 201;
  /** The path of the resource with the id, for `Location`: `/api/contacts/{id}`. */
  location?: (id: string) => string;
  /** The result's version goes out as `ETag`. */
  hasVersion?: true;
}

/** The answer to a request that went well. */
export function toAnswer(
  result: unknown,
  context: Context,
  { status, location, hasVersion }: AnswerOptions = {},
): Response {
  const headers = jsonHeaders(context);
  const init = { status: status ?? 200, headers };
  if (isPage(result)) {
    const items = encodedItems(result) ?? JSON.stringify(result.items);
    const next = JSON.stringify(result.nextCursor);
    return new Response(`{"success":true,"data":${items},"nextCursor":${next}}`, init);
  }
  const { id, version, apiKey } = result as { id?: string; version?: number; apiKey?: { id: string } };
  // After a dry run there is nothing at the address, and nothing has the version.
  if (!context.seen.isDryRun) {
    if (location) headers.Location = location(apiKey?.id ?? (id as string));
    if (hasVersion) headers.ETag = `"${version}"`;
  }
  const data = encodedDocument(result as object) ?? stringify(result as object);
  return new Response(`{"success":true,"data":${data}}`, init);
}

/** `JSON.stringify` for an object whose fields may be dates: V8 writes text ten times as fast as a `Date`. */
function stringify(result: object): string {
  const plain: Record<string, unknown> = { ...result };
  for (const field in plain) {
    const value = plain[field];
    if (value instanceof Date) plain[field] = value.toJSON();
  }
  return JSON.stringify(plain);
}

/** The answer to a request that failed. */
export function toErrorAnswer(error: TRPCError, context: Context): Response {
  const { status, message, details, headers } = describeError(error);
  const envelope: ErrorEnvelope = { success: false, error: message, ...(details && { details }) };
  return new Response(JSON.stringify(envelope), { status, headers: { ...jsonHeaders(context), ...headers } });
}

/** The answer to a browser that asks whether a page of another origin may send a request. */
export function answerPreflight(request: Request, context: Context): Response {
  if (!context.cors?.['Access-Control-Allow-Origin']) return toErrorAnswer(originRefused(request), context);
  return new Response(null, { status: 204, headers: { ...commonHeaders(context), ...preflightHeaders(request) } });
}

const isPage = (result: unknown): result is { items: unknown[]; nextCursor: string | null } =>
  typeof result === 'object' && result !== null && 'nextCursor' in result;
