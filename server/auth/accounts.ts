import { type BetterAuthOptions, betterAuth } from 'better-auth';
import { APIError, createAuthMiddleware, isAPIError } from 'better-auth/api';
import { organization } from 'better-auth/plugins/organization';
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { countOwnOrganizations, findFirstOrganization, isInvited } from '../../db/accounts.ts';
import { asAccounts } from '../../db/admission.ts';
import { endSessions } from '../../db/currentPassword.ts';
import { DatabaseUnavailable, isOfErasedPerson, isUniqueViolation } from '../../db/errors.ts';
import { recordFailedSignIn } from '../../db/failedSignIns.ts';
import type { Database } from '../../db/open.ts';
import { findOrganization } from '../../db/organizations.ts';
import { endUnprovedAccess, verifyAddress } from '../../db/verifiedAddress.ts';
import { PASSWORD } from '../../shared/roles.ts';
import { toAccountAddress } from '../../shared/text.ts';
import { answerAgain, withInvitationId } from './acceptedInvitation.ts';
import { accountTables } from './accountTables.ts';
import { comparingPasswords, refuseOldPassword, verifyAndNote } from './currentPassword.ts';
import { deriving } from './derivingAdapter.ts';
import { type AccountsRequest, accountsRequest, digesting } from './digestingAdapter.ts';
import type { KeySecrets } from './keySecret.ts';
import { type Active, findActiveBefore, findSessionBefore, isSignInBy } from './newSession.ts';
import { ADD_PASSKEY, beginByPasskey, PASSKEY_SIGN_IN, passkeyPlugins } from './passkeys.ts';
import { passwordRule } from './passwordRule.ts';
import { coarsePlace } from './place.ts';
import { proofs } from './proofs.ts';
import { sealing } from './sealingAdapter.ts';
import { isCodePath, secondFactorRules, twoFactorOf } from './secondFactor.ts';
import { cookieOptions } from './sessionCookie.ts';
import { prepareCookies, signingSecretOf } from './signedCookies.ts';
import { createSignInGuard, guardSignIn, type SignInLimiters } from './signInGuard.ts';
import { takeTurns } from './takeTurns.ts';
import { signVerificationToken, VERIFY_WITHIN } from './verificationToken.ts';
import { refuseUnverified, verifiedAddresses } from './verifiedAddresses.ts';

export interface AccountsOptions {
  db: Database;
  log: Logger;
  keySecrets: KeySecrets;
  publicUrl: string;
  /** The host name that passkeys belong to. `undefined`: there are no passkeys. */
  passkeyHost: string | undefined;
  /** Anybody may make an account and an organization. Otherwise an account takes an invitation. */
  openSignUp: boolean;
  /**
   * Requests per minute that a client's address may send to each path that signs in, signs up, or changes or resets a
   * password. better-auth counts an IPv6 address by its first 64 bits.
   */
  signInRate: number;
  /** The path below which better-auth answers: `/api/auth`. */
  basePath: string;
  /** The origins whose pages may send requests with a session's cookie. */
  trustedOrigins(request: Request): string[];
  /** Count the attempts to sign in to each account. */
  signInLimiters: SignInLimiters;
  mails: AccountMails;
  /** Runs work after the answer. A failure is logged as `what`. */
  inBackground(work: () => Promise<unknown>, what: string): void;
}

/** The mails of accounts. No answer waits for a mail. */
interface AccountMails {
  /** Mails the token of a password reset to the account's address. */
  sendReset(reset: { email: string; token: string }): void;
  /** Mails the token that verifies an account's address. */
  sendVerification(verification: { email: string; token: string }): void;
  /** Tells an account's person that somebody has tried to make another account with the address. */
  sendExisting(account: { email: string }): void;
}

/** People's accounts and sessions, kept by better-auth. */
export interface Accounts {
  /** Answers a request to better-auth; `address` is the client's. Throws `DatabaseUnavailable`. */
  handle(request: Request, address: string | undefined): Promise<Response>;
  /**
   * Finds the session whose cookie is in `headers`, and gives the session's id; `undefined` without a valid session.
   * The session is not prolonged. Throws `DatabaseUnavailable`.
   */
  findSession(headers: Headers): Promise<string | undefined>;
}

/** The header that tells better-auth the client's address. A client's own header of the same name is dropped. */
const ADDRESS_HEADER = 'x-introzy-address';
/**
 * Seconds. A session ends `expiresIn` after better-auth last prolonged the session, which happens once per `updateAge`
 * at most. Only requests to better-auth prolong a session; calls of procedures do not. Every page of the dashboard
 * prolongs the session by its request to `/organization/list`.
 */
const SESSION = { expiresIn: 30 * 86_400, updateAge: 86_400 } as const;

/** The most organizations that a person makes. Organizations that others invite the person to do not count. */
const MOST_ORGANIZATIONS = 10;

/** The paths whose requests are served one at a time. */
const CREATIONS = ['/organization/create', ADD_PASSKEY];

const NO_ACCOUNT = { message: 'There is no account of yours any more', code: 'UNAUTHORIZED' } as const;
const NAME_TAKEN = { message: 'There is an organization of this name already' } as const;

interface SignUp {
  name: string;
  email: string;
  password: string;
  invitationId?: string;
}

/**
 * The work that follows the answer, by path: `verifiedAddresses` answers these requests. The answer takes the same time
 * with and without an account of the address.
 */
const WORK: Record<string, (auth: ReturnType<typeof createAuth>, body: SignUp) => Promise<unknown>> = {
  '/request-password-reset': ({ api }, { email }) => api.requestPasswordReset({ body: { email } }),
  '/sign-up/email': ({ api }, { name, email, password }) => api.signUpEmail({ body: { name, email, password } }),
};

export function createAccounts(options: AccountsOptions): Accounts {
  const { basePath, inBackground } = options;
  const auth = createAuth(options);
  const accounts = asAccounts(options.db);
  /** One at a time: a person's organizations, or passkeys, are counted before another is made. */
  const creations = new PQueue({ concurrency: 1 });
  const inTurn = takeTurns();
  const rethrow = (error: unknown) => {
    throw findUnavailable(error) ?? error;
  };
  const answerRaced = (error: unknown) => {
    // Another instance may have taken the name between better-auth's look and its insertion.
    if (isUniqueViolation(error, 'organizations_name_key')) return Response.json(NAME_TAKEN, { status: 409 });
    if (isOfErasedPerson(error)) return Response.json(NO_ACCOUNT, { status: 401 });
    return rethrow(error);
  };
  return {
    async handle(given, address) {
      const { request, id: invitationId } = await withInvitationId(given);
      const { headers, token } = prepareCookies(request.headers, options.keySecrets);
      headers.delete(ADDRESS_HEADER);
      if (address !== undefined) headers.set(ADDRESS_HEADER, address);
      const path = new URL(request.url).pathname.slice(basePath.length);
      const work = WORK[path];
      const asked = work && request.clone();
      const handled: AccountsRequest = { token };
      const handle = () =>
        accountsRequest.run(handled, () => auth.handler(new Request(request, { headers })).catch(answerRaced));
      const answer = await (CREATIONS.includes(path) ? creations.add(handle) : handle());
      if (handled.unavailable) throw handled.unavailable;
      // A device's answer that cannot be read is a defect to better-auth, and bad input to us.
      if (path === ADD_PASSKEY && answer.status === 500)
        return new Response(answer.body, { headers: answer.headers, status: 400 });
      if (invitationId !== undefined && path === '/organization/accept-invitation' && answer.status === 400) {
        const person = (await auth.api.getSession({ headers, query: { disableRefresh: true } }))?.user.id;
        const again = person && (await answerAgain(accounts, { id: invitationId, userId: person }));
        return again || answer;
      }
      if (!asked || !answer.ok) return answer;
      const body = (await asked.json()) as SignUp;
      // An invited person's sign-up is done.
      if (body.invitationId !== undefined) return answer;
      const once = () => inTurn(toAccountAddress(body.email), () => work(auth, body));
      inBackground(once, 'a reset or a sign-up has failed');
      return answer;
    },
    async findSession(given) {
      const { headers } = prepareCookies(given, options.keySecrets);
      const found = await auth.api.getSession({ headers, query: { disableRefresh: true } }).catch(rethrow);
      // An instance of the version before gives a session to an account whose address is not verified.
      return found?.user.emailVerified ? found.session.id : undefined;
    },
  };
}

/** Finds the database's failure behind an error. better-auth wraps some errors: the failure is then a `cause`. */
function findUnavailable(error: unknown): DatabaseUnavailable | undefined {
  if (error instanceof DatabaseUnavailable) return error;
  return error instanceof Error && error.cause !== undefined ? findUnavailable(error.cause) : undefined;
}

/** Sets up better-auth on our tables. */
export function createAuth(options: AccountsOptions) {
  const { db, log, keySecrets, publicUrl, openSignUp, signInRate, basePath, mails, trustedOrigins } = options;
  const accounts = asAccounts(db);
  const tooMany = { window: 60, max: signInRate };
  const secret = signingSecretOf(keySecrets[0]);
  const sendAgain = async ({ id: userId, email }: { id: string; email: string }) =>
    mails.sendVerification({ email, token: await signVerificationToken(keySecrets, { userId, email }) });
  const guard = createSignInGuard({ ...options.signInLimiters, secret, publicUrl });
  return betterAuth({
    appName: 'Introzy',
    baseURL: publicUrl,
    basePath,
    secret,
    database: (auth: BetterAuthOptions) =>
      digesting(sealing(comparingPasswords(deriving(accounts, auth)), keySecrets), keySecrets),
    trustedOrigins: (request) => (request ? trustedOrigins(request) : []),
    emailAndPassword: {
      enabled: true,
      minPasswordLength: PASSWORD.least,
      maxPasswordLength: PASSWORD.most,
      password: { verify: verifyAndNote },
      // A sign-up signs nobody in, and does not tell that there is an account of the address already.
      autoSignIn: false,
      revokeSessionsOnPasswordReset: true,
      sendResetPassword: async ({ user, token }) => mails.sendReset({ email: user.email, token }),
      async onPasswordReset({ user }, request) {
        // A stranger may have made the account, and used it in a version that did not ask for the proof of an address.
        await endUnprovedAccess({ accounts, db }, user.id);
        await verifyAddress(accounts, user.id);
        // better-auth has ended the sessions before it has kept the new password.
        await endSessions(accounts, { userId: user.id });
        guard.noteReset(request, user.email);
      },
      onExistingUserSignUp: async ({ user }) => (user.emailVerified ? mails.sendExisting(user) : await sendAgain(user)),
    },
    emailVerification: {
      expiresIn: VERIFY_WITHIN,
      sendOnSignUp: true,
      async sendVerificationEmail({ user, token }) {
        if (!user.emailVerified) mails.sendVerification({ email: user.email, token });
      },
    },
    // Without `freshAge`: proofs.ts has the rule for what a session is too old for.
    session: { ...accountTables.session, ...SESSION, freshAge: 0 },
    user: accountTables.user,
    account: accountTables.account,
    verification: accountTables.verification,
    plugins: [
      proofs({ db, keySecrets }),
      twoFactorOf(keySecrets),
      ...passkeyPlugins({ ...options, accounts, guard }),
      organization({
        schema: accountTables.organization,
        allowUserToCreateOrganization: ({ emailVerified }) => openSignUp && emailVerified,
        membershipLimit: 100_000,
        requireEmailVerificationOnInvitation: true,
        organizationHooks: {
          async beforeCreateOrganization({ organization: { name }, user }) {
            if ((await countOwnOrganizations(accounts, user.id)) >= MOST_ORGANIZATIONS) {
              throw new APIError('FORBIDDEN', {
                message: `You have made ${MOST_ORGANIZATIONS} organizations, which is the most: make another person the owner of one, or ask to be invited to another`,
              });
            }
            if (name && (await findOrganization(accounts, name))) {
              throw new APIError('CONFLICT', NAME_TAKEN);
            }
          },
        },
      }),
      passwordRule(),
      guardSignIn(guard),
      secondFactorRules({ accounts, keySecrets, placeOf }),
      verifiedAddresses({ accounts, db, keySecrets, guard }),
    ],
    advanced: {
      ...cookieOptions(publicUrl),
      database: { generateId: () => uuidv7() },
      ipAddress: { ipAddressHeaders: [ADDRESS_HEADER] },
    },
    rateLimit: {
      enabled: true,
      window: 60,
      max: 300,
      customRules: {
        '/sign-in/email': tooMany,
        '/sign-up/email': tooMany,
        '/change-password': tooMany,
        '/prove': tooMany,
        '/two-factor/*': tooMany,
        '/passkey/generate-*': tooMany,
        '/passkey/verify-*': tooMany,
        '/request-password-reset': tooMany,
        '/reset-password': tooMany,
        '/send-verification-email': tooMany,
        '/verify-address': tooMany,
      },
    },
    databaseHooks: {
      user: {
        create: {
          // An invitation's secret is random, and stands in the mail to the invited address alone: it proves the address.
          before: async (user, context) =>
            context?.body?.invitationId === undefined ? undefined : { data: { ...user, emailVerified: true } },
        },
      },
      session: {
        create: {
          async before(session, context) {
            await refuseUnverified(accounts, session.userId);
            const { activeOrganizationId: given } = (findSessionBefore(context) ?? session) as Active;
            const activeOrganizationId =
              given ??
              findActiveBefore(session.userId, context) ??
              (await findFirstOrganization(accounts, session.userId));
            const isSignIn = await isSignInBy(accounts, { userId: session.userId, context });
            const { address: ipAddress, userAgent } = placeOf(context?.headers);
            return { data: { ...session, activeOrganizationId, ipAddress, userAgent, isSignIn } };
          },
          async after(session, context) {
            await refuseOldPassword(accounts, session);
            if (context?.path === PASSKEY_SIGN_IN) await beginByPasskey(accounts, session, context.body.response.id);
          },
        },
      },
    },
    hooks: {
      before: createAuthMiddleware(async ({ path, body }) => {
        if (path !== '/sign-up/email') return;
        const { invitationId: id, email } = body ?? {};
        const invited = id !== undefined && typeof email === 'string' && (await isInvited(accounts, { id, email }));
        if (id !== undefined && !invited) {
          throw new APIError('FORBIDDEN', { message: 'This invitation is for another address, or no longer holds' });
        }
        if (!invited && !openSignUp) {
          throw new APIError('FORBIDDEN', {
            message: 'Sign-up is closed: ask an admin of your organization to invite you',
          });
        }
      }),
      after: createAuthMiddleware(async ({ path, headers, request, context: { returned } }) => {
        const unavailable = findUnavailable(returned);
        if (unavailable) throw unavailable;
        const email = guard.findAttempt(request);
        const isSignIn = path === '/sign-in/email' || path === PASSKEY_SIGN_IN || isCodePath(path);
        if (!isSignIn || !isAPIError(returned) || email === undefined) return;
        await recordFailedSignIn(accounts, { email, ...placeOf(headers) });
      }),
    },
    // better-auth throws a defect instead of answering: our doors answer and log each defect.
    onAPIError: { throw: true },
    telemetry: { enabled: false },
    logger: {
      level: 'warn',
      log: (level, message, ...details) => {
        const err = details.find((detail) => detail instanceof Error);
        // Anybody can send the answer of a device that does not verify.
        const isDefect = level === 'error' && !/^Failed to verify (registration|authentication)$/.test(message);
        log[isDefect ? 'error' : 'warn']({ err }, `accounts: ${message}`);
      },
    },
  });
}

const placeOf = (headers: Headers | undefined) =>
  coarsePlace({
    address: headers?.get(ADDRESS_HEADER) ?? undefined,
    userAgent: headers?.get('user-agent') ?? undefined,
  });
