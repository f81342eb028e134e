import { useQuery } from '@tanstack/react-query';
import { createContext, use } from 'react';
import type { Scope } from '../../shared/apiKeys.ts';
import type { CurrentSession } from '../../shared/people.ts';
import { trpc } from './api.ts';
import { auth } from './auth.ts';

const SessionContext = createContext<CurrentSession | undefined>(undefined);
export const SessionProvider = SessionContext.Provider;

/** Who is signed in; asks the service. */
export const useSessionQuery = () =>
  useQuery({ ...trpc.session.current.queryOptions(), meta: { mayBeSignedOut: true }, staleTime: 60_000 });

/** Who is signed in, on a page that only they see. */
export function useSession(): CurrentSession & { may(scope: Scope): boolean } {
  const session = use(SessionContext);
  if (!session) throw new Error('Nobody is signed in here');
  return { ...session, may: (scope) => session.scopes.includes(scope) };
}

/** Whose account it is, in an organization or not; `null` for nobody's. */
export const useAccountQuery = (enabled: boolean) =>
  useQuery({ queryKey: ['account'], queryFn: auth.getSession, enabled });
