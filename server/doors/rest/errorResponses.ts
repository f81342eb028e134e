import type { ZodOpenApiResponseObject } from 'zod-openapi';
import {
  CONNECTION_ERRORS,
  ERRORS,
  type ErrorDetails,
  ErrorEnvelope,
  REFUSAL_REASONS,
} from '../../../shared/errors.ts';
import { KEY_PREFIX } from '../../../shared/keyFormat.ts';
import { CONTACT } from './examples.ts';

type Headers = NonNullable<ZodOpenApiResponseObject['headers']>;
/** A header whose value is text. */
export const textHeader = (description: string, example: string) => ({
  description,
  schema: { type: 'string' as const },
  example,
});

/** The headers of every answer. */
export const COMMON_HEADERS: Headers = {
  'X-Request-Id': textHeader('The log has the request under it', '6f1f8a52-6f0e-4f6e-9a3b-0e6c1c6a7d10'),
};
/** The headers of every answer to a key that was not refused. */
export const RATE_HEADERS: Headers = {
  RateLimit: textHeader(
    'Calls that are left, and the seconds until the count begins anew: of the key (`"default"`), or of the organization (`"organization"`) where fewer calls are left there',
    '"default";r=299;t=60',
  ),
  'RateLimit-Policy': textHeader('Calls in a window of seconds', '"default";q=300;w=60'),
};
const CHALLENGE = { 'WWW-Authenticate': textHeader('RFC 6750', 'Bearer realm="introzy", error="invalid_token"') };
const RETRY = { 'Retry-After': textHeader('Seconds to wait', '12') };

interface Parts {
  /** The response's name among the document's components. */
  id: string;
  description: string;
  message: string;
  /** Examples of `details`, by the name of the example. */
  details?: Record<string, ErrorDetails>;
  headers?: Headers;
}

const response = ({ id, description, message, details, headers = {} }: Parts): ZodOpenApiResponseObject => {
  const examples = Object.entries(details ?? { example: undefined }).map(([name, said]) => {
    const value: ErrorEnvelope = { success: false, error: message, ...(said && { details: said }) };
    return [name, { value }];
  });
  const content = { 'application/json': { schema: ErrorEnvelope, examples: Object.fromEntries(examples) } };
  return { id, description, headers: { ...COMMON_HEADERS, ...headers }, content };
};

/** The response of each error status, with examples. */
export const errorResponses = {
  400: response({
    id: 'InvalidRequest',
    description: 'The input is not valid: `details.issues` says where and what. Nothing was written',
    message: ERRORS.BAD_REQUEST.message,
    details: { example: { issues: [{ path: ['name'], message: 'Must be 1 to 500 characters' }] } },
  }),
  401: response({
    id: 'Unauthorized',
    description:
      'No API key, or none that is valid: `details.reason` says why. `details.hint` says where a key belongs that was sent elsewhere',
    message: ERRORS.UNAUTHORIZED.message,
    details: {
      missing: { reason: REFUSAL_REASONS.missing },
      elsewhere: {
        reason: REFUSAL_REASONS.missing,
        hint: `The API key was sent in the header x-api-key, and is not read there. Send the header Authorization: Bearer ${KEY_PREFIX}…`,
      },
      invalid: { reason: REFUSAL_REASONS.unknown },
      revoked: { reason: REFUSAL_REASONS.revoked },
      expired: { reason: REFUSAL_REASONS.expired },
    },
    headers: CHALLENGE,
  }),
  403: response({
    id: 'Forbidden',
    description: 'The key lacks the scope that `details.reason` names, or it is another organization’s data',
    message: ERRORS.FORBIDDEN.message,
    details: { scope: { reason: 'The API key lacks the scope contacts:write' } },
    headers: CHALLENGE,
  }),
  404: response({
    id: 'NotFound',
    description: 'There is none of this id, or the contact is deleted: `details.deletedAt`',
    message: ERRORS.NOT_FOUND.message,
    details: { deleted: { deletedAt: '2026-11-25T08:00:00.000Z' } },
  }),
  405: response({
    id: 'MethodNotAllowed',
    description: 'Another method than the path has',
    message: ERRORS.METHOD_NOT_SUPPORTED.message,
    headers: { Allow: textHeader('The methods that the path has', 'GET, POST, HEAD') },
  }),
  409: response({
    id: 'Conflict',
    description:
      'Another contact has the email, `details.existingId`; a revoked key was to be rotated; or the call was done with the same `Idempotency-Key`, and its answer showed a secret or was erased: `details.existingId` is what the answer was about',
    message: 'Another contact has this email',
    details: { email: { existingId: CONTACT.id } },
  }),
  412: response({
    id: 'PreconditionFailed',
    description: 'The contact is not at the version that `If-Match` or `expectedVersion` names',
    message: ERRORS.PRECONDITION_FAILED.message,
    details: { version: { currentVersion: 3 } },
  }),
  413: response({
    id: 'PayloadTooLarge',
    description: 'The body is over 1 MiB, as sent or as inflated',
    message: ERRORS.PAYLOAD_TOO_LARGE.message,
  }),
  415: response({
    id: 'UnsupportedMediaType',
    description: 'The body is not JSON in UTF-8, or has another `Content-Encoding` than gzip',
    message: ERRORS.UNSUPPORTED_MEDIA_TYPE.message,
    headers: { 'Accept-Encoding': { ...textHeader('The encodings that a body may have', 'gzip'), required: false } },
  }),
  422: response({
    id: 'UnprocessableContent',
    description: 'The `Idempotency-Key` came with another request within 24 hours. Nothing was written',
    message: ERRORS.UNPROCESSABLE_CONTENT.message,
  }),
  429: response({
    id: 'TooManyRequests',
    description:
      'Over the rate of the key, or of all keys of the organization: `details.reason` says which, `details.retryAfterSeconds` how long to wait',
    message: ERRORS.TOO_MANY_REQUESTS.message,
    details: {
      key: { reason: 'The API key has used up its rate of 300 calls a minute', retryAfterSeconds: 12 },
      organization: {
        reason: 'The API keys of the organization have used up its rate of 3000 calls a minute',
        retryAfterSeconds: 12,
      },
    },
    headers: { ...RETRY, ...RATE_HEADERS },
  }),
  431: response({
    id: 'HeadersTooLarge',
    description: 'The headers are too large',
    message: CONNECTION_ERRORS.HEADERS_TOO_LARGE.message,
  }),
  500: response({
    id: 'InternalServerError',
    description: 'A defect of ours; the log has it under the request id',
    message: ERRORS.INTERNAL_SERVER_ERROR.message,
  }),
  503: response({
    id: 'ServiceUnavailable',
    description: 'The database cannot be reached, or the service is about to end',
    message: ERRORS.SERVICE_UNAVAILABLE.message,
    headers: RETRY,
  }),
} satisfies Record<number, ZodOpenApiResponseObject>;
