import type { KeyRefusal } from '../../shared/errors.ts';
import { decodePercent, holdsKeyForm, isKey, KEY_PREFIX, redactKeys } from '../../shared/keyFormat.ts';
import { hasSessionCookie } from './sessionCookie.ts';

/** The credential of a request: an API key, the cookie of a session, or the reason why there is neither. */
export type Credential =
  | { type: 'key'; key: string }
  | { type: 'none'; refusal: KeyRefusal; request: Request }
  | { type: 'session'; request: Request };

/** Reads the credential of a request. A cookie counts only where there is no `Authorization` header. */
export function readCredential(request: Request): Credential {
  const { headers } = request;
  if (!headers.has('authorization') && hasSessionCookie(headers)) return { type: 'session', request };
  const read = readBearer(headers.get('authorization')?.trim() ?? '');
  return 'key' in read ? { type: 'key', key: read.key } : { type: 'none', refusal: read.refusal, request };
}

/**
 * Reads the value of an `Authorization` header (RFC 6750, section 2.1; the scheme is case-insensitive, RFC 9110).
 * Another scheme brings no key, and neither does `Bearer` alone. Any other value that is not a well-formed key is
 * refused as an unknown key is.
 */
function readBearer(value: string): { key: string } | { refusal: KeyRefusal } {
  const [, scheme = '', token = ''] = /^(\S*) *(.*)$/.exec(value) ?? [];
  if (scheme.toLowerCase() !== 'bearer') return { refusal: value === '' || token !== '' ? 'missing' : 'unknown' };
  if (token === '') return { refusal: 'missing' };
  return isKey(token) ? { key: token } : { refusal: 'unknown' };
}

/**
 * Looks for a text of a key's form in the places of a refused request where no key is read: the address, the cookies,
 * the other headers, and `Authorization` with another scheme than `Bearer`; then for the places where other services
 * read a key, whatever is there. Gives a sentence that says where keys belong, without the key; `undefined` where
 * nothing is found. The body is not read.
 */
export function findStrayKey({ url, headers }: Request): string | undefined {
  const place = holdsKey(url) ? 'in the address, which others may have logged' : findStrayHeader(headers);
  if (place !== undefined) return `The API key was sent ${place}, and is not read there. ${BELONGS}`;
  const usual = findUsualPlace(url, headers);
  return usual === undefined ? undefined : `No API key is read ${usual}. ${BELONGS}`;
}

const BELONGS = `Send the header Authorization: Bearer ${KEY_PREFIX}…`;

/** The places where other services read a key. */
const USUAL_HEADERS = ['x-api-key', 'api-key', 'apikey', 'x-auth-token', 'x-access-token', 'x-api-token'];
const USUAL_PARAMETERS = ['api_key', 'apikey', 'api-key', 'key', 'access_token', 'token'];

function findUsualPlace(url: string, headers: Headers): string | undefined {
  const authorization = headers.get('authorization')?.trim() ?? '';
  if (authorization !== '' && !BEARER.test(authorization)) return 'in Authorization without the scheme Bearer';
  const header = USUAL_HEADERS.find((name) => headers.has(name));
  if (header !== undefined) return `in the header ${header}`;
  const [, query = ''] = url.split('?', 2);
  const names = new Set([...new URLSearchParams(query).keys()].map((name) => name.toLowerCase()));
  const parameter = USUAL_PARAMETERS.find((name) => names.has(name));
  return parameter === undefined ? undefined : `in the address (?${parameter}=)`;
}

function findStrayHeader(headers: Headers): string | undefined {
  for (const [name, value] of headers) {
    const isAuthorization = name === 'authorization';
    if (isAuthorization && BEARER.test(value)) continue;
    if (!holdsKey(value) && !holdsKey(decodeBasic(value)) && !holdsKey(name)) continue;
    if (isAuthorization) return 'in Authorization without the scheme Bearer';
    return name === 'cookie' ? 'in a cookie' : `in the header ${redactKeys(name)}`;
  }
  return undefined;
}

const BEARER = /^\s*bearer(?:\s|$)/i;

/** True where `text` holds the form of a key, as written or percent-encoded: `introzy%5F1a2b3c4d…`. */
const holdsKey = (text: string) => holdsKeyForm(text) || (text.includes('%') && holdsKeyForm(decodePercent(text)));

/** The user and the password of a value such as `Basic dXNlcjpwYXNzd29yZA==`; an empty text for another scheme. */
const decodeBasic = (value: string) => {
  const [, encoded] = /^\s*basic\s+(.*)$/i.exec(value) ?? [];
  return encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('latin1');
};

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
