import { useQuery } from '@tanstack/react-query';
import { createContext, use } from 'react';
import type { Scope } from '../../shared/apiKeys.ts';
import type { CurrentSession } from '../../shared/people.ts';
import { trpc } from './api.ts';
import { auth } from './auth.ts';

const SessionContext = createContext<CurrentSession | undefined>(undefined);
export const SessionProvider = SessionContext.Provider;

/** The signed-in person's session, from the service. A 401 does not open the sign-in page here: `Shell` decides. */
export const useSessionQuery = () =>
  useQuery({ ...trpc.session.current.queryOptions(), meta: { mayBeSignedOut: true }, staleTime: 60_000 });

/** The signed-in person's session, on a page inside `Shell`. Throws on any other page. */
export function useSession(): CurrentSession & { may(scope: Scope): boolean } {
  const session = use(SessionContext);
  if (!session) throw new Error('Nobody is signed in here');
  return { ...session, may: (scope) => session.scopes.includes(scope) };
}

/** The signed-in person's account, with or without an organization; `null` where nobody is signed in. */
export const useAccountQuery = (enabled: boolean) =>
  useQuery({ queryKey: ['account'], queryFn: auth.getSession, enabled });
