import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { readConfig } from '../../server/start/config.ts';
import { issueKey, setUpOrganization } from '../../server/start/setup.ts';
import { openStore } from '../../server/start/store.ts';
import { firstKey } from '../helpers/firstKey.ts';
import { until } from '../helpers/instance.ts';
import { makePlace, openSocket, parseAnswer, startService } from '../helpers/service.ts';

const PATIENCE = { timeout: 180_000 };
/**
 * Every test below asks for the exit status 0. That says that the service ended within its 10 seconds: past them
 * close-with-grace ends the process with the status 1.
 */
const DATABASES = ['postgres', 'embedded'] as const;

type Service = Awaited<ReturnType<typeof startService>>;

/** The status of /readyz, on a connection of its own. */
async function readiness({ address }: Service) {
  const { send, closed } = openSocket(address);
  send('GET /readyz HTTP/1.1\r\nHost: introzy.test\r\nConnection: close\r\n\r\n');
  return parseAnswer(await closed).status;
}

test.concurrent.each(DATABASES)(
  'On SIGTERM the service turns away, finishes what is open, records last uses and calls, and ends well (%s)',
  PATIENCE,
  async (kind) => {
    await using place = await makePlace(kind);
    await using service = await startService(place.environment);
    const key = await firstKey(service, place.environment);
    // The first use, recorded at once; a later one is not, for a minute.
    let calls = 0;
    const used = async () => {
      calls += 1;
      return (await service.call(key, 'GET', '/api/keys/current')).body.data.lastUsedAt;
    };
    await until(async () => (await used()) !== null, 'the first use');
    const firstUse = new Date(await used());
    expect(await readiness(service)).toBe(200);

    const body = JSON.stringify({ name: 'Slow', notes: 'x'.repeat(2_000) });
    const slow = openSocket(service.address);
    slow.send(
      `POST /api/contacts HTTP/1.1\r\nHost: introzy.test\r\nAuthorization: Bearer ${key}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 1_000)}`,
    );
    // One that is only kept alive must not hold the end up.
    const idle = openSocket(service.address);
    idle.send('GET /livez HTTP/1.1\r\nHost: introzy.test\r\n\r\n');
    await until(() => idle.received() !== '', 'the service reads');

    service.child.kill('SIGTERM');
    const seen: number[] = [];
    await until(async () => seen.push(await readiness(service)) > 0 && seen.at(-1) !== 200, 'readyz turns');
    expect(seen.at(-1)).toBe(503);
    // A draining service still serves new requests. Without a flush at the end this use would not be recorded.
    const midway = new Date();
    expect((await service.call(key, 'GET', '/api/contacts')).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(service.child.exitCode).toBeNull();
    slow.send(body.slice(1_000));

    const answer = parseAnswer(await slow.closed);
    expect(answer.status).toBe(201);
    expect(JSON.parse(answer.body).data.name).toBe('Slow');
    const { code, signal, stderr } = await service.exit;
    expect([code, signal, stderr]).toEqual([0, null, '']);

    await using next = await startService(place.environment);
    // The slow call, which ended last, and the call midway are counted as well.
    const { keys } = (await next.call(key, 'GET', '/api/keys/usage')).body.data;
    expect(keys[0].total).toEqual({ ok: calls + 2, clientError: 0, limited: 0, failed: 0 });
    const current = (await next.call(key, 'GET', '/api/keys/current')).body.data;
    const lastUse = new Date(current.lastUsedAt);
    expect(lastUse.getTime()).toBeGreaterThan(firstUse.getTime());
    expect(lastUse.getTime()).toBeGreaterThanOrEqual(midway.getTime());
    expect((await next.call(key, 'GET', '/api/contacts?search=slow')).body.data).toHaveLength(1);
  },
);

test.concurrent.each(DATABASES)(
  'A request that never ends does not keep the service from ending well, within 10 seconds (%s)',
  PATIENCE,
  async (kind) => {
    await using place = await makePlace(kind);
    await using service = await startService(place.environment);
    const key = await firstKey(service, place.environment);
    const stuck = openSocket(service.address);
    stuck.send(
      `POST /api/contacts HTTP/1.1\r\nHost: introzy.test\r\nAuthorization: Bearer ${key}\r\n` +
        `Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    );
    expect((await service.call(key, 'GET', '/api/contacts')).status).toBe(200);
    service.child.kill('SIGTERM');
    const { code, stdout } = await service.exit;
    expect(code).toBe(0);
    expect(stdout).toContain('the service has ended');
  },
);

/** A key of a new organization with three more keys, which expire so soon that notices of that are due. */
async function makeNoticesDue(environment: Record<string, string>) {
  const store = await openStore(readConfig(environment), 'commands');
  try {
    const { db, keySecrets } = store;
    const made = await setUpOrganization(db, keySecrets, { name: 'Soon', email: 'soon@example.com' });
    if (!made) throw new Error('The organization exists');
    const { id: organizationId } = made.organization;
    const { createdBy: issuedBy } = made.issued.apiKey;
    for (const name of ['one', 'two', 'three']) {
      await issueKey(asOperator(db, organizationId), keySecrets, { organizationId, name, issuedBy, expiresInDays: 3 });
    }
    return made.issued.key;
  } finally {
    await store.close();
  }
}

/** A mail server that takes connections and says nothing. */
async function startMuteServer() {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    sockets,
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test.concurrent.each(DATABASES)(
  'Where a mail server says nothing as the service ends, last uses are recorded all the same, and it ends well (%s)',
  PATIENCE,
  async (kind) => {
    await using place = await makePlace(kind);
    await using mute = await startMuteServer();
    const key = await makeNoticesDue(place.environment);
    await using service = await startService({ ...place.environment, SMTP_URL: mute.url });
    const used = async () => (await service.call(key, 'GET', '/api/keys/current')).body.data.lastUsedAt;
    await until(async () => (await used()) !== null, 'the first use');
    await until(() => mute.sockets.length > 0, 'a notice on its way');
    const last = new Date();
    expect((await service.call(key, 'GET', '/api/contacts')).status).toBe(200);
    service.child.kill('SIGTERM');
    const { code, signal, stderr } = await service.exit;
    expect([code, signal, stderr]).toEqual([0, null, '']);
    // No other notice was begun.
    expect(mute.sockets).toHaveLength(1);

    await using next = await startService(place.environment);
    const { lastUsedAt } = (await next.call(key, 'GET', '/api/keys/current')).body.data;
    expect(new Date(lastUsedAt).getTime()).toBeGreaterThanOrEqual(last.getTime());
    // Without SMTP a notice goes to the log: at once those that nobody had begun to send.
    const sent = () => next.output().match(/"msg":"mail is not set up/g)?.length;
    await until(() => sent() === 2, 'the other notices');
  },
);
