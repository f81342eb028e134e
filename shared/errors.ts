import { z } from 'zod';
import { redactKeys } from './keyFormat.ts';
import { isSetByService } from './serviceFields.ts';

/** Why a key was refused. A malformed key is `unknown` too. */
export type KeyRefusal = 'missing' | 'unknown' | 'revoked' | 'expired';

/**
 * The reason that the caller reads. Only a caller with the whole key learns that the key was revoked or has expired.
 */
export const REFUSAL_REASONS: Record<KeyRefusal, string> = {
  missing: 'Missing API key',
  unknown: 'Invalid API key',
  revoked: 'API key has been revoked',
  expired: 'API key has expired',
};

/** The HTTP status and the sentence of every tRPC error code that the API answers with. */
export const ERRORS = {
  BAD_REQUEST: { status: 400, message: 'Invalid request' },
  PARSE_ERROR: { status: 400, message: 'Invalid request' },
  UNAUTHORIZED: { status: 401, message: 'API key authentication failed' },
  FORBIDDEN: { status: 403, message: 'You do not have permission to access this resource' },
  NOT_FOUND: { status: 404, message: 'Not found' },
  METHOD_NOT_SUPPORTED: { status: 405, message: 'Method not allowed' },
  CONFLICT: { status: 409, message: 'Conflict with the current state' },
  PRECONDITION_FAILED: { status: 412, message: 'The contact is not at the expected version' },
  PAYLOAD_TOO_LARGE: { status: 413, message: 'The request body is larger than 1 MiB' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, message: 'Send JSON in UTF-8, with Content-Type: application/json' },
  UNPROCESSABLE_CONTENT: {
    status: 422,
    message: 'The idempotency key came with another request before: repeat that request, or use a new key',
  },
  TOO_MANY_REQUESTS: { status: 429, message: 'Rate limit exceeded' },
  // Nobody reads this answer: the status is for the log. There is none in HTTP, and 499 is nginx's.
  CLIENT_CLOSED_REQUEST: { status: 499, message: 'The client went away before the call began' },
  INTERNAL_SERVER_ERROR: { status: 500, message: 'Internal server error' },
  SERVICE_UNAVAILABLE: { status: 503, message: 'Service temporarily unavailable' },
} as const;
export type ErrorCode = keyof typeof ERRORS;

/** The answers to requests that fail before a door or a procedure sees the request. */
export const CONNECTION_ERRORS = {
  NOT_HTTP: { status: 400, message: 'Not an HTTP request' },
  TIMEOUT: { status: 408, message: 'The request did not arrive in time' },
  EXPECTATION_FAILED: { status: 417, message: 'An Expect header may be 100-continue alone' },
  HEADERS_TOO_LARGE: { status: 431, message: 'The request headers are too large' },
} as const;

export const Issue = z.object({ path: z.array(z.union([z.string(), z.number()])), message: z.string() });
export type Issue = z.infer<typeof Issue>;

/** A number that JavaScript cannot keep comes as a number that is not finite: see shared/exactJson.ts. */
export const INEXACT = 'Must be a number that is kept exactly: send this one as text, in quotes';

/** Tells a caller what to do, where a schema has no words of its own. `undefined`: zod's words are as good. */
function tell(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return tellType(issue.expected, issue.input);
    case 'invalid_value':
      if (issue.input === undefined) return 'Required';
      return `Must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'invalid_union':
      return issue.input === undefined ? 'Required' : undefined;
    case 'too_small':
      return `Must ${amount(issue.origin)} at least ${count(issue.minimum, issue.origin)}`;
    case 'too_big':
      return `Must ${amount(issue.origin)} at most ${count(issue.maximum, issue.origin)}`;
    default:
      return undefined;
  }
}

const amount = (origin: string) => (origin === 'number' || origin === 'int' ? 'be' : 'have');
const count = (limit: number | bigint, origin: string) => {
  const unit = { string: ' character', array: ' item' }[origin];
  return unit === undefined ? String(limit) : `${limit}${unit}${limit === 1 ? '' : 's'}`;
};

const TYPES: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  date: 'a date',
};

function tellType(expected: string, input: unknown): string | undefined {
  if (input === undefined) return 'Required';
  const type = TYPES[expected];
  if (type === undefined) return undefined;
  if (typeof input === 'number' && !Number.isFinite(input) && /^(number|int)$/.test(expected)) return INEXACT;
  return `Must be ${type}${input === null ? ', not null' : ''}`;
}

z.config({ customError: tell });

const ofUnknown = (field: string) =>
  isSetByService(field) ? 'Is set by the service: leave it out' : `There is no field "${field}" here: leave it out`;

/**
 * The issues of a zod error, one for each unknown field. Paths and messages quote the names of unknown fields, and such a
 * name may hold a key.
 */
export const issuesOf = ({ issues }: z.ZodError): Issue[] =>
  issues
    .flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ path: [...issue.path, key], message: ofUnknown(key) }))
        : [issue],
    )
    .map(({ path, message }) => ({
      path: path.map((key) => (typeof key === 'number' ? key : redactKeys(String(key)))),
      message: redactKeys(message),
    }));

/** Details that a caller can act on, beside the sentence. An error without details leaves `details` out. */
export const ErrorDetails = z.object({
  reason: z.string().optional(),
  hint: z.string().optional(),
  issues: z.array(Issue).optional(),
  existingId: z.uuid().optional(),
  id: z.uuid().optional(),
  currentVersion: z.int().optional(),
  deletedAt: z.iso.datetime().optional(),
  retryAfterSeconds: z.int().optional(),
});
export type ErrorDetails = z.infer<typeof ErrorDetails>;

/** The REST answer to a request that failed. */
export const ErrorEnvelope = z.object({
  success: z.literal(false),
  error: z.string(),
  details: ErrorDetails.optional(),
});
export type ErrorEnvelope = z.infer<typeof ErrorEnvelope>;
