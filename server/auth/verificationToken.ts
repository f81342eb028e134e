import type { KeySecrets } from './keySecret.ts';
import { signingSecretOf } from './signedCookies.ts';

/** Seconds in which an address can be verified by the link of a mail. */
export const VERIFY_WITHIN = 86_400;

/** An account, and the address that a link has reached. */
export interface VerificationToken {
  userId: string;
  email: string;
}

/** Signs the token of a link that verifies an address, as better-auth does at a sign-up. */
export async function signVerificationToken(keySecrets: KeySecrets, { userId, email }: VerificationToken) {
  const { createEmailVerificationToken } = await import('better-auth/api');
  return await createEmailVerificationToken(signingSecretOf(keySecrets[0]), email, undefined, VERIFY_WITHIN, {
    userId,
  });
}

/** Reads the token of a link, which any of the server secrets may have signed; `undefined` where none has, or it is old. */
export async function readVerificationToken(keySecrets: KeySecrets, token: string) {
  const { verifyJWT } = await import('better-auth/crypto');
  for (const secret of keySecrets) {
    const payload = await verifyJWT<Partial<VerificationToken> & { updateTo?: string }>(token, signingSecretOf(secret));
    if (payload) return payload;
  }
  return undefined;
}
