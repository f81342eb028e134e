import { sql } from 'kysely';
import pg from 'pg';
import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { DatabaseUnavailable } from '../../db/errors.ts';
import { tally } from '../helpers/atOnce.ts';
import { startInstance, until } from '../helpers/instance.ts';
import { readBackends } from '../helpers/outage.ts';
import { signal } from '../helpers/processes.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** The most connections of an instance. */
const POOL = 10;

/** The app with an instance on a pool of its own, within the service's own limits. */
async function startStallApp() {
  const app = await testApp({ isAlone: true });
  const instance = await startInstance({ url: app.url as string, keySecrets: app.keySecrets });
  const backends = async () => await readBackends(app.adminUrl as string);
  return {
    ...instance,
    one: app.one,
    adminUrl: app.adminUrl as string,
    backends,
    async [Symbol.asyncDispose]() {
      await instance[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
    },
  };
}
type StallApp = Awaited<ReturnType<typeof startStallApp>>;

const list = ({ call, one }: StallApp) => call(one.key, 'GET', '/api/contacts');
const statuses = (answers: { status: number }[]) => tally(answers.map(({ status }) => status));

/** Checks that every connection gives each statement the statement's own answer. */
async function expectOwnAnswers({ db, one }: Pick<TestApp, 'db' | 'one'>) {
  const ask = async (n: number) => {
    const { rows } = await sql<{ n: number }>`select ${n}::int as n, pg_sleep(0.01)`.execute(
      n % 2 === 0 ? db.root : asOperator(db, one.id),
    );
    return rows[0]?.n;
  };
  const numbers = Array.from({ length: 10 * POOL }, (_, n) => n);
  expect(await Promise.all(numbers.map(ask))).toEqual(numbers);
}

/** Runs `work` while a connection of its own holds the locks of `statements`. */
async function whileLocked(url: string, statements: string[], work: () => Promise<void>) {
  const client = new pg.Client(url);
  await client.connect();
  try {
    for (const statement of ['begin', ...statements]) await client.query(statement);
    await work();
  } finally {
    await client.end();
  }
}

test('A backend that stops costs the request that it holds, which is told so in time; its connection is not used again', async () => {
  await using app = await startStallApp();
  await Promise.all(Array.from({ length: 4 * POOL }, () => list(app)));
  const busy = await app.backends();
  const stopped = busy.find(({ query }) => query.includes('contacts'))?.pid as number;
  signal(stopped, 'SIGSTOP');
  try {
    const begun = performance.now();
    const answers = await Promise.all(Array.from({ length: 8 * POOL }, () => list(app)));
    expect(statuses(answers)).toEqual({ 200: 8 * POOL - 1, 503: 1 });
    expect(answers.find(({ status }) => status === 503)?.headers.get('retry-after')).toBe('1');
    expect(performance.now() - begun).toBeLessThan(5_000);
    // The pool has dropped the stopped connection, and opens a new connection.
    expect(statuses(await Promise.all(Array.from({ length: 8 * POOL }, () => list(app))))).toEqual({ 200: 8 * POOL });
  } finally {
    signal(stopped, 'SIGCONT');
  }
  await until(async () => (await app.backends()).every(({ pid }) => pid !== stopped), 'the end of the backend');
  expect(statuses(await Promise.all(Array.from({ length: 8 * POOL }, () => list(app))))).toEqual({ 200: 8 * POOL });
  await expectOwnAnswers(app);
});

test('A statement that outlasts its timeout is a 503, and the connection gives nobody its late answer', async () => {
  await using app = await startStallApp();
  const tooLong = sql`select 'late' as n, pg_sleep(2.5)`;
  // The server's timeout ends the tenant's statements. A statement without a tenant ends with its connection.
  for (const db of [asOperator(app.db, app.one.id), app.db.root]) {
    const begun = performance.now();
    const outcomes = await Promise.allSettled(Array.from({ length: POOL }, () => tooLong.execute(db)));
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    for (const outcome of outcomes)
      expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(DatabaseUnavailable);
    expect(performance.now() - begun).toBeLessThan(2_500);
    await expectOwnAnswers(app);
    // Waits until the late answers must have come.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await expectOwnAnswers(app);
  }
  expect((await list(app)).status).toBe(200);
});

test('A request that waits for a lock is told to come back, within 2 seconds, while others go on', async () => {
  await using app = await startStallApp();
  const { id } = (await app.call(app.one.key, 'POST', '/api/contacts', { name: 'Ada' })).body.data;
  const change = () => app.call(app.one.key, 'PATCH', `/api/contacts/${id}`, { title: 'Countess' });
  await whileLocked(app.adminUrl, [`select from contacts where id = '${id}' for update`], async () => {
    const refused = async () => {
      const begun = performance.now();
      const { status, headers, body } = await change();
      const duration = performance.now() - begun;
      expect([status, headers.get('retry-after')]).toEqual([503, '1']);
      expect(body).toEqual({ success: false, error: 'Service temporarily unavailable' });
      return duration;
    };
    const waiting = Promise.all([refused(), refused(), refused()]);
    expect((await list(app)).status).toBe(200);
    // The fastest call shows the service's own time: slower calls may have waited for a busy machine.
    expect(Math.min(...(await waiting))).toBeLessThan(2_000);
  });
  const changed = await change();
  // The refused changes changed nothing.
  expect([changed.status, changed.body.data.version]).toEqual([200, 2]);
  await expectOwnAnswers(app);
});

test('While a table is locked, as by a migration, every request is told so, and no connections pile up', async () => {
  await using app = await startStallApp();
  expect((await list(app)).status).toBe(200);
  await whileLocked(app.adminUrl, ['lock table api_key_secrets in access exclusive mode'], async () => {
    const end = performance.now() + 5_000;
    const answers: { status: number }[] = [];
    const worker = async () => {
      while (performance.now() < end) {
        // An instance knows no key's organization after its start, and must ask the locked table.
        app.deps.keys.clear();
        answers.push(await list(app));
      }
    };
    await Promise.all(Array.from({ length: 2 * POOL }, worker));
    expect(statuses(answers)).toEqual({ 503: answers.length });
    expect((await app.backends()).length).toBeLessThanOrEqual(2 * POOL);
  });
  await until(async () => (await list(app)).status === 200, 'service');
  await expectOwnAnswers(app);
});
