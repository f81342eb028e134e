import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { createTRPCClient, httpBatchLink, isTRPCClientError, type TRPCClientError } from '@trpc/client';
import { createTRPCOptionsProxy } from '@trpc/tanstack-react-query';
import type { AppRouter } from '../../server/procedures/router.ts';
import { PATHS } from '../../shared/paths.ts';
import { transformer } from '../../shared/transformer.ts';
import { proofLink } from './proof.ts';

export type ApiError = TRPCClientError<AppRouter>;

/** HTTP statuses after which another try may succeed. `undefined`: no status, because no answer came. */
const PASSING = new Set<number | undefined>([undefined, 429, 502, 503, 504]);
const isApiError = (error: unknown): error is ApiError => isTRPCClientError<AppRouter>(error);
const statusOf = (error: unknown) => (isApiError(error) ? error.data?.httpStatus : undefined);

let isLeaving = false;

/** Where the session is over, opens the sign-in page, which leads back to the current page. */
function onError(error: unknown) {
  if (statusOf(error) !== 401 || isLeaving) return;
  isLeaving = true;
  queryClient.clear();
  const next = window.location.pathname + window.location.search;
  window.location.assign(`${PATHS.signIn}?${new URLSearchParams({ next })}`);
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: (error, { meta }) => meta?.mayBeSignedOut || onError(error) }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: { retry: (count, error) => count < 2 && PASSING.has(statusOf(error)), staleTime: 10_000 },
    // A mutation's answer may hold a key, which is shown once and must not stay in memory.
    mutations: { gcTime: 0 },
  },
});

/** The service's procedures, called with the session's cookie. Calls made in the same tick share a request. */
export const client = createTRPCClient<AppRouter>({
  links: [proofLink, httpBatchLink({ url: '/trpc', transformer, maxItems: 20, maxURLLength: 8_000 })],
});
export const trpc = createTRPCOptionsProxy<AppRouter>({ client, queryClient });

/**
 * Options for a list that is read page by page, each page with the cursor of the page before. Loaded pages are never
 * refetched on their own account: a refetch would take one call a page. A list opened anew begins with page 1.
 */
export const KEYSET = {
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: 0,
  refetchOnWindowFocus: false,
  refetchOnReconnect: false,
  initialPageParam: {} as { cursor?: string },
  getNextPageParam: ({ nextCursor }: { nextCursor: string | null }) =>
    nextCursor === null ? undefined : { cursor: nextCursor },
};

/** What the service found in the fields of a request: `[{ path: ['rateLimit'], message: 'Must be at most 300' }]`. */
export const issuesIn = (error: unknown) => (isApiError(error) && error.data?.details?.issues) || [];

/** The error as a sentence for people. */
export function sentenceOf(error: unknown): string {
  if (!isApiError(error)) return error instanceof Error ? error.message : String(error);
  const { data } = error;
  if (!data) return 'Introzy cannot be reached. Check your connection, and try again.';
  const issues = issuesIn(error).map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '));
  if (issues.length) return issues.join('. ');
  if (data.httpStatus === 429) return 'Too many requests at once. Wait a minute, and try again.';
  if (data.httpStatus === 500) return `Something went wrong on our side (request ${data.requestId}). Try again.`;
  return data.details?.reason ? `${error.message}: ${data.details.reason}` : error.message;
}

/** The details (`{}` where there are no details) of an API error with this HTTP status; else `undefined`. */
export const detailsOf = (error: unknown, status: number) =>
  isApiError(error) && error.data?.httpStatus === status ? (error.data.details ?? {}) : undefined;
