import type { KeyRefusal } from '../../shared/errors.ts';
import { isKey } from '../../shared/keyFormat.ts';

/** What an `Authorization` header presents: a key of the right form, or why there is none. */
type Bearer = { ok: true; key: string } | { ok: false; refusal: KeyRefusal };

/**
 * Reads the `Authorization` header (RFC 6750, section 2.1; the scheme is case-insensitive, RFC 9110). Another scheme
 * presents no key; anything else that is not one is refused as an unknown key would be.
 */
export function readBearer(headers: Headers): Bearer {
  const value = headers.get('authorization')?.trim() ?? '';
  const [, scheme = '', token = ''] = /^(\S*) *(.*)$/.exec(value) ?? [];
  if (scheme.toLowerCase() !== 'bearer') {
    return { ok: false, refusal: value === '' || token !== '' ? 'missing' : 'unknown' };
  }
  if (token === '') return { ok: false, refusal: 'missing' };
  return isKey(token) ? { ok: true, key: token } : { ok: false, refusal: 'unknown' };
}

export const SENT_TWICE = 'Authorization and Host may be sent once';
const ONCE = /^(?:authorization|host)$/i;

/** True where a header that may be sent once came twice; only the connection's own list, names and values, still tells. */
export function isSentTwice(rawHeaders: string[]): boolean {
  const names = rawHeaders
    .filter((text, index) => index % 2 === 0 && ONCE.test(text))
    .map((name) => name.toLowerCase());
  return new Set(names).size < names.length;
}
