import { accountsSecret } from './accountsSecret.ts';
import type { KeySecrets } from './keySecret.ts';

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
  return await createEmailVerificationToken(accountsSecret(keySecrets), email, undefined, VERIFY_WITHIN, { userId });
}
