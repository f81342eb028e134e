import type { KeyRefusal } from '../../shared/errors.ts';
import { isKey } from '../../shared/keyFormat.ts';
import { hasSessionCookie } from './sessionCookie.ts';

/** The credential of a request: an API key, the cookie of a session, or the reason why there is neither. */
export type Credential =
  | { type: 'key'; key: string }
  | { type: 'none'; refusal: KeyRefusal }
  | { type: 'session'; request: Request };

/** Reads the credential of a request. A cookie counts only where there is no `Authorization` header. */
export function readCredential(request: Request): Credential {
  const { headers } = request;
  if (!headers.has('authorization') && hasSessionCookie(headers)) return { type: 'session', request };
  return readBearer(headers.get('authorization')?.trim() ?? '');
}

/**
 * Reads the value of an `Authorization` header (RFC 6750, section 2.1; the scheme is case-insensitive, RFC 9110).
 * Another scheme brings no key, and neither does `Bearer` alone. Any other value that is not a well-formed key is
 * refused as an unknown key is.
 */
function readBearer(value: string): Credential {
  const [, scheme = '', token = ''] = /^(\S*) *(.*)$/.exec(value) ?? [];
  if (scheme.toLowerCase() !== 'bearer') {
    return { type: 'none', refusal: value === '' || token !== '' ? 'missing' : 'unknown' };
  }
  if (token === '') return { type: 'none', refusal: 'missing' };
  return isKey(token) ? { type: 'key', key: token } : { type: 'none', refusal: 'unknown' };
}

const ONCE = /^(?:authorization|host)$/i;

/**
 * True where `Authorization` or `Host` came twice. Only the connection's own list tells, in which names and values take
 * turns: `['Host', 'a', 'Host', 'b']`.
 */
export function isSentTwice(rawHeaders: readonly string[]): boolean {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    // The names' lengths sort out most headers at little cost.
    if ((name.length !== 4 && name.length !== 13) || !ONCE.test(name)) continue;
    const known = seen.size;
    if (seen.add(name.toLowerCase()).size === known) return true;
  }
  return false;
}
