import { isIP } from 'node:net';

/**
 * Where a request comes from: the client's address in canonical form, `undefined` where the address is not known, and the
 * `User-Agent` header, which a client may invent.
 */
export interface Source {
  address: string | undefined;
  userAgent: string | undefined;
}

/** The part of a source that is worth keeping: `203.0.113.0/24` and `Firefox on Linux`. */
export interface Place {
  address: string;
  userAgent: string;
}

/** Reduces a source to a network and a kind of program. A part that cannot be told is `unknown`. */
export const coarsePlace = ({ address, userAgent }: Source): Place => ({
  address: coarseAddress(address),
  userAgent: coarseUserAgent(userAgent),
});

/** The network of an address: 24 bits of IPv4 (`203.0.113.0/24`), 48 bits of IPv6 (`2001:db8:0::/48`). */
function coarseAddress(address: string | undefined): string {
  const plain = (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (isIP(plain) === 4) return plain.replace(/\.\d+$/, '.0/24');
  if (isIP(plain) !== 6) return 'unknown';
  // The URL parser writes an address in canonical form. A leading group that is missing before `::` is zero.
  const [head = ''] = new URL(`http://[${plain}]`).hostname.slice(1, -1).split('::');
  const groups = head.split(':');
  return `${[0, 1, 2].map((index) => groups[index] || '0').join(':')}::/48`;
}

const BROWSERS = [
  [/\bEdg\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bFirefox\//, 'Firefox'],
  [/\b(?:Chrome|Chromium|HeadlessChrome)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
] as const;
const SYSTEMS = [
  [/\bAndroid\b/, 'Android'],
  [/\b(?:iPhone|iPad)\b/, 'iOS'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bLinux\b/, 'Linux'],
] as const;

/** The kind of a program, without its version: `curl`, `Firefox on Linux`. */
function coarseUserAgent(userAgent: string | undefined): string {
  const text = userAgent ?? '';
  const find = (known: readonly (readonly [RegExp, string])[]) => known.find(([pattern]) => pattern.test(text))?.[1];
  if (text.startsWith('Mozilla/')) {
    const system = find(SYSTEMS);
    return `${find(BROWSERS) ?? 'A browser'}${system ? ` on ${system}` : ''}`;
  }
  // The name of the first product (RFC 9110, section 10.1.5). Text of more than 32 characters is not taken for a name.
  return /^[A-Za-z][\w.-]{0,31}(?=[/ (]|$)/.exec(text)?.[0] ?? 'unknown';
}
