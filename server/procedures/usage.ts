import type { TRPCError } from '@trpc/server';
import type { CallOutcome } from '../../shared/callOutcomes.ts';
import { ERRORS, type ErrorCode } from '../../shared/errors.ts';
import type { Context, Principal } from './context.ts';

interface EndedCall {
  principal: Principal;
  /** The error that the call ended with; left out where the call succeeded. */
  error?: TRPCError | undefined;
  /** 1 unless given. */
  calls?: number;
}

/**
 * Counts calls of a key by their outcome. A call counts where the call counts against the key's rate, so that each call
 * of a batch does, and a tool of MCP that calls several procedures is a single call. A refusal of the key (401) is no
 * call of the key: whoever holds a cut-off secret must not change the counts.
 */
export function countOutcome({ deps }: Context, { principal, error, calls = 1 }: EndedCall): void {
  const { secret, countedAs, identity } = principal;
  if (!secret || error?.code === 'UNAUTHORIZED') return;
  const outcome = outcomeOf(error);
  // The database did not judge the secret now, and refused the secret before.
  if (outcome === 'failed' && countedAs !== identity.who.id) return;
  deps.lastUse.count(secret, outcome, calls);
}

function outcomeOf(error: TRPCError | undefined): CallOutcome {
  if (error === undefined) return 'ok';
  const status = error.code in ERRORS ? ERRORS[error.code as ErrorCode].status : ERRORS.INTERNAL_SERVER_ERROR.status;
  return status === ERRORS.TOO_MANY_REQUESTS.status ? 'limited' : status >= 500 ? 'failed' : 'clientError';
}
