import { hash } from 'node:crypto';

/**
 * The id under which an invitation is kept: a digest of the secret in the invitation's link. The secret is a UUID in
 * lower case. `introzy_invitation_digest` computes the same in SQL.
 */
export function invitationIdOf(secret: string): string {
  const hex = hash('sha256', secret, 'hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
