import { pino } from 'pino';
import { expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../server/start/config.ts';
import { openLimiters } from '../../server/start/rates.ts';
import { firstKey } from '../helpers/firstKey.ts';
import { until } from '../helpers/instance.ts';
import { startRedis } from '../helpers/redis.ts';
import { makePlace, startService } from '../helpers/service.ts';

const PATIENCE = { timeout: 180_000 };
/** With characters that an address escapes. */
const PASSWORD = 'canary of Redis/50%!';
const urlOf = (port: number, password = PASSWORD) => `redis://:${encodeURIComponent(password)}@127.0.0.1:${port}/3`;
const AWAY = /"level":40.*Redis is away/;
const BACK = /"level":30.*Redis is back/;

type Service = Awaited<ReturnType<typeof startService>>;
const linesOf = ({ output }: Pick<Service, 'output'>, line: RegExp) =>
  output()
    .split('\n')
    .filter((each) => line.test(each)).length;

/** Makes a call, and gives the number of calls that are left, with the milliseconds that the call took. */
async function call({ address }: Service, key: string) {
  const begun = performance.now();
  const answer = await fetch(`${address}/api/keys/current`, { headers: { authorization: `Bearer ${key}` } });
  const took = performance.now() - begun;
  await answer.json();
  return { status: answer.status, left: Number(/r=(\d+)/.exec(answer.headers.get('ratelimit') ?? '')?.[1]), took };
}

/** Makes a call at each of the services in turn, and gives the calls that were left each time. */
async function turns(services: Service[], key: string, count: number) {
  const left = [];
  for (let turn = 0; turn < count; turn++) {
    const answer = await call(services[turn % services.length] as Service, key);
    expect(answer.status).toBe(200);
    left.push(answer.left);
  }
  return left;
}

test(
  'Instances count together in Redis, go on in memory while Redis is away, and then count together again',
  PATIENCE,
  async () => {
    await using redis = await startRedis({ password: PASSWORD });
    await using place = await makePlace('postgres');
    const environment = { ...place.environment, INTROZY_RATE_LIMIT: '100', REDIS_URL: urlOf(redis.port) };
    await using first = await startService(environment);
    await using second = await startService(environment);
    const services = [first, second];
    const key = await firstKey(first, place.environment);

    expect(await turns(services, key, 6)).toEqual([99, 98, 97, 96, 95, 94]);

    await redis.kill();
    // Each instance counts from the beginning.
    expect(await turns(services, key, 6)).toEqual([99, 99, 98, 98, 97, 97]);
    await until(() => services.every((service) => linesOf(service, AWAY) === 1), 'both say that Redis is away');
    await redis.restart();
    await until(() => services.every((service) => linesOf(service, BACK) === 1), 'both say that Redis is back');
    expect(await turns(services, key, 4)).toEqual([99, 98, 97, 96]);

    redis.stop();
    const stalled = await call(first, key);
    expect(stalled.status).toBe(200);
    let together = 0;
    for (let turn = 0; turn < 10; turn++) {
      const { status, took } = await call(first, key);
      expect(status).toBe(200);
      together += took;
    }
    // The first call alone waits: ten waits would take ten times as long.
    expect(together).toBeLessThan(5 * stalled.took);
    // As long as without Redis for a new connection too, which a server that stands still takes but does not answer.
    await until(() => linesOf(first, AWAY) === 2, 'it says that Redis is away');
    const waits = await Promise.all(Array.from({ length: 10 }, () => call(first, key)));
    for (const { status, took } of waits) expect([status, took < 5 * stalled.took]).toEqual([200, true]);
    redis.resume();
    await until(() => linesOf(first, BACK) === 2, 'it says that Redis is back');
    const [before, after] = await turns(services, key, 2);
    expect(after).toBe((before as number) - 1);

    for (const service of services) {
      service.child.kill('SIGTERM');
      const { code, stdout, stderr } = await service.exit;
      expect([code, stderr]).toEqual([0, '']);
      for (const text of [PASSWORD, encodeURIComponent(PASSWORD)]) expect(stdout).not.toContain(text);
    }
    expect([linesOf(first, AWAY), linesOf(first, BACK)]).toEqual([2, 2]);
  },
);

test.concurrent.each([
  ['is away', () => urlOf(1)],
  ['refuses the password', (port: number) => urlOf(port, `not the ${PASSWORD}`)],
  ['asks for a password', (port: number) => `redis://127.0.0.1:${port}`],
])('A service starts, and counts in memory, where Redis %s', PATIENCE, async (_, url) => {
  await using redis = await startRedis({ password: PASSWORD });
  await using place = await makePlace('embedded');
  const REDIS_URL = url(redis.port);
  await using service = await startService({ ...place.environment, INTROZY_RATE_LIMIT: '100', REDIS_URL });
  const key = await firstKey(service, place.environment);
  expect(await turns([service], key, 3)).toEqual([99, 98, 97]);
  // Redis is tried again and again; the log says so once.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect([linesOf(service, AWAY), linesOf(service, BACK)]).toEqual([1, 0]);
  service.child.kill('SIGTERM');
  const { code, stdout, stderr } = await service.exit;
  expect([code, stderr]).toEqual([0, '']);
  for (const text of [PASSWORD, encodeURIComponent(PASSWORD)]) expect(stdout).not.toContain(text);
});

/** The limiters of an instance, with the instance's log. */
async function openInstance(port: number) {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const rates = { rateLimit: 10, organizationRateLimit: 20, redisUrl: urlOf(port) };
  const limiters = await openLimiters(rates, log);
  return { ...limiters, output: () => lines.join(''), [Symbol.dispose]: limiters.close };
}

test('Attempts to sign in are counted together in Redis, and a pause holds on every instance', PATIENCE, async () => {
  await using redis = await startRedis({ password: PASSWORD });
  using one = await openInstance(redis.port);
  using other = await openInstance(redis.port);
  await one.signInFailures.penalty('a');
  expect((await other.signInFailures.penalty('a')).consumedPoints).toBe(2);
  await one.signInPauses.consume('a', 1, { customDuration: 900 });
  const refused = await other.signInPauses.consume('a', 1, { customDuration: 900 }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ msBeforeNext: expect.any(Number) });
  expect((refused as { msBeforeNext: number }).msBeforeNext).toBeGreaterThan(800_000);
  await Promise.all([other.signInFailures.delete('a'), other.signInPauses.delete('a')]);
  await redis.operator.select(3);
  expect(await redis.operator.keys('*')).toEqual([]);
  await one.signInPauses.consume('a', 1, { customDuration: 900 });
});

test('Redis keeps counts for a minute, under the prefix introzy:rate', PATIENCE, async () => {
  await using redis = await startRedis({ password: PASSWORD });
  using one = await openInstance(redis.port);
  using other = await openInstance(redis.port);
  for (const limiter of ['rateLimiter', 'organizationRateLimiter'] as const) {
    await one[limiter].penalty('a', 3);
    expect((await other[limiter].penalty('a', 4)).consumedPoints).toBe(7);
    await other[limiter].reward('a', 2);
    expect((await one[limiter].penalty('a', 0)).consumedPoints).toBe(5);
  }
  await redis.operator.select(3);
  const keys = (await redis.operator.keys('*')).sort();
  expect(keys).toEqual(['introzy:rate:a', 'introzy:rate:organization:a']);
  for (const key of keys) {
    const seconds = await redis.operator.ttl(key);
    expect([seconds > 0, seconds <= 60]).toEqual([true, true]);
  }
});

test('Where Redis answers with an error, calls are counted in memory, and the log says so once', PATIENCE, async () => {
  await using redis = await startRedis({ password: PASSWORD });
  using instance = await openInstance(redis.port);
  const { rateLimiter } = instance;
  expect((await rateLimiter.penalty('a', 3)).consumedPoints).toBe(3);
  // Redis takes no write.
  await redis.operator.config('SET', 'maxmemory', '1');
  for (const count of [1, 2, 3]) expect((await rateLimiter.penalty('a')).consumedPoints).toBe(count);
  expect([linesOf(instance, AWAY), linesOf(instance, BACK)]).toEqual([1, 0]);
  await redis.operator.config('SET', 'maxmemory', '0');
  expect((await rateLimiter.penalty('a')).consumedPoints).toBe(4);
  expect([linesOf(instance, AWAY), linesOf(instance, BACK)]).toEqual([1, 1]);
});

test('An answer that comes while the service is busy still counts', PATIENCE, async () => {
  await using redis = await startRedis({ password: PASSWORD });
  using instance = await openInstance(redis.port);
  const counted = instance.rateLimiter.penalty('a', 3);
  await new Promise((resolve) => setImmediate(resolve));
  const end = performance.now() + 500;
  while (performance.now() < end);
  await counted;
  expect((await instance.rateLimiter.penalty('a', 0)).consumedPoints).toBe(3);
  expect(linesOf(instance, AWAY)).toBe(0);
});

test.each([
  'http://:canary@localhost:6379',
  'redis:localhost:6379',
  'redis://',
  'redis:///0',
  'localhost:6379',
  'redis://:canary@localhost:66000',
  'redis://:canary@localhost/main',
  'redis://:canary@localhost/0/1',
  'redis://:canary@localhost/-1',
  'redis://:canary@localhost?enableOfflineQueue=true',
  'redis://:canary#1@localhost',
  'redis://:canary%ff@localhost',
  'unix:///run/redis.sock?canary',
])('%s is not taken as REDIS_URL', (url) => {
  const read = () => readConfig({ REDIS_URL: url });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(
    /^REDIS_URL is not valid: (its path may be [^.]+\. It must be of the form redis|it must be of the form redis|a % in it)/,
  );
  expect(read).not.toThrow(/canary/);
});

test.each([
  'redis://localhost',
  'redis://localhost/',
  'rediss://user:password@redis.example.com:6380/2',
  'REDIS://10.0.0.1:6379',
  'redis://:50%25@[::1]:6379/15',
])('%s is taken as REDIS_URL', (url) => {
  expect(readConfig({ REDIS_URL: url }).redisUrl).toBe(url);
});
