import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { KeySecret, KeySecrets } from './keySecret.ts';
import { hasSessionCookie } from './sessionCookie.ts';
import { isDigest } from './textDigest.ts';

/** The secret with which better-auth signs cookies and the tokens in links that verify an address. */
export const signingSecretOf = ({ secret }: KeySecret) =>
  Buffer.from(hkdfSync('sha256', secret, '', 'introzy sessions', 32)).toString('base64url');

/**
 * Gives a request's headers to better-auth, which verifies cookies under a single secret: a cookie that an older server
 * secret signed is signed anew under the first. `token` is the token in the cookie of the session, where the signature
 * holds. A session's cookie with a digest in place of the token is left out, whoever signed the cookie.
 */
export function prepareCookies(
  given: Headers,
  keySecrets: KeySecrets,
): { headers: Headers; token: string | undefined } {
  const headers = new Headers(given);
  const cookies = headers.get('cookie');
  if (cookies === null) return { headers, token: undefined };
  let token: string | undefined;
  const kept = cookies.split(';').flatMap((part) => {
    const cookie = readSigned(part, keySecrets);
    if (!cookie) return [part];
    if (hasSessionCookie(new Headers({ cookie: part }))) {
      if (isDigest(cookie.value)) return [];
      token ??= cookie.value;
    }
    if (cookie.isNewest) return [part];
    const signed = `${cookie.value}.${sign(cookie.value, keySecrets[0])}`;
    return [`${cookie.name}=${encodeURIComponent(signed)}`];
  });
  headers.set('cookie', kept.join(';'));
  return { headers, token };
}

/** Reads `name=value.signature`, percent-encoded, as better-auth writes a signed cookie. */
function readSigned(part: string, keySecrets: KeySecrets) {
  const [, name = '', raw = ''] = /^\s*([^=]+)=\s*"?(.*?)"?\s*$/s.exec(part) ?? [];
  const [, value, signature] = /^(.+)\.([\w+/]{43}=)$/s.exec(decode(raw)) ?? [];
  if (value === undefined || signature === undefined) return undefined;
  const signer = keySecrets.find((secret) => timingSafeEqual(Buffer.from(sign(value, secret)), Buffer.from(signature)));
  return signer && { name: name.trim(), value, isNewest: signer === keySecrets[0] };
}

/** The signature of better-call, through which better-auth signs: HMAC-SHA-256 in base64. */
const sign = (value: string, secret: KeySecret) =>
  createHmac('sha256', signingSecretOf(secret)).update(value).digest('base64');

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
