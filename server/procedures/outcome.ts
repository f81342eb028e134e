import { getTRPCErrorFromUnknown, TRPCError } from '@trpc/server';
import { AddressRefused, ClientGone, DatabaseUnavailable, KeyRefused, ScopeRefused } from '../../db/errors.ts';
import { INVITATIONS_AN_HOUR } from '../../db/invitations.ts';
import type { Failure, Outcome } from '../../db/outcome.ts';
import { MOST_CHANGED } from '../../shared/contactChanges.ts';
import { MOST_TAGS } from '../../shared/contacts.ts';
import { MOST_KEYS, MOST_TOKENS } from '../../shared/keyFormat.ts';
import { badRequest, fault, insufficientScope, unauthorized } from '../http/errors.ts';

/** The word for a thing in an error's sentence: "There is no contact with this id". */
type Thing = 'contact' | 'API key' | 'member' | 'invitation' | 'organization';

const NOT_FROM_HERE = 'The API key may not be used from this address: see the allowed addresses of the key';

/** Gives the result of a query, or throws the error that the query's failure stands for. */
export function settle<T extends object>(outcome: Outcome<T>, thing: Thing): T {
  if (!('failure' in outcome)) return outcome;
  throw toError(outcome as Failure, thing);
}

function toError(failure: Failure, thing: Thing): TRPCError {
  switch (failure.failure) {
    case 'absent':
      return failure.deletedAt
        ? fault('NOT_FOUND', {
            message: `The ${thing} is deleted: restore it first`,
            details: { deletedAt: failure.deletedAt.toISOString() },
          })
        : fault('NOT_FOUND', { message: `There is no ${thing} with this id` });
    case 'elsewhere':
      return fault('FORBIDDEN');
    case 'version':
      return fault('PRECONDITION_FAILED', { details: { currentVersion: failure.currentVersion } });
    case 'emailTaken':
      return fault('CONFLICT', {
        message: 'Another contact has this email',
        details: { existingId: failure.existingId, id: failure.id },
      });
    case 'invalid':
      return fault('BAD_REQUEST', { details: { issues: failure.issues } });
    case 'tooManyMatches':
      return badRequest(
        `At least ${failure.count} contacts match, and a call changes ${MOST_CHANGED} at most: give conditions that fewer contacts meet, and call several times`,
        ['where'],
      );
    case 'tooManyTags':
      return badRequest(
        `A contact has ${MOST_TAGS} tags at most, and ${describeIds(failure.ids)} would have more: take tags from these first, or leave them out by the conditions`,
        ['addTags'],
      );
    case 'revoked':
      return fault('CONFLICT', { message: 'A revoked API key has no secret that works: issue a new key' });
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
    case 'tooManyTokens':
      return fault('CONFLICT', {
        message: `The API key has ${MOST_TOKENS} tokens that work, which is the most: use a token that works, or wait until one ends`,
      });
    case 'unsettled':
      return fault('SERVICE_UNAVAILABLE', { headers: { 'Retry-After': '60' } });
    case 'keepsForNobody':
      return fault('CONFLICT', {
        message: 'You cannot keep keys and leave: ask another owner or admin to remove you, who then holds these keys',
      });
    case 'tooManyInvitations':
      return tooManyInvitations(failure.retryAfterSeconds);
    case 'nameTaken':
      return fault('CONFLICT', { message: 'There is an organization of this name already' });
    case 'alreadyMember':
      return fault('CONFLICT', { message: 'A member of the organization has this address' });
  }
}

/** A few of many ids, in words. */
function describeIds(ids: string[]): string {
  const more = ids.length > SHOWN_IDS ? ` and ${ids.length - SHOWN_IDS} more` : '';
  return ids.slice(0, SHOWN_IDS).join(', ') + more;
}
const SHOWN_IDS = 5;

/** 429, where an address or an organization has had its invitations of the hour. */
export const tooManyInvitations = (retryAfterSeconds: number) =>
  fault('TOO_MANY_REQUESTS', {
    details: {
      reason: `Too many invitations within an hour: ${INVITATIONS_AN_HOUR.address} of an address and ${INVITATIONS_AN_HOUR.organization} of an organization are the most`,
      retryAfterSeconds,
    },
    headers: { 'Retry-After': String(retryAfterSeconds) },
  });

const HINTS = {
  rotated: 'A rotation replaced this secret of the key: send the key’s new secret',
  minted: 'The secret of the key that minted this token has ended: mint another token',
};

/**
 * Makes an error of tRPC from anything thrown: 401 for a refused key, 403 for a lacking scope or a foreign address, 503
 * for an absent database, 500 for a defect.
 */
export function toTrpcError(thrown: unknown): TRPCError {
  const error = getTRPCErrorFromUnknown(thrown);
  if (error.cause instanceof KeyRefused) {
    const { refusal, ended } = error.cause;
    return unauthorized(refusal, ended && HINTS[ended]);
  }
  if (error.cause instanceof AddressRefused) return fault('FORBIDDEN', { details: { reason: NOT_FROM_HERE } });
  if (error.cause instanceof ScopeRefused) return insufficientScope(error.cause.scopes, error.cause.whose);
  if (error.cause instanceof ClientGone) return fault('CLIENT_CLOSED_REQUEST');
  if (!(error.cause instanceof DatabaseUnavailable)) return error;
  return new TRPCError({ code: 'SERVICE_UNAVAILABLE', message: error.cause.message, cause: error.cause });
}
