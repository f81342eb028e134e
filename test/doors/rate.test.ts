import { RateLimiterMemory } from 'rate-limiter-flexible';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../server/start/config.ts';
import { countInMemory } from '../../server/start/rates.ts';
import { addMember, signedIn } from '../helpers/browser.ts';
import { MCP_HEADERS, rpc } from '../helpers/mcp.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const LIMIT = 6;
const leftOf = ({ headers }: { headers: Headers }) => /r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1];

/** Issues a key, makes `uses` calls with the key, and rotates the key without grace. */
async function rotateOut({ api, issue, one }: TestApp, uses: number) {
  const { key: dead, apiKey } = await issue(one.id);
  for (let use = 0; use < uses; use++) expect((await api(dead, 'GET', '/api/contacts')).status).toBe(200);
  const rotated = await api(one.key, 'POST', `/api/keys/${apiKey.id}/rotate`, { graceHours: 0 });
  expect(rotated.status).toBe(200);
  return { dead, fresh: rotated.body.data.key as string };
}

/** Checks that `left` calls are left for a key whose new secret was not used yet. */
async function expectRate({ api }: TestApp, fresh: string, left: number) {
  const first = await api(fresh, 'GET', '/api/contacts');
  expect(first.status).toBe(200);
  if (left === LIMIT) expect(leftOf(first)).toBe(String(LIMIT - 1));
  const second = await api(fresh, 'GET', '/api/contacts');
  expect([second.status, leftOf(second)]).toEqual([200, String(left - 2)]);
}

test('Who holds a secret that was cut off cannot use up the rate of its key, nor see it', async () => {
  await using app = await testApp({ rateLimit: LIMIT });
  for (const uses of [0, 2]) {
    const { dead, fresh } = await rotateOut(app, uses);
    for (let turn = 0; turn < 3 * LIMIT; turn++) {
      const path = turn % 2 === 0 ? '/api/contacts' : '/trpc/keys.current';
      const answer = await app.api(dead, 'GET', path);
      expect([answer.status, answer.text.includes('API key has expired')], `${turn} ${path}`).toEqual([401, true]);
      for (const header of ['ratelimit', 'ratelimit-policy', 'retry-after']) {
        expect(answer.headers.get(header), `${turn} ${header}`).toBeNull();
      }
    }
    await expectRate(app, fresh, LIMIT - uses);
  }
});

test('Many calls at once with a secret that was cut off leave the key its whole rate too', async () => {
  await using app = await testApp({ rateLimit: LIMIT });
  for (const uses of [0, 2]) {
    const { dead, fresh } = await rotateOut(app, uses);
    const answers = await Promise.all(
      Array.from({ length: 3 * LIMIT }, () => app.api(dead, 'GET', '/trpc/keys.current,contacts.list?batch=1')),
    );
    for (const { status, headers } of answers) expect([status, headers.get('ratelimit')]).toEqual([401, null]);
    await expectRate(app, fresh, LIMIT - uses);
  }
});

test('A batch that is the first use of a key counts by its calls', async () => {
  await using app = await testApp({ rateLimit: 3 });
  const { key } = await app.issue(app.one.id);
  const batch = await app.api(key, 'GET', '/trpc/keys.current,contacts.list,keys.current?batch=1');
  expect([batch.status, leftOf(batch)]).toEqual([200, '0']);
  const fourth = await app.api(key, 'GET', '/api/contacts');
  expect([fourth.status, leftOf(fourth)]).toEqual([429, '0']);
  expect(fourth.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
});

test('A store of the rate that fails is a 503, and nothing is done', async () => {
  await using app = await testApp();
  const failing = new RateLimiterMemory({ points: 1_000, duration: 60 });
  const fail = () => Promise.reject(new Error('canary: no connection to the store'));
  Object.assign(failing, { consume: fail, penalty: fail, reward: fail });
  await using away = await testApp({ deps: { rateLimiter: failing } });
  for (const [method, path, body] of [
    ['GET', '/api/contacts'],
    ['POST', '/api/contacts', { name: 'Ada' }],
    ['GET', '/api/keys/current'],
    ['GET', '/trpc/contacts.list'],
    ['POST', '/trpc/contacts.create', { json: { name: 'Ada' } }],
  ] as const) {
    const answer = await away.api(away.one.key, method, path, body);
    expect([answer.status, answer.headers.get('retry-after')], `${method} ${path}`).toEqual([503, '1']);
    expect(answer.text).toContain('Service temporarily unavailable');
    expect(answer.text).not.toContain('canary');
  }
  expect(away.logs.join('')).toContain('canary: no connection to the store');
  away.deps.rateLimiter = app.deps.rateLimiter;
  expect((await away.api(away.one.key, 'GET', '/api/contacts')).body.data).toEqual([]);
});

/** A call of each door. */
const DOORS = {
  REST: ({ api }: TestApp, key: string) => api(key, 'GET', '/api/contacts'),
  tRPC: ({ api }: TestApp, key: string) => api(key, 'GET', '/trpc/contacts.list'),
  MCP: ({ api }: TestApp, key: string) =>
    api(key, 'POST', '/mcp', rpc(1, 'tools/call', { name: 'whoami', arguments: {} }), MCP_HEADERS),
};
/** Over tRPC the details are in `error.json.data`. */
const detailsOf = (body: { details?: object; error?: { json?: { data: { details: object } } } }) =>
  body.details ?? body.error?.json?.data.details;

describe.each(Object.entries(DOORS))('Over %s', (_, call) => {
  test('the keys of an organization share a ceiling, which says so; other organizations and people go on', async () => {
    await using app = await testApp({ rateLimit: 4, choices: { organizationRateLimit: 6 } });
    const { key } = await app.issue(app.one.id);
    for (const remaining of [3, 2, 1]) {
      const answer = await call(app, app.one.key);
      expect([answer.status, answer.headers.get('ratelimit-policy')]).toEqual([200, '"default";q=4;w=60']);
      expect(leftOf(answer)).toBe(String(remaining));
    }
    // Of the organization's six calls fewer are left now than of the fresh key's four.
    for (const remaining of [2, 1, 0]) {
      const answer = await call(app, key);
      expect([answer.status, answer.headers.get('ratelimit-policy')]).toEqual([200, '"organization";q=6;w=60']);
      expect(leftOf(answer)).toBe(String(remaining));
    }
    for (const each of [key, app.one.key, key]) {
      const over = await call(app, each);
      const wait = Number(over.headers.get('retry-after'));
      expect([over.status, wait >= 1, wait <= 60]).toEqual([429, true, true]);
      expect(over.headers.get('ratelimit')).toBe(`"organization";r=0;t=${wait}`);
      expect(over.headers.get('ratelimit-policy')).toBe('"organization";q=6;w=60');
      const reason = 'The API keys of the organization have used up its rate of 6 calls a minute';
      expect(detailsOf(over.body)).toEqual({ reason, retryAfterSeconds: wait });
    }
    expect((await call(app, app.other.key)).status).toBe(200);
    const owner = await signedIn(app, await addMember(app, app.one.id));
    expect((await owner.trpc.contacts.list.query({})).items).toEqual([]);
  });

  test('a key that is over its own rate takes nothing from its organization', async () => {
    await using app = await testApp({ rateLimit: 2, choices: { organizationRateLimit: 4 } });
    const { key } = await app.issue(app.one.id);
    const statuses = [];
    for (let turn = 0; turn < 8; turn++) statuses.push((await call(app, app.one.key)).status);
    expect(statuses).toEqual([200, 200, 429, 429, 429, 429, 429, 429]);
    expect([(await call(app, key)).status, leftOf(await call(app, key))]).toEqual([200, '0']);
  });

  test('a call that the ceiling refuses takes nothing from its key', async () => {
    await using app = await testApp({ rateLimit: 5, choices: { organizationRateLimit: 2 } });
    for (let turn = 0; turn < 6; turn++) await call(app, app.one.key);
    // The ceiling is lifted: of the key's five calls the two that were answered are gone.
    app.deps.organizationRateLimiter.points = 1_000;
    expect(leftOf(await call(app, app.one.key))).toBe('2');
  });

  test('calls that end in 401 take nothing from the organization', async () => {
    await using app = await testApp({ rateLimit: LIMIT, choices: { organizationRateLimit: 20 } });
    const { dead } = await rotateOut(app, 0);
    for (let turn = 0; turn < 4; turn++) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => call(app, dead)));
      for (const { status, headers } of answers) expect([status, headers.get('ratelimit')]).toEqual([401, null]);
    }
    // The rotation is the only call that counts.
    const { consumedPoints } = await app.deps.organizationRateLimiter.penalty(app.one.id, 0);
    expect(consumedPoints).toBe(1);
  });

  test('a key has the rate of its own that is given, up to the service’s', async () => {
    await using app = await testApp({ rateLimit: 5 });
    for (const [own, limit] of [
      [2, 2],
      [9, 5],
    ] as const) {
      const { key, apiKey } = await app.issue(app.one.id);
      await call(app, key);
      for (const { identity } of app.deps.keys.values()) if (identity.who.id === apiKey.id) identity.rateLimit = own;
      const left = [];
      for (let turn = 1; turn < limit; turn++) left.push(leftOf(await call(app, key)));
      expect(left.at(-1)).toBe('0');
      const over = await call(app, key);
      expect([over.status, over.headers.get('ratelimit-policy')]).toEqual([429, `"default";q=${limit};w=60`]);
      expect(detailsOf(over.body)).toMatchObject({
        reason: `The API key has used up its rate of ${limit} calls a minute`,
      });
    }
  });
});

test('Where both rates are used up, the answer speaks of the rate that ends later', async () => {
  await using app = await testApp({ rateLimit: 2, choices: { organizationRateLimit: 2 } });
  app.deps.rateLimiter.duration = 20;
  for (let turn = 0; turn < 2; turn++) await app.api(app.one.key, 'GET', '/api/contacts');
  const over = await app.api(app.one.key, 'GET', '/api/contacts');
  expect([over.status, over.headers.get('ratelimit-policy')]).toEqual([429, '"organization";q=2;w=60']);
  expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(20);
});

test('A batch counts its calls for the organization too', async () => {
  await using app = await testApp({ rateLimit: 20, choices: { organizationRateLimit: 5 } });
  const batch = (count: number) =>
    app.api(app.one.key, 'GET', `/trpc/${Array(count).fill('keys.current').join()}?batch=1`);
  expect(leftOf(await batch(3))).toBe('2');
  const over = await batch(4);
  expect([over.status, leftOf(over)]).toEqual([207, '0']);
  const messages = Array.from({ length: 3 }, (_, id) => rpc(id, 'ping'));
  await using another = await testApp({ rateLimit: 20, choices: { organizationRateLimit: 5 } });
  expect(leftOf(await another.api(another.one.key, 'POST', '/mcp', messages, MCP_HEADERS))).toBe('2');
  const whole = await another.api(another.one.key, 'POST', '/mcp', messages, MCP_HEADERS);
  expect(whole.status).toBe(429);
  another.deps.organizationRateLimiter.points = 1_000;
  expect(leftOf(await another.api(another.one.key, 'GET', '/api/keys/current'))).toBe('16');
});

test('A call that is given back after its minute does not lift the rate of the next minute', async () => {
  await using app = await testApp({ rateLimit: 5, choices: { organizationRateLimit: 1 } });
  await app.api(app.one.key, 'GET', '/api/contacts');
  const { rateLimiter } = app.deps;
  const reward = rateLimiter.reward.bind(rateLimiter);
  rateLimiter.reward = async (name, calls) => {
    await rateLimiter.delete(name);
    return reward(name, calls);
  };
  expect((await app.api(app.one.key, 'GET', '/api/contacts')).status).toBe(429);
  app.deps.organizationRateLimiter.points = 1_000;
  expect(leftOf(await app.api(app.one.key, 'GET', '/api/contacts'))).toBe('4');
});

test('The rate of an organization is 3,000 calls, or as many as a key has where that is more, unless it is set', () => {
  const points = (choices: { rateLimit: number; organizationRateLimit?: number }) =>
    countInMemory(choices).organizationRateLimiter.points;
  expect(points({ rateLimit: 300 })).toBe(3_000);
  expect(points({ rateLimit: 5_000 })).toBe(5_000);
  expect(points({ rateLimit: 5_000, organizationRateLimit: 100 })).toBe(100);
});

test('A setting of the rate is a whole number of calls, and the organization’s may be lower than a key’s', () => {
  expect(readConfig({}).rateLimit).toBe(300);
  const { rateLimit, organizationRateLimit } = readConfig({
    INTROZY_RATE_LIMIT: '500',
    INTROZY_ORGANIZATION_RATE_LIMIT: '100',
  });
  expect([rateLimit, organizationRateLimit]).toEqual([500, 100]);
  for (const value of ['0', '-1', '1.5', 'many']) {
    expect(() => readConfig({ INTROZY_ORGANIZATION_RATE_LIMIT: value })).toThrow(
      /^INTROZY_ORGANIZATION_RATE_LIMIT is not valid/,
    );
  }
});

test('A person has a rate of their own, and is told so', async () => {
  await using app = await testApp({ rateLimit: 2, choices: { organizationRateLimit: 1 } });
  const { trpc } = await signedIn(app, await addMember(app, app.one.id));
  for (let turn = 0; turn < 2; turn++) await trpc.contacts.list.query({});
  await expect(trpc.contacts.list.query({})).rejects.toMatchObject({
    data: { code: 'TOO_MANY_REQUESTS', reason: 'You have used up your rate of 2 calls a minute' },
  });
  expect((await app.api(app.one.key, 'GET', '/api/contacts')).status).toBe(200);
});
