import { isIP } from 'node:net';

/** Where a request comes from, as it says itself. */
export interface Source {
  address: string | undefined;
  userAgent: string | undefined;
}

/** As much of a source as is worth keeping. */
export interface Place {
  address: string;
  userAgent: string;
}

export const coarsePlace = ({ address, userAgent }: Source): Place => ({
  address: coarseAddress(address),
  userAgent: coarseUserAgent(userAgent),
});

/** A network: of an IPv4 address its first 24 bits, of an IPv6 address its first 48. */
function coarseAddress(address: string | undefined): string {
  const plain = (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (isIP(plain) === 4) return plain.replace(/\.\d+$/, '.0/24');
  if (isIP(plain) !== 6) return 'unknown';
  // The URL parser writes an address in its one canonical form; leading groups are there unless zeros begin it.
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

/** A kind of program, without its version: `curl`, `Firefox on Linux`. */
function coarseUserAgent(userAgent: string | undefined): string {
  const text = userAgent ?? '';
  const find = (known: readonly (readonly [RegExp, string])[]) => known.find(([pattern]) => pattern.test(text))?.[1];
  if (text.startsWith('Mozilla/')) {
    const system = find(SYSTEMS);
    return `${find(BROWSERS) ?? 'A browser'}${system ? ` on ${system}` : ''}`;
  }
  // The first product (RFC 9110, section 10.1.5), if it is no longer than such a name is.
  return /^[A-Za-z][\w.-]{0,31}(?=[/ (]|$)/.exec(text)?.[0] ?? 'unknown';
}
