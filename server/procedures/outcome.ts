import { getTRPCErrorFromUnknown, TRPCError } from '@trpc/server';
import { DatabaseUnavailable, KeyRefused, ScopeRefused } from '../../db/errors.ts';
import type { Failure, Outcome } from '../../db/outcome.ts';
import { MOST_KEYS } from '../../shared/keyFormat.ts';
import { fault, insufficientScope, unauthorized } from '../http/errors.ts';

/** The word for a thing in an error's sentence: "There is no contact with this id". */
type Thing = 'contact' | 'API key' | 'member' | 'invitation';

/** Gives the result of a query, or throws the error that the query's failure stands for. */
export function settle<T extends object>(outcome: Outcome<T>, thing: Thing): T {
  if (!('failure' in outcome)) return outcome;
  throw toError(outcome as Failure, thing);
}

function toError(failure: Failure, thing: Thing): TRPCError {
  switch (failure.failure) {
    case 'absent':
      return fault('NOT_FOUND', { message: `There is no ${thing} with this id` });
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
    case 'tooManyKeys':
      return fault('CONFLICT', {
        message: `The organization has ${MOST_KEYS} active keys, which is the most: revoke a key first`,
      });
    case 'keepsForNobody':
      return fault('CONFLICT', {
        message: 'You cannot keep keys and leave: ask another owner or admin to remove you, who then holds these keys',
      });
    case 'alreadyMember':
      return fault('CONFLICT', { message: 'A member of the organization has this address' });
  }
}

const hintOf = ({ isRotated }: KeyRefused) =>
  isRotated ? 'A rotation replaced this secret of the key: send the key’s new secret' : undefined;

/**
 * Makes an error of tRPC from anything thrown: 401 for a refused key, 403 for a lacking scope, 503 for an absent
 * database, 500 for a defect.
 */
export function toTrpcError(thrown: unknown): TRPCError {
  const error = getTRPCErrorFromUnknown(thrown);
  if (error.cause instanceof KeyRefused) return unauthorized(error.cause.refusal, hintOf(error.cause));
  if (error.cause instanceof ScopeRefused) return insufficientScope(error.cause.scopes, error.cause.whose);
  if (!(error.cause instanceof DatabaseUnavailable)) return error;
  return new TRPCError({ code: 'SERVICE_UNAVAILABLE', message: error.cause.message, cause: error.cause });
}
