/** A program that is not ours: it has `AppRouter` from the client's package, and tRPC's own tools. Only types matter. */
import type { AppRouter } from '@introzy/client/router';
import { QueryClient } from '@tanstack/react-query';
import { createTRPCClient, httpBatchLink, TRPCClientError } from '@trpc/client';
import { createTRPCReact } from '@trpc/react-query';
import type { inferRouterError, inferRouterInputs, inferRouterOutputs } from '@trpc/server';
import { createTRPCContext, createTRPCOptionsProxy } from '@trpc/tanstack-react-query';
import superjson from 'superjson';
import { type HasAny, type Same, sure } from './types.ts';

type Inputs = inferRouterInputs<AppRouter>;
type Outputs = inferRouterOutputs<AppRouter>;
type Failure = inferRouterError<AppRouter>;
type Contact = Outputs['contacts']['get'];

type Any = ReturnType<typeof JSON.parse>;
// tRPC's own types have `any` in parts of a router that no procedure decides, such as `lazy`.
type Procedures = AppRouter['_def']['record'];
type Types = {
  [Group in keyof Procedures]: { [Name in keyof Procedures[Group]]: Procedures[Group][Name]['_def']['$types'] };
};
sure<false>({} as HasAny<[Types, Inputs, Outputs, Failure]>);
// A type that the compiler could not find passes every check, and so this check too, which must fail.
// @ts-expect-error There is no `any`.
sure<true>({} as HasAny<[Types, Inputs, Outputs, Failure]>);
sure<true>({} as HasAny<{ deep: { list: Any[] } }>);
sure<true>({} as HasAny<{ call: (input: Any) => string }>);
sure<true>({} as Same<keyof Inputs, 'keys' | 'contacts' | 'audit' | 'organization'>);

sure<true>({} as Same<Contact['createdAt'], Date>);
sure<true>({} as Same<Contact['deletedAt'], Date | null>);
sure<true>({} as Same<Contact['customFields'][string], unknown>);
sure<true>({} as Same<NonNullable<Failure['data']['details']>['currentVersion'], number | undefined>);
sure<true>({} as Same<NonNullable<Failure['data']['details']>['existingId'], string | undefined>);

// tRPC's own client.
const url = 'http://127.0.0.1:3000/trpc';
const links = [httpBatchLink({ url, transformer: superjson })];
const client = createTRPCClient<AppRouter>({ links });
// @ts-expect-error Without superjson, dates would come as texts.
httpBatchLink<AppRouter>({ url });

export async function call() {
  const ada = await client.contacts.create.mutate({ name: 'Ada Lovelace', tags: ['maths'] });
  sure<true>({} as Same<typeof ada, Contact>);
  const page = await client.contacts.list.query();
  sure<true>({} as Same<typeof page, { items: Contact[]; nextCursor: string | null }>);
  await client.contacts.update.mutate({ ...ada, title: 'Countess', expectedVersion: ada.version });
  // @ts-expect-error A list of texts.
  await client.contacts.create.mutate({ name: 'Ada Lovelace', tags: 7 });
  // @ts-expect-error No such field.
  await client.contacts.create.mutate({ name: 'Ada Lovelace', nickname: 'Ada' });
  // @ts-expect-error A query.
  await client.contacts.list.mutate();
  // @ts-expect-error No key may call this.
  await client.members.list.query();
}

export function describe(error: unknown) {
  if (!(error instanceof TRPCClientError)) throw error;
  const { data }: TRPCClientError<AppRouter> = error;
  sure<true>({} as Same<typeof data, Failure['data'] | null | undefined>);
  return data?.details?.issues?.map(({ path, message }) => [path.join('.'), message]);
}

// React Query, by tRPC's newer package.
const queryClient = new QueryClient();
const trpc = createTRPCOptionsProxy<AppRouter>({ client, queryClient });
export const context = createTRPCContext<AppRouter>();

export async function options() {
  const list = trpc.contacts.list.infiniteQueryOptions(
    { search: 'ada', limit: 20 },
    { getNextPageParam: ({ nextCursor }) => nextCursor },
  );
  const { pages } = await queryClient.fetchInfiniteQuery(list);
  sure<true>({} as Same<(typeof pages)[number]['items'][number], Contact>);
  const nextPage = { getNextPageParam: ({ nextCursor }: { nextCursor: string | null }) => nextCursor };
  await queryClient.fetchInfiniteQuery(trpc.contacts.tags.infiniteQueryOptions({ prefix: 'm' }, nextPage));
  await queryClient.fetchInfiniteQuery(trpc.keys.list.infiniteQueryOptions({ state: 'active' }, nextPage));
  await queryClient.fetchInfiniteQuery(trpc.audit.list.infiniteQueryOptions({}, nextPage));
  const one = await queryClient.fetchQuery(trpc.contacts.get.queryOptions({ id: 'an id' }));
  sure<true>({} as Same<typeof one, Contact>);
  return trpc.contacts.update.mutationOptions({
    onError: ({ data }) => sure<true>({} as Same<NonNullable<typeof data>, Failure['data']>),
  });
}

// React Query, by tRPC's older package.
const react = createTRPCReact<AppRouter>();

export function useContacts() {
  const list = react.contacts.list.useInfiniteQuery(
    { search: 'ada' },
    { getNextPageParam: ({ nextCursor }) => nextCursor },
  );
  const update = react.contacts.update.useMutation();
  sure<true>({} as Same<NonNullable<NonNullable<typeof update.error>['data']>, Failure['data']>);
  // @ts-expect-error A mutation.
  react.contacts.update.useQuery;
  return [list.data?.pages.flatMap(({ items }) => items.map(({ updatedAt }) => updatedAt.getTime())), update];
}
