import type { BetterAuthPlugin } from 'better-auth';
import { APIError, createAuthEndpoint, createAuthMiddleware, isAPIError } from 'better-auth/api';
import { setSessionCookie } from 'better-auth/cookies';
import { z } from 'zod';
import { endSessions } from '../../db/currentPassword.ts';
import type { Database } from '../../db/open.ts';
import {
  endResets,
  endUnprovedAccess,
  findAccount,
  isVerified,
  takeOverAccount,
  verifyAddress,
} from '../../db/verifiedAddress.ts';
import { PASSWORD } from '../../shared/roles.ts';
import type { KeySecrets } from './keySecret.ts';
import type { SignInGuard } from './signInGuard.ts';
import { readVerificationToken } from './verificationToken.ts';

/** The bodies of the requests whose work follows the answer, so that no answer depends on whether there is an account. */
const DEFERRED = {
  '/request-password-reset': z.object({ email: z.email() }),
  '/sign-up/email': z.object({
    name: z.string(),
    email: z.email(),
    password: z.string().min(PASSWORD.least).max(PASSWORD.most),
  }),
} as const;

/** The form of a request whose work follows the answer. An invitation's secret is known to the address alone. */
const findDeferred = ({ path, body }: { path?: string; body?: { invitationId?: unknown } }) =>
  path !== undefined && path in DEFERRED && body?.invitationId === undefined
    ? DEFERRED[path as keyof typeof DEFERRED]
    : undefined;

const LOOK_INTO_YOUR_MAIL = {
  status: true,
  message: 'Look into your mail: there is a link to go on with, if the address is yours',
} as const;

/** Refuses a session where the person's address is not verified, with better-auth's answer to a wrong password. */
export async function refuseUnverified(accounts: Accounts, userId: string): Promise<void> {
  if (await isVerified(accounts, userId)) return;
  throw new APIError('UNAUTHORIZED', { message: 'Invalid email or password', code: 'INVALID_EMAIL_OR_PASSWORD' });
}

type Accounts = Parameters<typeof findAccount>[0];

interface Parts {
  accounts: Accounts;
  db: Database;
  keySecrets: KeySecrets;
  guard: SignInGuard;
}

type Context = Parameters<typeof setSessionCookie>[0];

/** Signs a person in: makes a session, and sets its cookie. */
async function openSession(ctx: Context, userId: string) {
  const user = await ctx.context.internalAdapter.findUserById(userId);
  const session = await ctx.context.internalAdapter.createSession(userId);
  if (!user || !session) throw new Error('A session cannot be made');
  await setSessionCookie(ctx, { session, user });
}

/**
 * Verifies the address of an account, by the token of a link in a mail together with the account's password. The link
 * alone would verify an account that a stranger has made with somebody else's address, and let the stranger in.
 */
const verifyAddressEndpoint = ({ accounts, keySecrets, guard }: Parts) =>
  createAuthEndpoint(
    '/verify-address',
    { method: 'POST', body: z.object({ token: z.string(), password: z.string() }) },
    async (ctx) => {
      const { token, password } = ctx.body;
      const payload = await readVerificationToken(keySecrets, token);
      const email = payload?.email;
      const found = email && !payload.updateTo && (await findAccount(accounts, email));
      if (!found || found.id !== payload.userId) {
        throw new APIError('BAD_REQUEST', {
          code: 'LINK_NOT_VALID',
          message: 'This link has expired, or is not complete. Have a new link sent',
        });
      }
      if (found.isVerified) {
        throw new APIError('CONFLICT', {
          code: 'ALREADY_VERIFIED',
          message: 'This address is confirmed already. Sign in with your password',
        });
      }
      await guard.begin(ctx, email);
      const account = await ctx.context.internalAdapter.findCredentialAccount(found.id);
      const isRight = account?.password && (await ctx.context.password.verify({ hash: account.password, password }));
      if (!isRight) {
        throw new APIError('UNAUTHORIZED', {
          code: 'INVALID_PASSWORD',
          message:
            'This is not the password of the account. If you do not know the password, or did not make the account, set a new password: that confirms the address too',
        });
      }
      await verifyAddress(accounts, found.id);
      await openSession(ctx, found.id);
      await guard.succeed(ctx, email);
      return ctx.json({ status: true });
    },
  );

/**
 * An account has a session only once its address is verified: by the link of a mail, by a password reset, or by an
 * invitation's secret, which only a mail to the address contains. No answer tells whether an address has an account.
 */
export const verifiedAddresses = (parts: Parts): BetterAuthPlugin => {
  const { accounts, db, guard } = parts;
  const at = (path: string) => (context: { path?: string }) => context.path === path;
  return {
    id: 'introzy-verified-addresses',
    endpoints: { verifyAddress: verifyAddressEndpoint(parts) },
    hooks: {
      before: [
        {
          // Answered before it is known whether there is an account: the work follows the answer, see `createAccounts`.
          matcher: ({ request, ...context }) => request !== undefined && findDeferred(context) !== undefined,
          handler: createAuthMiddleware(async (ctx) => {
            const { success, data } = findDeferred(ctx)?.safeParse(ctx.body) ?? {};
            if (!success || data === undefined) return;
            // Says now where the database is away.
            await findAccount(accounts, data.email);
            return LOOK_INTO_YOUR_MAIL;
          }),
        },
        {
          // The secret of an invitation has reached the address, and so opens an account that waits for its verification.
          matcher: at('/sign-up/email'),
          handler: createAuthMiddleware(async (ctx) => {
            const { invitationId, email, name, password } = ctx.body ?? {};
            if (invitationId === undefined || typeof name !== 'string' || typeof password !== 'string') return;
            const found = await findAccount(accounts, email);
            if (!found) return;
            if (found.isVerified) {
              throw new APIError('UNPROCESSABLE_ENTITY', {
                code: 'USER_ALREADY_EXISTS',
                message: 'There is an account of this address already. Sign in to accept the invitation',
              });
            }
            const { minPasswordLength, maxPasswordLength } = ctx.context.password.config;
            // better-auth refuses the password.
            if (password.length < minPasswordLength || password.length > maxPasswordLength) return;
            const passwordHash = await ctx.context.password.hash(password);
            await endUnprovedAccess({ accounts, db }, found.id);
            await takeOverAccount(accounts, { userId: found.id, name, passwordHash });
            await openSession(ctx, found.id);
            await guard.lift(ctx, email);
            return { status: true };
          }),
        },
      ],
      after: [
        {
          matcher: at('/sign-up/email'),
          handler: createAuthMiddleware(async (ctx) => {
            const { returned } = ctx.context;
            const { invitationId, email } = ctx.body ?? {};
            if (invitationId === undefined) return;
            if (isAPIError(returned)) return;
            const { user } = returned as { user: { id: string } };
            await openSession(ctx, user.id);
            await guard.succeed(ctx, email);
            return ctx.json({ status: true });
          }),
        },
        {
          // Whoever changes the password does not want an earlier link to change it again.
          matcher: at('/change-password'),
          handler: createAuthMiddleware(async ({ body, context: { returned, newSession } }) => {
            const { user } = (returned ?? {}) as { user?: { id: string } };
            if (isAPIError(returned) || !user) return;
            await endResets(accounts, user.id);
            // better-auth has ended the sessions before it has kept the new password.
            const ownSession = newSession?.session.id;
            if (body?.revokeOtherSessions) await endSessions(accounts, { userId: user.id, except: ownSession });
          }),
        },
      ],
    },
  };
};
