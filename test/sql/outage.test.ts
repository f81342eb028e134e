import { expect, test } from 'vitest';
import { mintKey } from '../../server/auth/keySecret.ts';
import { tally } from '../helpers/atOnce.ts';
import { until } from '../helpers/instance.ts';
import { startOutageApp } from '../helpers/outage.ts';
import { testSecrets } from '../helpers/testApp.ts';

/**
 * Milliseconds. `LONGEST` is a limit for every answer on a busy machine, and `TYPICAL` a limit for half of the answers.
 */
const LONGEST = 5_000;
const TYPICAL = 2_000;

type OutageApp = Awaited<ReturnType<typeof startOutageApp>>;
interface Answer {
  path: string;
  status: number;
  retryAfter: string | null;
  begun: number;
  duration: number;
}

/** Calls the service in many ways without a pause until `stop`, which gives all answers. */
function startLoad({ app, key }: OutageApp) {
  const answers: Answer[] = [];
  let isStopped = false;
  const requests: [string, string, unknown?][] = [
    ['GET', '/api/contacts'],
    ['GET', '/api/keys/current'],
    ['POST', '/api/contacts', { name: 'Ada' }],
    ['POST', '/api/contacts/batch', [{ name: 'Ada', email: 'ada@example.com' }, { name: 'Bob' }]],
    ['POST', '/api/keys', { name: 'another' }],
    ['GET', '/trpc/contacts.list'],
    ['GET', '/readyz'],
    ['GET', '/livez'],
  ];
  const worker = async (turn: number) => {
    for (let n = turn; !isStopped; n++) {
      const [method, path, body] = requests[n % requests.length] as (typeof requests)[number];
      const begun = performance.now();
      const response = await app.request(path, {
        method,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      await response.text();
      const retryAfter = response.headers.get('retry-after');
      answers.push({ path, status: response.status, retryAfter, begun, duration: performance.now() - begun });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const workers = Array.from({ length: 32 }, (_, turn) => worker(turn));
  const stop = async () => {
    isStopped = true;
    await Promise.all(workers);
    return answers;
  };
  return {
    stop,
    /** Waits for `count` further answers. The time for the answers depends on the machine. */
    async answers(count: number) {
      const enough = answers.length + count;
      await until(() => answers.length >= enough, `${count} answers`);
    },
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

const statuses = (answers: Answer[]) => tally(answers.map(({ status }) => status));
const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Checks the answers of an outage: 503 with Retry-After, except for /livez, which needs no database. */
function expectAway(answers: Answer[]) {
  const [alive, rest] = [
    answers.filter(({ path }) => path === '/livez'),
    answers.filter(({ path }) => path !== '/livez'),
  ];
  expect(rest.length).toBeGreaterThan(20);
  expect(statuses(rest)).toEqual({ 503: rest.length });
  expect(rest.every(({ retryAfter }) => Number(retryAfter) >= 1)).toBe(true);
  expect(statuses(alive)).toEqual({ 200: alive.length });
}

test('While the database is away every answer is a 503, in time, and after it is back the service goes on', async () => {
  await using app = await startOutageApp();
  const unseen = (await app.call(app.key, 'POST', '/api/keys', { name: 'not used yet' })).body.data.key;
  await using load = startLoad(app);
  await load.answers(100);
  const killed = performance.now();
  await app.kill();
  const away = performance.now();
  await pause(2_000);
  for (const key of [unseen, mintKey(testSecrets()).key]) {
    const { status, headers } = await app.call(key, 'GET', '/api/contacts');
    expect([status, headers.get('www-authenticate')], 'a key that nobody can tell of').toEqual([503, null]);
  }
  const restarted = performance.now();
  await app.restart();
  const back = performance.now();
  await until(async () => (await app.call(app.key, 'GET', '/api/contacts')).status === 200, 'service');
  const served = performance.now();
  await load.answers(100);
  const answers = await load.stop();

  expect(served - back).toBeLessThan(LONGEST);
  expect(Math.max(...answers.map(({ duration }) => duration))).toBeLessThan(LONGEST);
  // No answer blames the key, the request or the service.
  expect(answers.filter(({ status }) => ![200, 201, 503].includes(status))).toEqual([]);
  const before = answers.filter(({ begun, duration }) => begun + duration < killed);
  expect(before.length).toBeGreaterThan(50);
  expect(before.filter(({ status }) => status >= 300)).toEqual([]);
  expectAway(answers.filter(({ begun, duration }) => begun > away && begun + duration < restarted));
  const during = answers.filter(({ begun }) => begun > killed && begun < restarted);
  expect(median(during.map(({ duration }) => duration))).toBeLessThan(TYPICAL);
  const after = answers.filter(({ begun }) => begun > served);
  expect(after.length).toBeGreaterThan(50);
  expect(after.filter(({ status }) => status >= 300)).toEqual([]);
});

test('A database that does not answer at all, as behind a dead network, is a 503 in time for every request', async () => {
  await using app = await startOutageApp();
  await using load = startLoad(app);
  await load.answers(100);
  const thaw = app.freeze();
  const frozen = performance.now();
  await pause(4_500);
  const thawed = performance.now();
  thaw();
  await until(async () => (await app.call(app.key, 'GET', '/api/contacts')).status === 200, 'service');
  const served = performance.now();
  const answers = await load.stop();

  expect(served - thawed).toBeLessThan(LONGEST);
  expect(Math.max(...answers.map(({ duration }) => duration))).toBeLessThan(LONGEST);
  expect(answers.filter(({ status }) => ![200, 201, 503].includes(status))).toEqual([]);
  expectAway(answers.filter(({ begun, duration }) => begun > frozen && begun + duration < thawed));
  const during = answers.filter(
    ({ begun, path }) => path !== '/livez' && begun > frozen && begun < thawed - LONGEST / 2,
  );
  expect(median(during.map(({ duration }) => duration))).toBeLessThan(1.25 * TYPICAL);
});
