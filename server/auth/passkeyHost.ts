import { isIP } from 'node:net';

/**
 * The host name that the service's passkeys belong to; `undefined` where `publicUrl` has an IP address, to which no
 * passkey can belong (Web Authentication, section 5.1.3: an effective domain).
 */
export function findPasskeyHost(publicUrl: string): string | undefined {
  const { hostname } = new URL(publicUrl);
  return /^[a-z\d.-]+$/.test(hostname) && isIP(hostname) === 0 ? hostname : undefined;
}
