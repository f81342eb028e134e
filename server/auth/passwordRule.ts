import type { ZxcvbnFactory } from '@zxcvbn-ts/core';
import type { BetterAuthPlugin } from 'better-auth';
import { APIError, createAuthMiddleware, getSessionFromCtx } from 'better-auth/api';
import { PASSWORD } from '../../shared/roles.ts';

/**
 * Characters of a password that are judged. The judgement's work grows with the square of the length; a weak password
 * is weak in its first 48 characters.
 */
const JUDGED = 48;
/** zxcvbn's marks go from 0 to 4. Below 3 a password is found in under 100 million guesses. */
const LEAST_SCORE = 3;

/** The paths of better-auth that set a password, and the field of the body with the new password. */
const FIELDS: Record<string, string> = {
  '/sign-up/email': 'password',
  '/reset-password': 'newPassword',
  '/change-password': 'newPassword',
};

/** Loads the lists of common passwords, which take 30 MB, when a password is first set. */
let loading: Promise<ZxcvbnFactory> | undefined;
const load = () =>
  (loading ??= Promise.all([import('@zxcvbn-ts/core'), import('@zxcvbn-ts/language-common')]).then(
    ([{ ZxcvbnFactory }, { dictionary, adjacencyGraphs }]) =>
      new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs, maxLength: JUDGED }),
  ));

/**
 * True where a password is common or close to a common password, such as `Password1234!`, follows a pattern, such as
 * `abcdefghijkl`, or is little more than `own`: the person's name and address.
 */
async function isCommonPassword(password: string, own: readonly string[] = []): Promise<boolean> {
  if (own.some((text) => text.toLowerCase() === password.toLowerCase())) return true;
  const zxcvbn = await load();
  const words = own.flatMap((text) => [text, ...text.split(/[^\p{L}\p{N}]+/u)]).filter((word) => word.length > 2);
  return zxcvbn.check(password, ['introzy', ...words]).score < LEAST_SCORE;
}

type Context = Parameters<typeof getSessionFromCtx>[0];

/** The name and the address of the person whose password is set. */
async function findPerson(ctx: Context): Promise<{ email?: unknown; name?: unknown } | undefined> {
  if (ctx.path === '/sign-up/email') return ctx.body;
  if (ctx.path === '/change-password') return (await getSessionFromCtx(ctx))?.user;
  const { internalAdapter } = ctx.context;
  const reset = await internalAdapter.findVerificationValue(`reset-password:${ctx.body?.token}`);
  return reset ? ((await internalAdapter.findUserById(reset.value)) ?? undefined) : undefined;
}

/** Refuses common passwords wherever a password is set. Shorter or longer passwords than allowed are better-auth's. */
export const passwordRule = (): BetterAuthPlugin => ({
  id: 'introzy-password-rule',
  hooks: {
    before: [
      {
        matcher: ({ path }) => path !== undefined && path in FIELDS,
        handler: createAuthMiddleware(async (ctx) => {
          const { path, body } = ctx;
          const password: unknown = body?.[FIELDS[path] ?? ''];
          if (typeof password !== 'string' || password.length < PASSWORD.least || password.length > PASSWORD.most)
            return;
          const { email, name } = (await findPerson(ctx)) ?? {};
          const own = [email, name].filter((text) => typeof text === 'string');
          if (!(await isCommonPassword(password, own))) return;
          throw new APIError('BAD_REQUEST', {
            code: 'PASSWORD_TOO_COMMON',
            message:
              'This password is easy to guess: it is common, or follows a pattern. Take four words or more that have nothing to do with each other or with you, or let a password manager make a password',
          });
        }),
      },
    ],
  },
});
