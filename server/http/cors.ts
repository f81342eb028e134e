import type { TRPCError } from '@trpc/server';
import { redactKeys } from '../../shared/keyFormat.ts';
import { fault } from './errors.ts';

/** The doors that pages of other origins may call, with a key. Accounts, which go by cookies, are not among them. */
const OPEN = /^\/(?:trpc|mcp|api(?!\/auth(?:\/|$)))(?:\/|$)/;

const METHODS = 'GET, HEAD, POST, PATCH, DELETE';

/** The headers of requests that the service or its clients' libraries know. */
const HEADERS = [
  'accept',
  'authorization',
  'content-encoding',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'trpc-accept',
  'x-mcp-readonly',
  'x-request-id',
];

/** The headers of answers that a page of an allowed origin may read. Other headers are safe for every page (Fetch standard). */
const EXPOSED = [
  'ETag',
  'Idempotency-Replayed',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'WWW-Authenticate',
  'X-Request-Id',
].join(', ');

/** Seconds that a browser may remember the answer to a preflight. Chromium remembers it for two hours at most. */
const MAX_AGE = 86_400;

export type CorsHeaders = Readonly<Record<string, string>>;

/** Where an answer differs by origin, a cache must keep one answer for each. */
const VARY = { Vary: 'Origin' };

/**
 * The headers of every answer to pages of other origins: `undefined` at addresses that no page of another origin may call,
 * and where the settings allow no origin. No answer allows credentials: browsers keep cookies, and answers to requests
 * with cookies, from such pages.
 */
export function corsHeaders(
  allowed: ReadonlySet<string>,
  { path, origin }: { path: string; origin: string | null | undefined },
): CorsHeaders | undefined {
  if (allowed.size === 0 || !OPEN.test(path)) return undefined;
  return allowOrigin(allowed, origin) ?? VARY;
}

/** The headers that let a page of an allowed origin read an answer; `undefined` for another origin. */
export const allowOrigin = (
  allowed: ReadonlySet<string>,
  origin: string | null | undefined,
): CorsHeaders | undefined =>
  typeof origin === 'string' && allowed.has(origin)
    ? { 'Access-Control-Allow-Origin': origin, 'Access-Control-Expose-Headers': EXPOSED, ...VARY }
    : undefined;

/** A preflight: a browser asks whether a page of another origin may send a request (Fetch standard, 4.8). */
export const isPreflight = ({ method, headers }: Request): boolean =>
  method === 'OPTIONS' && headers.has('origin') && headers.has('access-control-request-method');

/** The methods and headers that a page of an allowed origin may send. Headers that the service does not read are allowed too. */
export function preflightHeaders({ headers }: Request): CorsHeaders {
  const asked = (headers.get('access-control-request-headers') ?? '').toLowerCase().split(',');
  const names = asked.map((name) => name.trim()).filter((name) => HEADER_NAME.test(name));
  return {
    'Access-Control-Allow-Methods': METHODS,
    'Access-Control-Allow-Headers': [...new Set([...HEADERS, ...names])].join(', '),
    'Access-Control-Max-Age': String(MAX_AGE),
  };
}
/** Shorter than a key, which no answer may repeat. */
const HEADER_NAME = /^[\w-]{1,60}$/;

/** 403 for a preflight from an origin that is not allowed. Browsers show it to whoever writes the page, and not to the page. */
export const originRefused = ({ headers }: Request): TRPCError =>
  fault('FORBIDDEN', {
    details: {
      reason: `Pages of the origin ${redactKeys(headers.get('origin') ?? '')} may not call this address`,
      hint: 'Whoever runs the service names the origins of such pages in INTROZY_ALLOWED_ORIGINS: these may call /trpc, /api and /mcp with an API key or a token',
    },
  });
