import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { expect, inject, test, vi } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { listKeyPlaces } from '../../db/keyPlaces.ts';
import { recordKeyUses } from '../../db/keyUse.ts';
import { createLastUse } from '../../server/auth/lastUse.ts';
import { atOnce, tally } from '../helpers/atOnce.ts';
import { runAs } from '../helpers/database.ts';
import { startPeer, until } from '../helpers/instance.ts';
import { type TestApp, testApp, testSecrets } from '../helpers/testApp.ts';

const current = ['GET', '/api/keys/current'] as const;

/** Adds a trigger that runs `act` on each update of the key's row. Gives the function that removes the trigger. */
async function onWrite({ db }: TestApp, keyId: string, act: string) {
  const name = `act_${keyId.replaceAll('-', '_')}`;
  await sql`create function ${sql.ref(name)}() returns trigger language plpgsql security definer as
    ${sql.lit(`begin ${act}; return null; end`)}`.execute(db.root);
  await sql`create trigger ${sql.ref(name)} after update on api_keys for each row when (new.id = ${sql.lit(keyId)})
    execute function ${sql.ref(name)}()`.execute(db.root);
  return async () => void (await sql`drop trigger ${sql.ref(name)} on api_keys`.execute(db.root));
}

/** Counts the writes to a key's row from now on. */
async function countWrites(app: TestApp, keyId: string) {
  await sql`create table if not exists writes (key_id uuid)`.execute(app.db.root);
  await onWrite(app, keyId, 'insert into writes values (new.id)');
  return async () => {
    const { rows } = await sql<{ count: number }>`
      select count(*)::int as count from writes where key_id = ${keyId}`.execute(app.db.root);
    return rows[0]?.count ?? 0;
  };
}

const read = async (app: TestApp, id: string) =>
  (await app.api(app.one.key, 'GET', `/api/keys/${id}`)).body.data.lastUsedAt as string | null;
const clockOf = async ({ db }: TestApp) => {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db.root);
  return rows[0]?.now as Date;
};

test('The first use of a key is recorded at once, and 1,000 more within the minute write nothing', async () => {
  await using app = await testApp();
  const { apiKey, key } = await app.issue(app.one.id);
  expect(await read(app, apiKey.id)).toBeNull();
  const writes = await countWrites(app, apiKey.id);

  expect((await app.api(key, ...current)).status).toBe(200);
  await until(async () => (await read(app, apiKey.id)) !== null, 'the first use');
  for (let round = 0; round < 4; round++) {
    const answers = await atOnce(256, () => app.api(key, ...current));
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 256 });
  }
  expect(await writes()).toBe(1);
});

test('Later uses are written once an interval and an instance, and no use is lost', async () => {
  await using app = await testApp();
  await using peer = await startPeer(app);
  const interval = 500;
  for (const { deps, db } of [app, peer]) deps.lastUse = createLastUse({ db, log: deps.log, interval });
  const { apiKey, key } = await app.issue(app.one.id);
  const writes = await countWrites(app, apiKey.id);
  const start = performance.now();
  while (performance.now() - start < 4 * interval) {
    await app.api(key, ...current);
    await peer.call(key, ...current);
    // Timers need a turn of the event loop, and the embedded database answers without a turn.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const intervals = (performance.now() - start) / interval;
  const last = await clockOf(app);
  const written = await writes();
  expect(written).toBeGreaterThanOrEqual(3);
  expect(written).toBeLessThanOrEqual(2 * (intervals + 1));

  await app.deps.lastUse.flush();
  const recorded = new Date((await read(app, apiKey.id)) as string);
  expect(Math.abs(recorded.getTime() - last.getTime())).toBeLessThan(2 * interval);
});

test('The last use never goes back, and is never later than the clock of the database', async () => {
  await using app = await testApp();
  const organizationId = app.one.id;
  const { apiKey, key } = await app.issue(organizationId);
  const before = await clockOf(app);
  expect((await app.api(key, ...current)).status).toBe(200);
  await until(async () => (await read(app, apiKey.id)) !== null, 'the first use');
  const recorded = (await read(app, apiKey.id)) as string;
  // The recorded time may be a millisecond early, by rounding.
  expect(new Date(recorded).getTime()).toBeGreaterThanOrEqual(before.getTime() - 1);
  expect(new Date(recorded).getTime()).toBeLessThanOrEqual((await clockOf(app)).getTime());

  const tenant = asOperator(app.db, organizationId);
  await recordKeyUses(tenant, { organizationId, uses: [{ keyId: apiKey.id, millisecondsAgo: 3_600_000 }] });
  expect(await read(app, apiKey.id)).toBe(recorded);
  const uses = Array.from({ length: 20 }, (_, index) => ({ keyId: apiKey.id, millisecondsAgo: 60_000 * (20 - index) }));
  await Promise.all(uses.map((use) => recordKeyUses(tenant, { organizationId, uses: [use] })));
  expect(await read(app, apiKey.id)).toBe(recorded);
});

test('A key that is in use is recorded again within a minute', async () => {
  await using app = await testApp();
  const timers = vi.spyOn(globalThis, 'setTimeout');
  /** The delays, in milliseconds, of all timers that are set while the use of a key is noted. */
  const delaysOf = async (more: { interval?: number }) => {
    const { apiKey } = await app.issue(app.one.id);
    const lastUse = createLastUse({ db: app.db, log: app.deps.log, ...more });
    timers.mockClear();
    lastUse.note(
      { organizationId: app.one.id, keyId: apiKey.id, name: apiKey.id, digests: [] },
      { address: undefined, userAgent: undefined },
    );
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    const delays = timers.mock.calls.map(([, delay]) => Number(delay));
    await lastUse.flush();
    return delays;
  };
  try {
    // A timer with the interval's delay records the use.
    expect(await delaysOf({ interval: 54_321 })).toContain(54_321);
    const delays = await delaysOf({});
    expect(delays.length).toBeGreaterThan(0);
    expect(Math.max(...delays)).toBeLessThanOrEqual(60_000);
  } finally {
    timers.mockRestore();
  }
});

test('A use that could not be recorded is recorded later', async () => {
  await using app = await testApp();
  app.deps.lastUse = createLastUse({ db: app.db, log: app.deps.log, interval: 200 });
  const { apiKey, key } = await app.issue(app.one.id);
  const allow = await onWrite(app, apiKey.id, "raise 'not now'");
  expect((await app.api(key, ...current)).status).toBe(200);
  await until(() => app.logs.some((line) => line.includes('not recorded yet')), 'a failure to record');
  await allow();
  await until(async () => (await read(app, apiKey.id)) !== null, 'the use');
});

/** The places that are kept for a key's uses, by address, latest first. */
const placesOf = async (app: TestApp, id: string) => {
  const tenant = asOperator(app.db, app.one.id);
  return (await listKeyPlaces(tenant, { organizationId: app.one.id, id })).map(({ address }) => address);
};
const countPlaces = async (app: TestApp, id: string) => {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from api_key_places where api_key_id = ${id}`.execute(asOperator(app.db, app.one.id));
  return rows[0]?.count;
};

test('A key that is used from A, from B and from A again within an interval has both places', async () => {
  await using app = await testApp({ choices: { trustProxy: true } });
  const { apiKey, key } = await app.issue(app.one.id);
  const callFrom = async (address: string) =>
    expect((await app.api(key, ...current, undefined, { 'x-forwarded-for': address })).status).toBe(200);
  await callFrom('192.0.2.1');
  await until(async () => (await read(app, apiKey.id)) !== null, 'the first use');
  const addresses = ['192.0.2.1', '198.51.100.1', '203.0.113.1', '198.51.100.2', '192.0.2.2'];
  let begun = await clockOf(app);
  for (const address of addresses) {
    // Places are listed by the time of their last use, in whole milliseconds: each use gets a millisecond of its own.
    await pause(5);
    begun = await clockOf(app);
    await callFrom(address);
  }
  await app.deps.lastUse.flush();
  expect(await placesOf(app, apiKey.id)).toEqual(['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24']);
  const used = new Date((await read(app, apiKey.id)) as string);
  expect(used.getTime()).toBeGreaterThanOrEqual(begun.getTime());
  expect(used.getTime()).toBeLessThanOrEqual((await clockOf(app)).getTime());
});

const address = (n: number) => `${1 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}.7`;

test('A key that is used from many places is recorded before its interval is over, and no place is lost', async () => {
  await using app = await testApp();
  const { apiKey } = await app.issue(app.one.id);
  const key = { organizationId: app.one.id, keyId: apiKey.id, name: apiKey.id, digests: [] };
  const lastUse = createLastUse({ db: app.db, log: app.deps.log });
  const note = (n: number) => lastUse.note(key, { address: address(n), userAgent: 'curl/8.5.0' });
  note(0);
  await until(async () => (await countPlaces(app, apiKey.id)) === 1, 'the first use');
  for (let n = 0; n < 1_200; n++) note(n);
  await until(async () => (await countPlaces(app, apiKey.id)) === 1_200, 'all places, within the interval');
  for (let n = 1_200; n < 1_300; n++) note(n);
  await lastUse.flush();
  expect(await countPlaces(app, apiKey.id)).toBe(1_300);
});

test('Places that could not be recorded are recorded later; past 10,000 the oldest are lost, and the log says so', async () => {
  await using app = await testApp();
  const { apiKey } = await app.issue(app.one.id);
  const key = { organizationId: app.one.id, keyId: apiKey.id, name: apiKey.id, digests: [] };
  const lastUse = createLastUse({ db: app.db, log: app.deps.log });
  const allow = await onWrite(app, apiKey.id, "raise 'not now'");
  const lost = () => app.logs.filter((line) => line.includes('is lost')).length;
  for (let n = 0; n < 10_000; n++) lastUse.note(key, { address: address(n), userAgent: undefined });
  await lastUse.flush();
  expect(app.logs.filter((line) => line.includes('not recorded yet')).length).toBeGreaterThan(0);
  expect(lost()).toBe(0);
  for (let n = 9_999; n < 10_003; n++) lastUse.note(key, { address: address(n), userAgent: undefined });
  expect(lost()).toBe(3);
  expect(await countPlaces(app, apiKey.id)).toBe(0);
  await allow();
  await lastUse.flush();
  expect(await countPlaces(app, apiKey.id)).toBe(10_000);
});

/** Runs `work` while another connection holds the locks of `statement`. */
const locked = async (app: TestApp, statement: string, work: (waiting: () => Promise<number>) => Promise<void>) => {
  const [{ default: pg }, url] = [await import('pg'), app.adminUrl as string];
  const client = new pg.Client(url);
  await client.connect();
  const waiting = async () => {
    const [answer] = await runAs(url, [
      `select count(*)::int as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    ]);
    return answer?.rows[0].count as number;
  };
  try {
    await client.query('begin');
    await client.query(statement);
    await work(waiting);
    await client.query('rollback');
  } finally {
    await client.end();
  }
};

if (inject('database').kind !== 'embedded') {
  test('256 clients on one key do not queue on its row: while it is locked they are answered, and one write waits', async () => {
    await using app = await testApp();
    const { apiKey, key } = await app.issue(app.one.id);
    await locked(app, `select from api_keys where id = '${apiKey.id}' for update`, async (waiting) => {
      const answers = await atOnce(256, () => app.api(key, ...current));
      expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 256 });
      expect(await waiting()).toBeLessThanOrEqual(1);
    });
  });

  test('256 clients on a key that is to be re-digested do not queue on its secret: one write waits', async () => {
    const [older, newer] = testSecrets(2);
    await using app = await testApp({ keySecrets: [older] });
    await using next = await startPeer(app, [newer as typeof older, older]);
    const { apiKey, key } = await app.issue(app.one.id);
    await locked(app, `select from api_key_secrets where api_key_id = '${apiKey.id}' for update`, async (waiting) => {
      const answers = await atOnce(256, () => next.call(key, ...current));
      expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 256 });
      expect(await waiting()).toBeLessThanOrEqual(1);
    });
  });
}
