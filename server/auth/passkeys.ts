import { passkey } from '@better-auth/passkey';
import type { BetterAuthPlugin } from 'better-auth';
import {
  APIError,
  createAuthEndpoint,
  createAuthMiddleware,
  getSessionFromCtx,
  isAPIError,
  sensitiveSessionMiddleware,
} from 'better-auth/api';
import { z } from 'zod';
import type { asAccounts } from '../../db/admission.ts';
import { endSession } from '../../db/currentPassword.ts';
import { findPasskeyEmail, isHeldByPasskey, listPasskeys, recordPasskeyUse } from '../../db/passkeys.ts';
import { isProvedSession } from '../../db/proofs.ts';
import { Name } from '../../shared/names.ts';
import { PROOF_NEEDED } from '../../shared/refusals.ts';
import { Id } from '../../shared/text.ts';
import { accountTables } from './accountTables.ts';
import type { SignInGuard } from './signInGuard.ts';

/** The path of better-auth by which a person signs in with a passkey. */
export const PASSKEY_SIGN_IN = '/passkey/verify-authentication';
const BEGIN = '/passkey/generate-register-options';
export const ADD_PASSKEY = '/passkey/verify-registration';

/** The most passkeys of a person. */
const MOST = 20;

/** The paths that set up a second factor, or take a passkey away. */
const FACTOR_CHANGES = [BEGIN, ADD_PASSKEY, '/passkey/delete-passkey', '/two-factor/enable', '/two-factor/verify-totp'];

/** The paths that take a proof of the last 15 minutes. */
const WITH_PROOF = [BEGIN, ADD_PASSKEY, '/passkey/delete-passkey'];

/** Bytes in base64url. A browser sends some hundreds of characters, and some authenticators a few thousand. */
const Bytes = z
  .string()
  .max(16_384)
  .regex(/^[\w-]+$/);
/** An authenticator's id of a passkey has at most 1023 bytes (Web Authentication, section 4). */
const CredentialId = Bytes.max(1364);

const credential = <Response extends z.ZodType>(response: Response) =>
  z.object({ id: CredentialId, rawId: CredentialId, type: z.literal('public-key'), response });

interface Body {
  id?: string;
  response?: { id: string };
}

/** The bodies that the paths take. better-auth's own rules let texts of any kind through to the database. */
const BODIES: Record<string, z.ZodType<Body>> = {
  [ADD_PASSKEY]: z.object({
    name: Name,
    response: credential(
      z.object({
        clientDataJSON: Bytes,
        attestationObject: Bytes,
        transports: z
          .array(z.string().regex(/^[a-z-]{1,20}$/))
          .max(10)
          .optional(),
      }),
    ),
    // A session of its own would need no proof.
    createSession: z.literal(false).default(false),
  }),
  [PASSKEY_SIGN_IN]: z.object({
    response: credential(
      z.object({ clientDataJSON: Bytes, authenticatorData: Bytes, signature: Bytes, userHandle: Bytes.optional() }),
    ),
  }),
  '/passkey/update-passkey': z.object({ id: Id, name: Name }),
  '/passkey/delete-passkey': z.object({ id: Id }),
};

interface Parts {
  accounts: ReturnType<typeof asAccounts>;
  guard: SignInGuard;
}

/** The plugins of better-auth for passkeys, where the service has a host name that passkeys can belong to. */
export const passkeyPlugins = ({
  passkeyHost: host,
  publicUrl,
  ...parts
}: Parts & { passkeyHost: string | undefined; publicUrl: string }): BetterAuthPlugin[] =>
  host === undefined ? [] : [passkeysOf({ host, publicUrl }), passkeyRules(parts)];

/**
 * better-auth's passkeys. A passkey stands for two factors, so that each use must show that the device knew its person,
 * by a fingerprint or the like; better-auth itself does not insist. `origin`: a page of another host must not sign
 * people in with passkeys of this host, even where a proxy leads to this service.
 */
const passkeysOf = ({ host, publicUrl }: { host: string; publicUrl: string }) =>
  passkey({
    rpID: host,
    rpName: 'Introzy',
    origin: new URL(publicUrl).origin,
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    advanced: { webAuthnChallengeCookie: 'passkey' },
    schema: accountTables.passkey,
    registration: {
      afterVerification: ({ verification }) => requireVerified(verification.registrationInfo?.userVerified),
    },
    authentication: {
      afterVerification: ({ verification }) => requireVerified(verification.authenticationInfo.userVerified),
    },
  });

function requireVerified(isVerified = false) {
  if (isVerified) return;
  throw new APIError('UNAUTHORIZED', {
    code: 'PERSON_NOT_VERIFIED',
    message: 'The passkey did not check who you are: use one with a screen lock, a fingerprint or a PIN',
  });
}

/** The rules beside better-auth's: proofs, limits, what a body may hold, and what follows a sign-in. */
const passkeyRules = ({ accounts, guard }: Parts): BetterAuthPlugin => ({
  id: 'introzy-passkeys',
  endpoints: {
    listOwnPasskeys: createAuthEndpoint(
      '/passkey/list',
      { method: 'GET', use: [sensitiveSessionMiddleware] },
      async ({ context: { session }, json }) => json(await listPasskeys(accounts, session.user.id)),
    ),
  },
  hooks: {
    before: [
      {
        matcher: ({ path = '' }) => FACTOR_CHANGES.includes(path),
        handler: createAuthMiddleware(async (ctx) => {
          const session = await getSessionFromCtx(ctx);
          const ids = session && { userId: session.user.id, sessionId: session.session.id };
          if (!ids || !(await isHeldByPasskey(accounts, ids))) return;
          throw new APIError('FORBIDDEN', { code: 'PASSKEY_NEEDED', message: 'Sign in with your passkey first' });
        }),
      },
      {
        matcher: ({ path = '' }) => path.startsWith('/passkey/'),
        handler: createAuthMiddleware(async (ctx) => {
          const session = await getSessionFromCtx(ctx);
          // better-auth refuses a request that needs a session and has none.
          if (session && WITH_PROOF.includes(ctx.path)) await requireProof(accounts, session.session.id);
          if (session && (ctx.path === BEGIN || ctx.path === ADD_PASSKEY)) await requireRoom(accounts, session.user.id);
          if (!(ctx.path in BODIES)) return;
          const body = readBody(ctx.path, ctx.body);
          const email = body.response && (await findPasskeyEmail(accounts, body.response.id));
          if (email !== undefined && ctx.path === PASSKEY_SIGN_IN) guard.noteAttempt(ctx.request, email);
          if (email !== undefined && ctx.path === ADD_PASSKEY) {
            throw new APIError('CONFLICT', { message: 'This passkey belongs to an account already' });
          }
          return { context: { body } };
        }),
      },
    ],
    after: [
      {
        matcher: ({ path }) => path === '/passkey/generate-authenticate-options',
        handler: createAuthMiddleware(async ({ context: { returned }, json }) =>
          isAPIError(returned) ? undefined : json({ ...(returned as object), userVerification: 'required' }),
        ),
      },
      {
        matcher: ({ path }) => path === PASSKEY_SIGN_IN,
        handler: createAuthMiddleware(async (ctx) => {
          const { returned, session: before, internalAdapter } = ctx.context;
          const email = guard.findAttempt(ctx.request);
          if (isAPIError(returned) || email === undefined) return;
          await guard.succeed(ctx, email);
          if (before && before.user.email === email) await internalAdapter.deleteSession(before.session.token);
        }),
      },
    ],
  },
});

function readBody(path: string, given: unknown): Body {
  const { success, data, error } = (BODIES[path] as z.ZodType<Body>).safeParse(given);
  if (success) return data;
  const [issue] = error.issues;
  throw new APIError('BAD_REQUEST', { message: `${issue?.path.join('.')}: ${issue?.message}` });
}

async function requireProof(accounts: Parts['accounts'], sessionId: string): Promise<void> {
  if (await isProvedSession(accounts, sessionId)) return;
  throw new APIError('FORBIDDEN', { code: 'PROOF_NEEDED', message: PROOF_NEEDED });
}

async function requireRoom(accounts: Parts['accounts'], userId: string): Promise<void> {
  if ((await listPasskeys(accounts, userId)).length < MOST) return;
  throw new APIError('CONFLICT', { message: `You have ${MOST} passkeys, which is the most: remove one first` });
}

/** Notes for a session that a passkey began it. Ends the session where the passkey has been removed meanwhile. */
export async function beginByPasskey(
  accounts: Parts['accounts'],
  { id: sessionId }: { id: string },
  credentialId: string,
): Promise<void> {
  if (await recordPasskeyUse(accounts, { sessionId, credentialId })) return;
  await endSession(accounts, sessionId);
  throw new APIError('UNAUTHORIZED', { message: 'Passkey not found', code: 'PASSKEY_NOT_FOUND' });
}
