import type { AppRouter } from '@introzy/client/router';
import { QueryClient } from '@tanstack/react-query';
import { createTRPCClient, httpBatchLink } from '@trpc/client';
import type { inferRouterOutputs } from '@trpc/server';
import { createTRPCOptionsProxy } from '@trpc/tanstack-react-query';
import superjson from 'superjson';

export type Contact = inferRouterOutputs<AppRouter>['contacts']['get'];

const service = import.meta.env.INTROZY_URL ?? 'http://127.0.0.1:3000';
const MINUTE = 60_000;

export const queryClient = new QueryClient();

/** The token of the page's own backend. A token lasts for 15 minutes; after 14 the page asks for the next token. */
const getToken = () =>
  queryClient.fetchQuery({
    queryKey: ['token'],
    queryFn: async () => {
      const response = await fetch('/token');
      if (!response.ok) throw new Error(`No token: HTTP ${response.status}`);
      return await response.text();
    },
    staleTime: 14 * MINUTE,
    gcTime: 15 * MINUTE,
  });

const client = createTRPCClient<AppRouter>({
  links: [
    httpBatchLink({
      url: `${service}/trpc`,
      transformer: superjson,
      maxItems: 20,
      headers: async () => ({ authorization: `Bearer ${await getToken()}` }),
    }),
  ],
});

export const trpc = createTRPCOptionsProxy<AppRouter>({ client, queryClient });
