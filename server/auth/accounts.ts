import { hkdfSync } from 'node:crypto';
import { betterAuth } from 'better-auth';
import { APIError, createAuthMiddleware, isAPIError } from 'better-auth/api';
import { organization } from 'better-auth/plugins/organization';
import type { Logger } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { findFirstOrganization, isInvited, recordFailedSignIn } from '../../db/accounts.ts';
import { asAccounts } from '../../db/admission.ts';
import { DatabaseUnavailable } from '../../db/errors.ts';
import type { Database } from '../../db/open.ts';
import { findOrganization } from '../../db/organizations.ts';
import { PASSWORD } from '../../shared/roles.ts';
import { accountTables } from './accountTables.ts';
import type { KeySecrets } from './keySecret.ts';
import { coarsePlace } from './place.ts';
import { cookieOptions } from './sessionCookie.ts';

export interface AccountsOptions {
  db: Database;
  log: Logger;
  keySecrets: KeySecrets;
  publicUrl: string;
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
  /** Mails the token of a password reset to the account's address. */
  sendReset(reset: { email: string; token: string }): Promise<void>;
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

export function createAccounts(options: AccountsOptions): Accounts {
  const auth = createAuth(options);
  const rethrow = (error: unknown) => {
    throw findUnavailable(error) ?? error;
  };
  return {
    handle(request, address) {
      const headers = new Headers(request.headers);
      headers.delete(ADDRESS_HEADER);
      if (address !== undefined) headers.set(ADDRESS_HEADER, address);
      return auth.handler(new Request(request, { headers })).catch(rethrow);
    },
    async findSession(headers) {
      const found = await auth.api.getSession({ headers, query: { disableRefresh: true } }).catch(rethrow);
      return found?.session.id;
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
  const { db, log, keySecrets, publicUrl, openSignUp, signInRate, basePath, sendReset, trustedOrigins } = options;
  const accounts = asAccounts(db);
  const tooMany = { window: 60, max: signInRate };
  return betterAuth({
    appName: 'Introzy',
    baseURL: publicUrl,
    basePath,
    secret: Buffer.from(hkdfSync('sha256', keySecrets[0].secret, '', 'introzy sessions', 32)).toString('base64url'),
    database: { db: accounts, type: 'postgres' },
    trustedOrigins: (request) => (request ? trustedOrigins(request) : []),
    emailAndPassword: {
      enabled: true,
      minPasswordLength: PASSWORD.least,
      maxPasswordLength: PASSWORD.most,
      revokeSessionsOnPasswordReset: true,
      sendResetPassword: ({ user, token }) => sendReset({ email: user.email, token }),
    },
    session: { ...accountTables.session, ...SESSION },
    user: accountTables.user,
    account: accountTables.account,
    verification: accountTables.verification,
    plugins: [
      organization({
        schema: accountTables.organization,
        allowUserToCreateOrganization: openSignUp,
        membershipLimit: 100_000,
        // The token from the mail to the invited address proves the address: the door takes no invitation's id.
        requireEmailVerificationOnInvitation: false,
        organizationHooks: {
          async beforeCreateOrganization({ organization: { name } }) {
            if (name && (await findOrganization(accounts, name))) {
              throw new APIError('CONFLICT', { message: 'There is an organization of this name already' });
            }
          },
        },
      }),
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
        '/request-password-reset': tooMany,
        '/reset-password': tooMany,
      },
    },
    databaseHooks: {
      session: {
        create: {
          async before(session, context) {
            const activeOrganizationId = await findFirstOrganization(accounts, session.userId);
            const { address: ipAddress, userAgent } = placeOf(context?.headers);
            return { data: { ...session, activeOrganizationId, ipAddress, userAgent } };
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
      after: createAuthMiddleware(async ({ path, body, headers, context: { returned } }) => {
        const unavailable = findUnavailable(returned);
        if (unavailable) throw unavailable;
        if (path !== '/sign-in/email' || !isAPIError(returned) || typeof body?.email !== 'string') return;
        await recordFailedSignIn(accounts, { email: body.email, ...placeOf(headers) });
      }),
    },
    // better-auth throws a defect instead of answering: our doors answer and log each defect.
    onAPIError: { throw: true },
    telemetry: { enabled: false },
    logger: {
      level: 'warn',
      log: (level, message, ...details) => {
        const err = details.find((detail) => detail instanceof Error);
        log[level === 'error' ? 'error' : 'warn']({ err }, `accounts: ${message}`);
      },
    },
  });
}

const placeOf = (headers: Headers | undefined) =>
  coarsePlace({
    address: headers?.get(ADDRESS_HEADER) ?? undefined,
    userAgent: headers?.get('user-agent') ?? undefined,
  });
