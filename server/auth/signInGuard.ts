import { hash, randomBytes } from 'node:crypto';
import type { BetterAuthPlugin } from 'better-auth';
import { APIError, createAuthMiddleware, getSessionFromCtx, isAPIError } from 'better-auth/api';
import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import { toAccountAddress } from '../../shared/text.ts';
import { findChallenged, isCodePath } from './secondFactor.ts';

/** Attempts with a wrong password before pauses begin, for a day. */
const FREE_ATTEMPTS = 5;
/** Seconds. The pause after each further attempt is twice the pause before: 15, 30, 60 … */
const PAUSES = { first: 15, longest: 900 } as const;
/** Seconds that a browser is known after a sign-in: the most that browsers keep a cookie. */
const DEVICE_KNOWN_FOR = 400 * 86_400;

export interface SignInLimiters {
  /** Counts attempts that have not succeeded, for a day. */
  signInFailures: RateLimiterAbstract;
  /** Lets one attempt through per pause. */
  signInPauses: RateLimiterAbstract;
}

interface GuardOptions extends SignInLimiters {
  secret: string;
  publicUrl: string;
}

/** The part of better-auth's context that reads and sets cookies. */
interface Cookies {
  getSignedCookie(name: string, secret: string): Promise<string | false | null>;
  setSignedCookie(name: string, value: string, secret: string, options: object): Promise<unknown>;
}

/**
 * Slows down guesses of a password and of a second factor, per account, however many addresses the guesses come from. An
 * address without an account is counted in the same way. A browser that has signed in to the account before, or has reset
 * its password, is counted on its own: strangers who guess do not lock the account's person out.
 */
export function createSignInGuard({ signInFailures, signInPauses, secret, publicUrl }: GuardOptions) {
  const secure = publicUrl.startsWith('https:');
  const attributes = { httpOnly: true, sameSite: 'lax', path: '/', secure, maxAge: DEVICE_KNOWN_FOR } as const;
  // Under no server secret: a browser stays known when the first secret changes. Redis keeps no address.
  const accountOf = (email: string) => hash('sha256', `sign-in ${toAccountAddress(email)}`).slice(0, 32);
  /** A browser may know several accounts, each by a cookie of its own. */
  const cookieOf = (account: string) => `${secure ? '__Host-' : ''}introzy_device_${account.slice(0, 8)}`;
  const deviceOf = async (ctx: Cookies, account: string) => {
    const value = await ctx.getSignedCookie(cookieOf(account), secret);
    return value !== null && value !== false && value.startsWith(`${account}.`) ? value : undefined;
  };
  /** The addresses of the accounts that requests try to sign in to. */
  const attempts = new WeakMap<Request, string>();
  /** The addresses of the accounts whose passwords requests have reset. */
  const resets = new WeakMap<Request, string>();
  const forget = async (name: string) => {
    await Promise.all([signInFailures.delete(name), signInPauses.delete(name)]);
  };

  return {
    /** Counts an attempt before its password is checked, so that attempts at once count too. Throws 429 in a pause. */
    async begin(ctx: Cookies, email: string): Promise<void> {
      const account = accountOf(email);
      const name = (await deviceOf(ctx, account)) ?? account;
      const { consumedPoints } = await signInFailures.penalty(name);
      if (consumedPoints <= FREE_ATTEMPTS) return;
      const pause = Math.min(PAUSES.first * 2 ** (consumedPoints - FREE_ATTEMPTS - 1), PAUSES.longest);
      try {
        await signInPauses.consume(name, 1, { customDuration: pause });
      } catch (refused) {
        if (!(refused instanceof RateLimiterRes)) throw refused;
        await signInFailures.reward(name);
        const seconds = Math.max(Math.ceil(refused.msBeforeNext / 1000), 1);
        throw new APIError(
          'TOO_MANY_REQUESTS',
          {
            code: 'TOO_MANY_ATTEMPTS',
            message: `Too many attempts with a wrong password. Try again in ${inWords(seconds)}, or set a new password by a link in a mail`,
          },
          { 'Retry-After': String(seconds) },
        );
      }
    },
    /** Ends the count of the browser that has signed in, and makes the browser known. */
    async succeed(ctx: Cookies, email: string): Promise<void> {
      const account = accountOf(email);
      const device = await deviceOf(ctx, account);
      await forget(device ?? account);
      const value = device ?? `${account}.${randomBytes(16).toString('base64url')}`;
      await ctx.setSignedCookie(cookieOf(account), value, secret, attributes);
    },
    /** Ends the count of strangers' attempts too, and makes the browser known: its person has proved the address. */
    async lift(ctx: Cookies, email: string): Promise<void> {
      await forget(accountOf(email));
      await this.succeed(ctx, email);
    },
    /** Notes whose account a request is about, as the answer may have used up what told of the account. */
    noteAttempt(request: Request | undefined, email: string): void {
      if (request) attempts.set(request, email);
    },
    /** The address of the account that a request tries to sign in to. */
    findAttempt: (request: Request | undefined) => request && attempts.get(request),
    /** better-auth tells whose password a request has reset while no cookie can be set yet: `liftReset` follows. */
    noteReset(request: Request | undefined, email: string): void {
      if (request) resets.set(request, email);
    },
    async liftReset(ctx: Cookies & { request?: Request | undefined }): Promise<void> {
      const email = ctx.request && resets.get(ctx.request);
      if (email !== undefined) await this.lift(ctx, email);
    },
  };
}

export type SignInGuard = ReturnType<typeof createSignInGuard>;

const inWords = (seconds: number) => {
  const [count, unit] = seconds < 60 ? [seconds, 'second'] : [Math.ceil(seconds / 60), 'minute'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
};

/** The paths of better-auth by which a person signs in. */
const SIGN_IN = ['/sign-in/email', '/two-factor/verify-totp', '/two-factor/verify-backup-code'];
/** The paths that ask a person who is signed in for the password. */
const WITH_PASSWORD = [
  '/change-password',
  '/two-factor/enable',
  '/two-factor/disable',
  '/two-factor/generate-backup-codes',
];

/** True for the answer to a right password where the second factor is to come: the attempt goes on. */
const isHalfway = (returned: unknown) =>
  typeof returned === 'object' && returned !== null && 'twoFactorRedirect' in returned;

/** Guards the paths of better-auth that check a password, or a code at a sign-in. */
export const guardSignIn = (guard: SignInGuard): BetterAuthPlugin => {
  /** The address of the account whose password or code the request brings. */
  const findEmail = async (ctx: Parameters<typeof getSessionFromCtx>[0]): Promise<string | undefined> => {
    const isSignedIn = !SIGN_IN.includes(ctx.path);
    if (isSignedIn) return (await getSessionFromCtx(ctx))?.user.email;
    if (isCodePath(ctx.path)) return (await getSessionFromCtx(ctx)) ? undefined : (await findChallenged(ctx))?.email;
    const email: unknown = ctx.body?.email;
    return typeof email === 'string' ? email : undefined;
  };
  const matcher = ({ path = '' }: { path?: string }) => SIGN_IN.includes(path) || WITH_PASSWORD.includes(path);
  return {
    id: 'introzy-sign-in-guard',
    hooks: {
      before: [
        {
          matcher,
          handler: createAuthMiddleware(async (ctx) => {
            const email = await findEmail(ctx);
            if (email === undefined) return;
            guard.noteAttempt(ctx.request, email);
            await guard.begin(ctx, email);
          }),
        },
      ],
      after: [
        {
          matcher,
          handler: createAuthMiddleware(async (ctx) => {
            const { returned } = ctx.context;
            if (isAPIError(returned) || isHalfway(returned)) return;
            const email = guard.findAttempt(ctx.request);
            if (email !== undefined) await guard.succeed(ctx, email);
          }),
        },
        {
          matcher: ({ path }) => path === '/reset-password',
          handler: createAuthMiddleware(async (ctx) => await guard.liftReset(ctx)),
        },
      ],
    },
  };
};
