import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/browser';

/** A failed call. `message` is a sentence for people; `status` is the HTTP status, or 0 where no answer came. */
export class AccountError extends Error {
  override readonly name = 'AccountError';
  readonly status: number;
  /** better-auth's or the service's word for the refusal, such as `ALREADY_VERIFIED`. */
  readonly code: string | undefined;

  constructor(status: number, message: string, code?: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const SENTENCES: Record<number, string> = {
  500: 'Something went wrong on our side. Try again.',
  503: 'Introzy is not available at the moment. Try again soon.',
};

/**
 * The body of a refusal: `message` is from better-auth; `error` and `details` are from the service before better-auth.
 */
interface Refusal {
  message?: string;
  code?: string;
  error?: string;
  details?: { issues?: { message: string }[] };
}

/** Calls better-auth (server/auth/accounts.ts) at `/api/auth`, with the session's cookie. Throws an `AccountError`. */
async function call<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
  const response = await fetch(`/api/auth${path}`, {
    method,
    ...(method === 'POST' && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body ?? {}) }),
  }).catch(() => {
    throw new AccountError(0, 'Introzy cannot be reached. Check your connection, and try again.');
  });
  const answer = await response.json().catch(() => undefined);
  if (response.ok) return answer as T;
  const { message, code, error, details } = (answer ?? {}) as Refusal;
  const issue = details?.issues?.[0];
  // better-auth's own limit, per address, has no code.
  const sentence =
    response.status === 429 && code === undefined ? 'Too many attempts. Wait a minute, and try again.' : undefined;
  throw new AccountError(
    response.status,
    sentence ?? SENTENCES[response.status] ?? issue?.message ?? message ?? error ?? 'That did not work. Try again.',
    code,
  );
}

export interface AccountSession {
  id: string;
  token: string;
  createdAt: string;
  updatedAt: string;
  ipAddress: string | null;
  userAgent: string | null;
}
interface SignedIn {
  session: AccountSession;
  user: { id: string; name: string; email: string; twoFactorEnabled: boolean };
}
/** What a person needs to set up an authenticator app, and the recovery codes that hold once the app is confirmed. */
export interface NewFactor {
  totpURI: string;
  backupCodes: string[];
}
/** A passkey, without its keys. */
export interface Passkey {
  id: string;
  name: string;
  createdAt: string;
  lastUsedAt: string | null;
}
export interface OrganizationSummary {
  id: string;
  name: string;
}

/** The calls of better-auth that the dashboard makes. A call that fails throws an `AccountError`. */
export const auth = {
  /** With `twoFactorRedirect`, nobody is signed in yet: a code is to come. */
  signIn: (email: string, password: string) =>
    call<{ twoFactorRedirect?: true }>('POST', '/sign-in/email', { email, password }),
  giveCode: (code: string) => call('POST', '/two-factor/verify-totp', { code }),
  recover: (code: string) => call('POST', '/two-factor/verify-backup-code', { code }),
  beginFactor: (password: string) => call<NewFactor>('POST', '/two-factor/enable', { password }),
  endFactor: (password: string) => call('POST', '/two-factor/disable', { password }),
  makeRecoveryCodes: async (password: string) =>
    (await call<{ backupCodes: string[] }>('POST', '/two-factor/generate-backup-codes', { password })).backupCodes,
  beginPasskeySignIn: () =>
    call<PublicKeyCredentialRequestOptionsJSON>('GET', '/passkey/generate-authenticate-options'),
  signInWithPasskey: (response: AuthenticationResponseJSON) =>
    call<SignedIn>('POST', '/passkey/verify-authentication', { response }),
  beginPasskey: () => call<PublicKeyCredentialCreationOptionsJSON>('GET', '/passkey/generate-register-options'),
  addPasskey: (name: string, response: RegistrationResponseJSON) =>
    call('POST', '/passkey/verify-registration', { name, response }),
  listPasskeys: () => call<Passkey[]>('GET', '/passkey/list'),
  renamePasskey: (id: string, name: string) => call('POST', '/passkey/update-passkey', { id, name }),
  removePasskey: (id: string) => call('POST', '/passkey/delete-passkey', { id }),
  signUp: (account: { name: string; email: string; password: string; invitationId?: string }) =>
    call('POST', '/sign-up/email', account),
  verifyAddress: (token: string, password: string) => call('POST', '/verify-address', { token, password }),
  sendVerification: (email: string) => call('POST', '/send-verification-email', { email }),
  signOut: () => call('POST', '/sign-out'),
  signOutEverywhere: () => call('POST', '/revoke-sessions'),
  getSession: () => call<SignedIn | null>('GET', '/get-session'),
  listSessions: () => call<AccountSession[]>('GET', '/list-sessions'),
  revokeSession: (token: string) => call('POST', '/revoke-session', { token }),
  rename: (name: string) => call('POST', '/update-user', { name }),
  changePassword: (currentPassword: string, newPassword: string) =>
    call('POST', '/change-password', { currentPassword, newPassword, revokeOtherSessions: true }),
  prove: (proof: { password: string } | { code: string }) => call('POST', '/prove', proof),
  requestReset: (email: string) => call('POST', '/request-password-reset', { email }),
  resetPassword: (token: string, newPassword: string) => call('POST', '/reset-password', { token, newPassword }),
  listOrganizations: () => call<OrganizationSummary[]>('GET', '/organization/list'),
  setActive: (organizationId: string) => call('POST', '/organization/set-active', { organizationId }),
  createOrganization: (name: string) => call('POST', '/organization/create', { name, slug: crypto.randomUUID() }),
  acceptInvitation: (invitationId: string) => call('POST', '/organization/accept-invitation', { invitationId }),
};

/**
 * The page to open after the sign-in. Anybody may have written `next`, so only a page of this service is taken:
 * `/contacts`, but not `//elsewhere`. Any other `next` gives `/`.
 */
export function safeNext(next: string | null): string {
  if (!next?.startsWith('/')) return '/';
  const url = new URL(next, window.location.origin);
  return url.origin === window.location.origin ? url.pathname + url.search : '/';
}
