import { TRPCError } from '@trpc/server';
import { ZodError } from 'zod';
import {
  ERRORS,
  type ErrorCode,
  type ErrorDetails,
  issuesOf,
  type KeyRefusal,
  REFUSAL_REASONS,
} from '../../shared/errors.ts';
import { redactKeys } from '../../shared/keyFormat.ts';

/** The parts of a fault beside its code: a sentence of its own, details to act on, headers. */
interface FaultParts {
  message?: string;
  details?: ErrorDetails;
  headers?: Record<string, string>;
}

/** The cause of a `TRPCError` that is meant to be read by the caller; any other cause stays inside. */
class Fault extends Error {
  override readonly name = 'Fault';
  readonly parts: FaultParts;

  constructor(parts: FaultParts) {
    super(parts.message);
    this.parts = parts;
  }
}

/** An error to throw at the caller. */
export const fault = (code: ErrorCode, parts: FaultParts = {}) => new TRPCError({ code, cause: new Fault(parts) });

const CHALLENGE = 'Bearer realm="introzy"';

/**
 * 401, with `WWW-Authenticate` as in RFC 6750, section 3. The reason is one of `REFUSAL_REASONS`; `hint` adds what the
 * caller can do.
 */
export const unauthorized = (refusal: KeyRefusal, hint?: string) =>
  fault('UNAUTHORIZED', {
    details: { reason: REFUSAL_REASONS[refusal], ...(hint !== undefined && { hint }) },
    headers: { 'WWW-Authenticate': refusal === 'missing' ? CHALLENGE : `${CHALLENGE}, error="invalid_token"` },
  });

const LACKING = {
  key: 'The API key',
  token: 'The token',
  role: 'Your role',
  holder: 'The role of the API key’s holder',
};

/**
 * 403 for scopes that a key, a token, the role of a person, or the role of the holder of a key's secret lacks. `WWW-Authenticate`
 * as in RFC 6750, section 3.1.
 */
export const insufficientScope = (scopes: readonly string[], whose: keyof typeof LACKING = 'key') =>
  fault('FORBIDDEN', {
    details: { reason: `${LACKING[whose]} lacks the scope ${scopes.join(', ')}` },
    headers: { 'WWW-Authenticate': `${CHALLENGE}, error="insufficient_scope", scope="${scopes.join(' ')}"` },
  });

/** 400 for one reason; `path` is the field, such as `['contacts', 3, 'email']`. */
export const badRequest = (message: string, path: (string | number)[] = []) =>
  fault('BAD_REQUEST', { details: { issues: [{ path, message: redactKeys(message) }] } });

/** 404 for a path that leads nowhere. */
export const noSuchAddress = () => fault('NOT_FOUND', { message: 'There is nothing at this address' });

/** 405; `HEAD` is allowed wherever `GET` is. */
export function methodNotAllowed(methods: readonly string[]) {
  const allowed = methods.includes('GET') ? [...methods, 'HEAD'] : methods;
  return fault('METHOD_NOT_SUPPORTED', { headers: { Allow: allowed.join(', ') } });
}

/** 503 where a part other than the database does not answer, such as the store of rates. */
export const outOfReach = (cause: unknown) => new TRPCError({ code: 'SERVICE_UNAVAILABLE', cause });

const RETRY_AFTER = { 'Retry-After': '1' };

/** The public side of an error, the same at every door. */
export interface Description {
  code: ErrorCode;
  status: number;
  message: string;
  details?: ErrorDetails;
  headers: Record<string, string>;
}

/** Describes an error for the caller. Of a defect the caller learns only that there was a defect. */
export function describeError(error: TRPCError): Description {
  const code: ErrorCode = error.code in ERRORS ? (error.code as ErrorCode) : 'INTERNAL_SERVER_ERROR';
  const { status, message } = ERRORS[code];
  const parts = error.cause instanceof Fault ? error.cause.parts : partsOf(error, code);
  return {
    code,
    status,
    message: parts.message ?? message,
    ...(parts.details && { details: parts.details }),
    headers: parts.headers ?? {},
  };
}

function partsOf(error: TRPCError, code: ErrorCode): FaultParts {
  if (code === 'SERVICE_UNAVAILABLE') return { headers: RETRY_AFTER };
  if (code !== 'BAD_REQUEST' && code !== 'PARSE_ERROR') return {};
  if (!(error.cause instanceof ZodError)) {
    // tRPC's words are about a batch or its JSON. The words of a JSON parser would quote the body.
    const message = error.cause instanceof SyntaxError ? 'Not valid JSON' : error.message;
    return { details: { issues: [{ path: [], message: redactKeys(message) }] } };
  }
  return { details: { issues: issuesOf(error.cause) } };
}
