import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { readAddress } from '../../shared/addresses.ts';
import { withoutZone } from '../auth/address.ts';

/** Milliseconds in which at most a single line of the log tells of refused connections. */
const TELL_EVERY = 60_000;

/** Resets each connection beyond the first `most` connections that an address has open, before a byte is read. */
export function capConnections(server: Server, { most, log }: { most: number; log: Logger }) {
  const open = new Map<string, number>();
  let toldAt = Number.NEGATIVE_INFINITY;
  // This listener comes before Node's own listener, which then finds a connection that is closed.
  server.prependListener('connection', (socket: Socket) => {
    const address = countedAddress(socket.remoteAddress);
    const before = open.get(address) ?? 0;
    if (before < most) {
      open.set(address, before + 1);
      socket.once('close', () => {
        const left = (open.get(address) ?? 0) - 1;
        if (left > 0) open.set(address, left);
        else open.delete(address);
      });
      return;
    }
    socket.resetAndDestroy();
    if (performance.now() - toldAt < TELL_EVERY) return;
    toldAt = performance.now();
    log.warn({ address, most }, 'connections of an address are refused');
  });
}

/**
 * The address under which a connection counts. The IPv6 addresses that share 64 bits count together, as a single customer
 * of a provider has all of them: `2001:db8::1` → `2001:db8:0:0::/64`.
 */
function countedAddress(peer: string | undefined): string {
  const read = readAddress(withoutZone(peer ?? ''));
  // A connection that ended before its turn has no address.
  if (!read) return 'unknown';
  if (read.bits === 8) return read.groups.join('.');
  const network = read.groups.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(':')}::/64`;
}
