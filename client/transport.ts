import type { TRPCClientError } from '@trpc/client';
import type { AppRouter } from '../server/procedures/router.ts';

/** An answer that the procedures did not give: a proxy's, or another service's. */
class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
  readonly response: Response;

  constructor(url: string, response: Response) {
    super(`HTTP ${response.status} from ${url}, and no answer of the Introzy API`);
    this.response = response;
  }
}

/** A `fetch` of what is at `url`, for tRPC, that throws an `UnexpectedAnswer` at any other than tRPC's. */
export const fetchAnswer =
  (url: string, send: typeof fetch | undefined) =>
  async (address: string | URL | Request, init?: object): Promise<Response> => {
    const response = await (send ?? fetch)(address, init);
    if (await isOfTrpc(response)) return response;
    await response.body?.cancel();
    throw new UnexpectedAnswer(url, response);
  };

async function isOfTrpc(response: Response): Promise<boolean> {
  if (!response.headers.get('content-type')?.startsWith('application/json')) return false;
  if (response.ok) return true;
  // REST's errors are JSON too, with a sentence where tRPC's have an object; a batch that failed whole may have one for all.
  const [first] = [await response.clone().json()].flat() as [{ error?: unknown } | null | undefined];
  return typeof first?.error === 'object';
}

/** The answer that a call failed with, if one came. */
export const responseOf = ({ cause, meta }: TRPCClientError<AppRouter>) =>
  cause instanceof UnexpectedAnswer ? cause.response : (meta?.response as Response | undefined);

/** Milliseconds, from seconds or a date (RFC 9110, section 10.2.3). */
export function readRetryAfter(value: string | null): number | undefined {
  const wait = /^\d+$/.test(value ?? '') ? Number(value) * 1000 : Date.parse(value ?? '') - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(wait, 0);
}
