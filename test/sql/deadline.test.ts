import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { asNobody } from '../../db/admission.ts';
import { DatabaseUnavailable } from '../../db/errors.ts';
import { type Database, withLimits } from '../../db/open.ts';
import { COMMAND_LIMITS, REQUEST_LIMITS } from '../../server/start/store.ts';
import { startInstance } from '../helpers/instance.ts';
import { startProxy } from '../helpers/proxy.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const NOBODY = '01890000-0000-7000-8000-000000000000';
/**
 * Milliseconds until the first statement's answer. With a deadline for each statement, two statements would take over
 * 2,800.
 */
const SLOW = 1_250;

test('The database may take less than the 2 seconds in which a request is answered', () => {
  const { lock, statement, deadline } = REQUEST_LIMITS;
  expect(deadline).toBeLessThan(2_000);
  expect(statement).toBeLessThan(2_000);
  // The shortest limit comes first: a lock's timeout says most exactly why a request waited, the deadline least
  // exactly.
  expect([lock, statement, deadline].sort((a, b) => a - b)).toEqual([lock, statement, deadline]);
  for (const name of ['lock', 'statement', 'deadline'] as const) {
    expect(COMMAND_LIMITS[name], name).toBeGreaterThan(REQUEST_LIMITS[name]);
  }
});

/**
 * The duration of a call in milliseconds. The call's first statement gets a late answer, and the second statement no
 * answer.
 */
async function durationOf(app: TestApp, [method, path, body]: [string, string, unknown?], isKnown: boolean) {
  await using proxy = await startProxy(app.url as string);
  await using instance = await startInstance({ url: proxy.url, keySecrets: app.keySecrets });
  // Opens the connection, and prepares the statements of the call below.
  const healthy = await instance.call(app.one.key, method, path, body);
  expect(healthy.status).toBeLessThan(500);
  await instance.deps.lastUse.flush();
  if (!isKnown) instance.deps.keys.clear();

  proxy.slowThenMute(SLOW);
  const begun = performance.now();
  const answer = await instance.call(app.one.key, method, path, body);
  const duration = performance.now() - begun;
  proxy.heal();
  expect([answer.status, answer.headers.get('retry-after')], path).toEqual([503, '1']);
  expect(duration).toBeGreaterThan(SLOW);
  return duration;
}

test('A call has one deadline, however many times it asks the database', async () => {
  await using app = await testApp();
  for (const { request, isKnown } of [
    // Two statements: the key's organization, then the contacts.
    { request: ['GET', '/api/contacts'], isKnown: false },
    // Two statements: the contact, then the reason why no contact was found.
    { request: ['GET', `/api/contacts/${NOBODY}`], isKnown: true },
    { request: ['DELETE', `/api/contacts/${NOBODY}`], isKnown: true },
  ] satisfies { request: [string, string]; isKnown: boolean }[]) {
    const durations = await Promise.all(Array.from({ length: 3 }, () => durationOf(app, request, isKnown)));
    // The fastest call shows the service's own time: slower calls may have waited for a busy machine.
    expect(Math.min(...durations), request.join(' ')).toBeLessThan(1.5 * REQUEST_LIMITS.deadline);
  }
});

test('Work that no request waits for has limits of its own, on the same connections', async () => {
  await using app = await testApp();
  const limits = { statement: 200, lock: 200, deadline: 400 };
  await using instance = await startInstance({ url: app.url as string, keySecrets: app.keySecrets, limits });
  const sleep = (db: Database, seconds: number) => sql`select pg_sleep(${seconds})`.execute(asNobody(db));
  await expect(sleep(instance.db, 0.6)).rejects.toBeInstanceOf(DatabaseUnavailable);
  await sleep(withLimits(instance.db, COMMAND_LIMITS), 0.6);
  await expect(sleep(withLimits(instance.db, { ...COMMAND_LIMITS, statement: 300 }), 0.6)).rejects.toThrow('timeout');
  // The request's limits stay as they were.
  await expect(sleep(instance.db, 0.6)).rejects.toBeInstanceOf(DatabaseUnavailable);
});
