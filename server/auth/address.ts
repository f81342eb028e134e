import { canonicalAddress } from '../../shared/addresses.ts';

interface Parts {
  /** The peer's address, as the connection knows it. */
  peer: string | undefined;
  /** The header `X-Forwarded-For`; `null` where there is none, or where no proxy's word is taken. */
  forwardedFor: string | null;
}

/**
 * The caller's address in canonical form: the last entry of `X-Forwarded-For`, which a proxy of ours put there, else the
 * peer's. Where the last entry is no address, as `unknown`, the caller's address is not known: neither the proxy's own
 * address nor an earlier entry, which the caller may have invented, stands for the caller.
 */
export function callerAddress({ peer, forwardedFor }: Parts): string | undefined {
  const entry = forwardedFor?.trim() ? forwardedFor.split(',').at(-1) : peer;
  return entry === undefined ? undefined : readEntry(entry);
}

/** `[2001:db8::1]:443`, `2001:db8::1`, `192.0.2.1:443` or `192.0.2.1`. */
const ENTRY = /^(?:\[(?<inBrackets>[\da-f:.]+(?:%[^\]]+)?)\]|(?<plain>[^[\]]*?))(?::(?<port>\d{1,5}))?$/i;

/** The address in an entry, without quotes, brackets, a port and a zone: `"[fe80::1%eth0]:443"` → `fe80::1`. */
function readEntry(entry: string): string | undefined {
  const text = entry
    .trim()
    .replace(/^"(.*)"$/, '$1')
    .trim();
  // Without brackets a last group of IPv6 looks like a port: the whole text is tried first.
  const whole = canonicalAddress(withoutZone(text));
  if (whole !== undefined) return whole;
  const { inBrackets, plain = '', port = '0' } = ENTRY.exec(text)?.groups ?? {};
  if (Number(port) > 65_535) return undefined;
  if (inBrackets !== undefined) return inBrackets.includes(':') ? canonicalAddress(withoutZone(inBrackets)) : undefined;
  return plain.includes(':') ? undefined : canonicalAddress(plain);
}

/** IPv6 without the zone, the name of an interface of the machine that wrote the address: `fe80::1%eth0` → `fe80::1`. */
const withoutZone = (text: string) => (text.includes(':') ? text.replace(/%[^%\s]+$/, '') : text);
