import type { TRPCClientError } from '@trpc/client';
import type { AppRouter } from '../server/procedures/router.ts';
import type { ErrorData } from './procedures.ts';
import { readRetryAfter, responseOf } from './transport.ts';

/** What a call rejects with. Where no answer of the service came, `code` is missing, and `cause` says why. */
export class IntrozyError extends Error {
  override readonly name = 'IntrozyError';
  /** `NOT_FOUND`, `CONFLICT`, …: one for each kind of error. */
  readonly code: ErrorData['code'] | undefined;
  /** Of HTTP. */
  readonly status: number | undefined;
  /** Why a key was refused, or what it lacks. */
  readonly reason: string | undefined;
  /** Where the input is not valid, and what is wrong there. */
  readonly issues: NonNullable<NonNullable<ErrorData['details']>['issues']>;
  /** What else a program can act on: `existingId`, `currentVersion`. */
  readonly details: NonNullable<ErrorData['details']>;
  /** Under which the service's log has the rest. */
  readonly requestId: string | undefined;
  /** The seconds that the service asks to wait. */
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
