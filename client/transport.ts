import type { TRPCClientError } from '@trpc/client';
import type { AppRouter } from '../server/procedures/router.ts';

/** An answer that does not come from the Introzy API, but from a proxy or another service. */
class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
  readonly response: Response;

  constructor(url: string, response: Response) {
    super(`HTTP ${response.status} from ${url}, and no answer of the Introzy API`);
    this.response = response;
  }
}

/**
 * A `fetch` for tRPC's links, which throws an `UnexpectedAnswer` where the answer is not tRPC's. `url` stands in the
 * message; `send` takes the place of the global `fetch`.
 */
export const fetchAnswer =
  (url: string, send: typeof fetch | undefined) =>
  async (address: string | URL | Request, init?: object): Promise<Response> => {
    const response = await (send ?? fetch)(address, init).catch((error: unknown) => {
      throw error instanceof TypeError
        ? new TypeError(`Cannot reach ${baseOf(url)}: ${describe(error)}`, { cause: error })
        : error;
    });
    if (await isOfTrpc(response)) return response;
    await response.body?.cancel();
    throw new UnexpectedAnswer(url, response);
  };

/** The service's address, as the caller knows it. */
const baseOf = (url: string) => url.replace(/\/trpc$/, '');

/** Why a connection failed, by the code of Node; without a code, as in a browser, in the words of `fetch`. */
function describe(error: TypeError): string {
  const { code, message } = (error.cause ?? {}) as { code?: string; message?: string };
  return (code && FAILURES[code]) ?? message ?? error.message;
}

const REFUSED = 'connection refused. Is Introzy running there?';
const UNKNOWN = 'there is no such host. Check the address';
const SILENT = 'no answer in time. Is Introzy running there?';
const BROKEN = 'the connection broke off';
const FAILURES: Record<string, string> = {
  ECONNREFUSED: REFUSED,
  ENOTFOUND: UNKNOWN,
  EAI_AGAIN: UNKNOWN,
  ETIMEDOUT: SILENT,
  UND_ERR_CONNECT_TIMEOUT: SILENT,
  UND_ERR_HEADERS_TIMEOUT: SILENT,
  ECONNRESET: BROKEN,
  UND_ERR_SOCKET: BROKEN,
};

async function isOfTrpc(response: Response): Promise<boolean> {
  if (!response.headers.get('content-type')?.startsWith('application/json')) return false;
  if (response.ok) return true;
  // REST's errors are JSON too, but `error` is a sentence there, and an object in tRPC's. A batch that failed as a
  // whole may have one error for all calls.
  const [first] = [parseJson(await response.clone().text())].flat() as [{ error?: unknown } | null | undefined];
  return typeof first?.error === 'object';
}

/** `undefined` for text that is no JSON: some proxies say JSON of any text. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The HTTP answer of a failed call; `undefined` where no answer came. */
export const responseOf = ({ cause, meta }: TRPCClientError<AppRouter>) =>
  cause instanceof UnexpectedAnswer ? cause.response : (meta?.response as Response | undefined);

/** Milliseconds to wait, from seconds or a date (RFC 9110, section 10.2.3); `undefined` where `value` is neither. */
export function readRetryAfter(value: string | null): number | undefined {
  const wait = /^\d+$/.test(value ?? '') ? Number(value) * 1000 : Date.parse(value ?? '') - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(wait, 0);
}
