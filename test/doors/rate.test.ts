import { RateLimiterMemory } from 'rate-limiter-flexible';
import { expect, test } from 'vitest';
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
