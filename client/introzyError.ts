import type { TRPCClientError } from '@trpc/client';
import type { AppRouter } from '../server/procedures/router.ts';
import type { ErrorData } from './procedures.ts';
import { readRetryAfter, responseOf } from './transport.ts';

/** The error of a failed call. Where no answer of the service came, `code` is missing, and `cause` says why. */
export class IntrozyError extends Error {
  override readonly name = 'IntrozyError';
  /** The kind of error: `NOT_FOUND`, `CONFLICT`, …. */
  readonly code: ErrorData['code'] | undefined;
  /** The HTTP status. */
  readonly status: number | undefined;
  /** Why the key was refused (`API key has expired`), which right the key lacks, or which rate is used up. */
  readonly reason: string | undefined;
  /** The invalid parts of the input, each with a path and a message. */
  readonly issues: NonNullable<NonNullable<ErrorData['details']>['issues']>;
  /** More facts that a program can act on: `existingId`, `currentVersion`, `deletedAt`, `retryAfterSeconds`; and `hint`, what to do. */
  readonly details: NonNullable<ErrorData['details']>;
  /** The request's id. The service's log has the rest under the same id. */
  readonly requestId: string | undefined;
  /** Seconds to wait before the next call, where the service asks for a wait. */
  readonly retryAfter: number | undefined;

  /** @internal */
  constructor(error: TRPCClientError<AppRouter>) {
    super(error.message, error.cause ? { cause: error.cause } : {});
    const { data } = error;
    const { headers, status } = responseOf(error) ?? {};
    this.code = data?.code;
    this.status = data?.httpStatus ?? status;
    this.reason = data?.reason;
    this.details = data?.details ?? {};
    this.issues = this.details.issues ?? [];
    this.requestId = data?.requestId ?? headers?.get('x-request-id') ?? undefined;
    this.retryAfter = (readRetryAfter(headers?.get('retry-after') ?? null) ?? 0) / 1000 || undefined;
  }
}
