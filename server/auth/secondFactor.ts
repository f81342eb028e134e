import type { BetterAuthPlugin } from 'better-auth';
import { APIError, createAuthMiddleware, getSessionFromCtx, isAPIError } from 'better-auth/api';
import { twoFactor } from 'better-auth/plugins/two-factor';
import type { asAccounts } from '../../db/admission.ts';
import { findTwoFactor, recordRecovery, takeStep } from '../../db/twoFactors.ts';
import { CODE_PERIOD } from '../../shared/codePeriod.ts';
import { accountTables } from './accountTables.ts';
import type { KeySecrets } from './keySecret.ts';
import { openText, sealText } from './sealedText.ts';
import { SEEDS } from './sealingAdapter.ts';
import { DIGITS, findStep } from './totp.ts';

const RECOVERY_CODES = 'two_factors.backup_codes';

/** Seconds between the password and the second factor of a sign-in. */
const CHALLENGE_FOR = 600;

/** The paths of better-auth that take a code, at a sign-in or to switch the factor on. */
const APP_CODE = '/two-factor/verify-totp';
const RECOVERY_CODE = '/two-factor/verify-backup-code';
export const isCodePath = (path: string | undefined) => path === APP_CODE || path === RECOVERY_CODE;

interface Parts {
  accounts: ReturnType<typeof asAccounts>;
  keySecrets: KeySecrets;
}

/**
 * better-auth's second factor by an authenticator app, with recovery codes. sealingAdapter.ts seals the seeds. The
 * sign-in guard slows guesses down, in place of better-auth's own lock: a stranger who knows the password must not lock
 * the account's person out.
 */
export const twoFactorOf = (keySecrets: KeySecrets) =>
  twoFactor({
    issuer: 'Introzy',
    twoFactorCookieMaxAge: CHALLENGE_FOR,
    accountLockout: { enabled: false },
    totpOptions: { digits: DIGITS, period: CODE_PERIOD },
    backupCodeOptions: {
      storeBackupCodes: {
        encrypt: async (codes) => sealText(keySecrets, codes, RECOVERY_CODES),
        decrypt: async (sealed) => openText(keySecrets, sealed, RECOVERY_CODES),
      },
    },
    schema: accountTables.twoFactor,
  });

/** Takes a code of a person's app for good: false where the code is wrong, or was taken before. */
export async function takeCode(
  { accounts, keySecrets }: Parts,
  { userId, code, isNew = false }: { userId: string; code: string; isNew?: boolean },
): Promise<boolean> {
  const found = await findTwoFactor(accounts, userId);
  if (!found || found.isConfirmed === isNew) return false;
  const step = await findStep(openText(keySecrets, found.sealedSeed, SEEDS), code);
  return step !== undefined && (await takeStep(accounts, { userId, step }));
}

type Context = Parameters<typeof getSessionFromCtx>[0];

/** The person whose password this browser has given, and whose second factor is to come. */
export async function findChallenged({ context, getSignedCookie }: Context) {
  const { name } = context.createAuthCookie('two_factor');
  const identifier = await getSignedCookie(name, context.secret);
  const challenge = identifier && (await context.internalAdapter.findVerificationValue(identifier));
  return challenge ? await context.internalAdapter.findUserById(challenge.value) : undefined;
}

/**
 * The rules beside better-auth's: no code is taken twice, no browser is trusted without a code, a signed-in browser tests
 * no codes but the first, and the audit log tells of recovery codes.
 */
export const secondFactorRules = (parts: Parts & { placeOf: PlaceOf }): BetterAuthPlugin => ({
  id: 'introzy-second-factor',
  hooks: {
    before: [
      {
        matcher: ({ path }) => isCodePath(path),
        handler: createAuthMiddleware(async (ctx) => {
          const session = await getSessionFromCtx(ctx);
          if (
            session &&
            (ctx.path === RECOVERY_CODE || (session.user as { twoFactorEnabled?: boolean }).twoFactorEnabled)
          ) {
            throw new APIError('BAD_REQUEST', { code: 'FACTOR_IS_ON', message: 'The second factor is on already' });
          }
          const userId = session?.user.id ?? (await findChallenged(ctx))?.id;
          const given: unknown = ctx.body?.code;
          if (userId === undefined || typeof given !== 'string') return;
          const code = given.replaceAll(/\s/g, '');
          const isTaken = ctx.path === APP_CODE && !(await takeCode(parts, { userId, code, isNew: !!session }));
          // better-auth refuses the empty code, and counts the attempt.
          return { context: { body: { code: isTaken ? '' : code, trustDevice: false, disableSession: false } } };
        }),
      },
    ],
    after: [
      {
        matcher: ({ path }) => path === RECOVERY_CODE || path === '/two-factor/generate-backup-codes',
        handler: createAuthMiddleware(async ({ path, headers, context: { returned, session } }) => {
          if (isAPIError(returned)) return;
          const used = (returned as { user?: { id: string } }).user?.id;
          const userId = used ?? session?.user.id;
          if (userId === undefined) throw new Error('Nobody used or made recovery codes');
          const action = path === RECOVERY_CODE ? 'person.recoveryCodeUsed' : 'person.recoveryCodesMade';
          await recordRecovery(parts.accounts, { userId, action, details: parts.placeOf(headers) });
        }),
      },
    ],
  },
});

type PlaceOf = (headers: Headers | undefined) => { address: string; userAgent: string };
