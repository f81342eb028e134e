import { TRPCError } from '@trpc/server';
import { ZodError } from 'zod';
import { DatabaseUnavailable, KeyRefused } from '../../db/errors.ts';
import type { Failure, Outcome } from '../../db/outcome.ts';
import {
  ERRORS,
  type ErrorCode,
  type ErrorDetails,
  issuesOf,
  type KeyRefusal,
  REFUSAL_REASONS,
} from '../../shared/errors.ts';
import { redactKeys } from '../../shared/keyFormat.ts';

/** What a fault adds to its code: a sentence of its own, what the caller can act on, headers. */
interface FaultParts {
  message?: string;
  details?: ErrorDetails;
  headers?: Record<string, string>;
}

/** Carried by the `TRPCError` of an error that is ours, and meant to be read. */
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

/** 401; `WWW-Authenticate` as in RFC 6750, section 3. */
export const unauthorized = (refusal: KeyRefusal) =>
  fault('UNAUTHORIZED', {
    details: { reason: REFUSAL_REASONS[refusal] },
    headers: { 'WWW-Authenticate': refusal === 'missing' ? CHALLENGE : `${CHALLENGE}, error="invalid_token"` },
  });

/** 403 for want of scopes, which a person has by their role. */
export const insufficientScope = (scopes: readonly string[], whose: 'The API key' | 'Your role' = 'The API key') =>
  fault('FORBIDDEN', {
    details: { reason: `${whose} lacks the scope ${scopes.join(', ')}` },
    headers: { 'WWW-Authenticate': `${CHALLENGE}, error="insufficient_scope", scope="${scopes.join(' ')}"` },
  });

/** 400 for one reason. */
export const badRequest = (message: string, path: (string | number)[] = []) =>
  fault('BAD_REQUEST', { details: { issues: [{ path, message: redactKeys(message) }] } });

type Named = 'contact' | 'API key' | 'member' | 'invitation';

/** What was asked for; throws where it could not be had. `what` names it. */
export function settle<T extends object>(outcome: Outcome<T>, what: Named): T {
  if (!('failure' in outcome)) return outcome;
  throw failureFault(outcome as Failure, what);
}

function failureFault(failure: Failure, what: Named) {
  switch (failure.failure) {
    case 'absent':
      return fault('NOT_FOUND', { message: `There is no ${what} with this id` });
    case 'elsewhere':
      return fault('FORBIDDEN');
    case 'version':
      return fault('PRECONDITION_FAILED', { details: { currentVersion: failure.currentVersion } });
    case 'emailTaken':
      return fault('CONFLICT', {
        message: 'Another contact has this email',
        details: { existingId: failure.existingId },
      });
    case 'revoked':
      return fault('CONFLICT', { message: 'A revoked API key cannot be rotated: issue a new one' });
    case 'scopes':
      return insufficientScope(failure.scopes);
    case 'lastOwner':
      return fault('CONFLICT', { message: 'The organization needs an owner: make somebody else one first' });
    case 'outranked':
      return fault('FORBIDDEN', { details: { reason: 'Only an owner may do this to an owner, or make one' } });
    case 'alreadyMember':
      return fault('CONFLICT', { message: 'A member of the organization has this address' });
  }
}

/** The faults behind errors that our own layers throw; anything else as it came. */
export function translateFault(error: TRPCError): TRPCError {
  if (error.cause instanceof KeyRefused) return unauthorized(error.cause.refusal);
  if (error.cause instanceof DatabaseUnavailable) return unavailable(error.cause);
  return error;
}

/** 503 where something that the service needs beside its database does not answer. */
export const outOfReach = (cause: unknown) => new TRPCError({ code: 'SERVICE_UNAVAILABLE', cause });

const RETRY_AFTER = { 'Retry-After': '1' };
const unavailable = (cause: DatabaseUnavailable) =>
  new TRPCError({ code: 'SERVICE_UNAVAILABLE', message: cause.message, cause });

/** An error as it leaves the service, whatever the door. */
export interface Description {
  code: ErrorCode;
  status: number;
  message: string;
  details?: ErrorDetails;
  headers: Record<string, string>;
}

/** What the outside learns of an error: of a defect, nothing but that it is one. */
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
    // tRPC's own words, about a batch or its JSON; a parser's would quote the body.
    const message = error.cause instanceof SyntaxError ? 'Not valid JSON' : error.message;
    return { details: { issues: [{ path: [], message: redactKeys(message) }] } };
  }
  return { details: { issues: issuesOf(error.cause) } };
}
