import type { ErrorCode, ErrorDetails, ErrorEnvelope } from '../../../shared/errors.ts';
import { describeError } from '../../http/errors.ts';
import { toTrpcError } from '../../procedures/outcome.ts';

/** The next step for an agent after an error, by the error's code. */
const ADVICE: Partial<Record<ErrorCode, (details: ErrorDetails) => string>> = {
  BAD_REQUEST: () => 'Nothing was written. Mend the input, and call again.',
  FORBIDDEN: ({ reason }) =>
    reason
      ? 'Ask whoever gave you the key for one that may.'
      : 'It is another organization’s. Use ids that search_contacts gives.',
  NOT_FOUND: ({ deletedAt }) =>
    deletedAt ? `deletedAt: ${deletedAt}. restore_contacts brings it back.` : 'Look for it with search_contacts.',
  CONFLICT: ({ existingId }) =>
    existingId
      ? `existingId: ${existingId}. Change that contact with update_contact, or use upsert_contacts.`
      : 'Read it again with get_contacts.',
  PRECONDITION_FAILED: ({ currentVersion }) =>
    `It has changed: currentVersion: ${currentVersion}. Read it with get_contacts, then call again with that expectedVersion.`,
  UNPROCESSABLE_CONTENT: () => 'Send a new idempotencyKey with other arguments.',
  UNAUTHORIZED: () => 'Ask the person who runs you for a valid API key.',
  TOO_MANY_REQUESTS: ({ retryAfterSeconds = 60 }) =>
    `Wait ${retryAfterSeconds} ${retryAfterSeconds === 1 ? 'second' : 'seconds'}, then call again.`,
  SERVICE_UNAVAILABLE: () => 'Try again in some seconds.',
  INTERNAL_SERVER_ERROR: () => 'Do not repeat the call; tell the person who runs you.',
};

/** Describes an error in words: the fault, the field at fault, and the next step. */
export function explain(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(explainOne).join('\n');
  const { code, message, details = {} } = describeError(toTrpcError(error));
  return explainDescribed(code, { success: false, error: message, details });
}

const explainOne = ({ of, error }: { of: string; error: unknown }) => `${of}: ${explain(error)}`;

/** Describes an error that came as REST's envelope, in the same words as `explain`. */
export function explainDescribed(code: ErrorCode, { error, details = {} }: ErrorEnvelope): string {
  const issues = details.issues?.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '));
  const what = [error, details.reason, issues?.join('; ')].filter(Boolean).join(': ');
  return [`${what}.`, details.hint && `${details.hint}.`, ADVICE[code]?.(details)].filter(Boolean).join(' ');
}

/** The error of a tool's call. Of several errors, the first error. */
export const errorOfCall = (error: unknown) =>
  toTrpcError(error instanceof AggregateError ? error.errors[0].error : error);

/** The status and the envelope that REST would answer with, for programs. */
export function toRestError(error: unknown): { status: number } & Omit<ErrorEnvelope, 'success'> {
  const { status, message, details } = describeError(errorOfCall(error));
  return { status, error: message, ...(details && { details }) };
}

/** The codes of errors about the key, the rate or the service. HTTP's status tells the error, as at every door. */
const WHOLE = new Set<ErrorCode>(['UNAUTHORIZED', 'TOO_MANY_REQUESTS', 'INTERNAL_SERVER_ERROR', 'SERVICE_UNAVAILABLE']);
/** True for an error that would meet any call of the key at the moment. */
export const isWhole = (error: unknown) =>
  !(error instanceof AggregateError) && WHOLE.has(describeError(toTrpcError(error)).code);
