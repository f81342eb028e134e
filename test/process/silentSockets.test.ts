import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { firstKey } from '../helpers/firstKey.ts';
import { until } from '../helpers/instance.ts';
import { makePlace, openSocket, parseAnswer, startService } from '../helpers/service.ts';

const SILENT = 3_000;
/** Seconds within which a connection that sends no request is gone, and within which every slow connection is gone. */
const GONE = 25;
const ALL_GONE = 70;

type Service = Awaited<ReturnType<typeof startService>>;

/** Opens a connection that sends `text`, reads unless told, and never closes its own half. */
async function openHalf({ address }: Service, { text = '', reads = true } = {}): Promise<Socket> {
  const { hostname, port } = new URL(address);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  if (reads) socket.resume();
  socket.write(text);
  return socket;
}

const countSockets = ({ pid }: Service) =>
  readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;

/** The status of /livez on a new connection. */
async function liveness({ address }: Service) {
  const { send, closed } = openSocket(address);
  send('GET /livez HTTP/1.1\r\nHost: introzy.test\r\nConnection: close\r\n\r\n');
  return parseAnswer(await closed).status;
}

/** Asks for /livez until the number of the service's sockets is `count`. */
async function untilLeft(service: Service, count: number, seconds: number) {
  const left = async () => {
    expect(await liveness(service)).toBe(200);
    return countSockets(service) <= count;
  };
  await until(left, `${count} sockets are left`, seconds);
}

// Linux lists a process's sockets in /proc.
if (existsSync('/proc/self/fd')) {
  test('3,000 silent connections that never close are gone after 25 seconds, and /livez answers meanwhile', {
    timeout: 120_000,
  }, async () => {
    await using place = await makePlace('embedded');
    await using service = await startService(place.environment);
    await liveness(service);
    const before = countSockets(service);
    const sockets: Socket[] = [];
    while (sockets.length < SILENT) {
      sockets.push(...(await Promise.all(Array.from({ length: 100 }, () => openHalf(service)))));
    }
    const came = performance.now();
    // On a slow machine the first are gone before the last have come.
    expect(countSockets(service)).toBeGreaterThan(before + SILENT / 2);
    await untilLeft(service, before, GONE);
    expect((performance.now() - came) / 1000).toBeLessThan(GONE);
    for (const socket of sockets) socket.destroy();
  });

  test('Slow connections of every kind are gone after 70 seconds, whether they close their half or not', {
    timeout: 180_000,
  }, async () => {
    await using place = await makePlace('embedded');
    await using service = await startService(place.environment);
    const key = await firstKey(service, place.environment);
    const before = countSockets(service);
    const get = 'GET /livez HTTP/1.1\r\nHost: introzy.test\r\n';
    const post = (path: string, headers: string, sender = key) =>
      `POST ${path} HTTP/1.1\r\nHost: introzy.test\r\nAuthorization: Bearer ${sender}\r\n` +
      `Content-Type: application/json\r\n${headers}\r\n\r\n`;
    const rows = JSON.stringify(Array.from({ length: 20 }, () => ({ name: 'Long', notes: 'x'.repeat(50_000) })));
    for (let batch = 0; batch < 4; batch++) {
      const { send, closed } = openSocket(service.address);
      send(post('/api/contacts/batch', `Connection: close\r\nContent-Length: ${rows.length}`) + rows);
      expect(parseAnswer(await closed).status).toBe(200);
    }
    const kinds = [
      { text: 'GET /li' },
      { text: `${get}X-Slow: ` },
      { text: `${post('/api/contacts', 'Content-Length: 14')}{"name"` },
      { text: `${post('/api/contacts', 'Transfer-Encoding: chunked')}5\r\n{"n` },
      { text: `${post('/api/contacts', 'Content-Length: 14', 'unknown')}{"name"` },
      { text: `${get}\r\nGET /li` },
      // Answered, and ended by the service; the other half stays open.
      { text: `${get}Connection: close\r\n\r\n` },
      { text: 'GET /livez HTTP/1.0\r\n\r\n' },
      { text: `${get}Expect: foo\r\n\r\n` },
      { text: 'no HTTP\r\n\r\n' },
      { text: `${get}X-Large: ${'x'.repeat(70_000)}` },
      // Asks for more pages of 4 MB than the system's buffers hold, and reads nothing.
      {
        text: `GET /api/contacts?limit=200 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${key}\r\n\r\n`.repeat(5),
        reads: false,
      },
    ];
    const sockets = await Promise.all(
      kinds.flatMap((kind) => Array.from({ length: 10 }, () => openHalf(service, kind))),
    );
    // Sockets that go on sending after their answer, and never end.
    const trickling = await Promise.all(
      ['no HTTP\r\n\r\n', `${get}X-Slow: `].map((text) => openHalf(service, { text })),
    );
    const trickle = setInterval(() => {
      for (const socket of trickling) socket.write('x');
    }, 200);
    await untilLeft(service, before, ALL_GONE);
    clearInterval(trickle);
    for (const socket of [...sockets, ...trickling]) socket.destroy();
  });

  test('An address has as many connections as the setting says; further ones are reset, until one ends', async () => {
    await using place = await makePlace('embedded');
    await using service = await startService({ ...place.environment, INTROZY_CONNECTIONS_PER_ADDRESS: '5' });
    const open = await Promise.all(Array.from({ length: 5 }, () => openHalf(service)));
    await until(() => open.every((socket) => socket.readyState === 'open'), 'five connections');
    for (let attempt = 0; attempt < 20; attempt++) {
      const refused = openSocket(service.address);
      refused.send('GET /livez HTTP/1.1\r\nHost: introzy.test\r\nConnection: close\r\n\r\n');
      expect(await refused.closed).toBe('');
    }
    open.pop()?.destroy();
    await until(async () => (await liveness(service)) === 200, 'a place is free');
    expect(open.every((socket) => socket.readyState === 'open')).toBe(true);
    await until(() => service.output().includes('connections of an address are refused'), 'a line in the log');
    const lines = service
      .output()
      .split('\n')
      .filter((line) => line.includes('connections of an address are refused'));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: 40, address: '127.0.0.1', most: 5 }]);
    for (const socket of open) socket.destroy();
  });

  test('Behind a trusted proxy no address is bounded, as every connection is the proxy’s', async () => {
    await using place = await makePlace('embedded');
    const settings = { INTROZY_CONNECTIONS_PER_ADDRESS: '5', TRUST_PROXY: 'true' };
    await using service = await startService({ ...place.environment, ...settings });
    const open = await Promise.all(Array.from({ length: 20 }, () => openHalf(service)));
    expect(await liveness(service)).toBe(200);
    for (const socket of open) socket.destroy();
  });
}
