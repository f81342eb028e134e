import { createHmac, hkdfSync } from 'node:crypto';
import type { KeySecret, KeySecrets } from './keySecret.ts';

/**
 * The digest that the database keeps of a text that opens something, such as a session's token: `id:…`, the id of a server
 * secret and the HMAC-SHA-256 in base64url. `purpose` names the text's place, such as `sessions.token`: the same text has
 * another digest in another place. Who has the database alone cannot tell whether a text fits a digest.
 */
export function digestText({ id, secret }: KeySecret, text: string, purpose: string): string {
  const key = Buffer.from(hkdfSync('sha256', secret, '', `introzy digests of ${purpose}`, 32));
  return `${id}:${createHmac('sha256', key).update(text).digest('base64url')}`;
}

/** The digests of a text under each server secret, newest first. The database may know the text by any digest. */
export const digestsOfText = (secrets: KeySecrets, text: string, purpose: string) =>
  secrets.map((secret) => digestText(secret, text, purpose));

/** True for a text of the form that `digestText` gives. No token and no identifier of better-auth has the form. */
export const isDigest = (text: string) => /^[\w-]{1,64}:[\w-]{43}$/.test(text);
