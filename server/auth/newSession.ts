import type { asAccounts } from '../../db/admission.ts';
import { hasSecondFactor } from '../../db/twoFactors.ts';
import { PASSKEY_SIGN_IN } from './passkeys.ts';

/** The part of a session that says which organization the session is in. */
export interface Active {
  activeOrganizationId?: string | null;
}

/** The part of better-auth's context that tells of the request's session. */
type SessionContext =
  | { path?: string; context: { session: { session: object; user: { id: string } } | null } }
  | null
  | undefined;

/** The organization of the session that a person goes on from, where the person signs in again with a passkey. */
export function findActiveBefore(userId: string, context: SessionContext): string | undefined {
  const before = context?.path === PASSKEY_SIGN_IN ? context.context.session : undefined;
  return (before?.user.id === userId && (before.session as Active).activeOrganizationId) || undefined;
}

/**
 * The session that a new session takes the place of: a second factor is switched on or off, or the password is changed.
 * `undefined` where the new session is a sign-in.
 */
export function findSessionBefore(context: SessionContext) {
  const goesOn = context?.path === '/change-password' || context?.path?.startsWith('/two-factor/');
  return goesOn ? context?.context.session?.session : undefined;
}

/**
 * False where a new session is no sign-in: it goes on from another session, or it stands for the password alone, and
 * better-auth ends it at once, as the second factor is to come.
 */
export async function isSignInBy(
  accounts: ReturnType<typeof asAccounts>,
  { userId, context }: { userId: string; context: SessionContext },
) {
  if (context?.path === '/sign-in/email') return !(await hasSecondFactor(accounts, userId));
  return findSessionBefore(context) === undefined;
}
