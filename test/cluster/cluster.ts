import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll } from 'vitest';
import { generateKeySecret } from '../../server/auth/keySecret.ts';
import { runAs } from '../helpers/database.ts';
import { startService } from '../helpers/service.ts';
import { endWithTests, findPrograms, makeDirectory, until } from './programs.ts';
import { generatePassword, type Site, startPgBouncer, startPrimary, startStandby } from './servers.ts';

const CLI = resolve(import.meta.dirname, '../../server/cli.ts');
const INSTANCES = 3;
/** Milliseconds. */
const SETUP_WITHIN = 30_000;

/** Clusters that no test has stopped so far. A test that times out does not reach the end of its scope. */
const running = new Set<AsyncDisposableStack>();
afterAll(async () => {
  for (const cluster of running) await cluster.disposeAsync();
});

/**
 * Starts three instances of the service behind PgBouncer in transaction mode, on a primary with a synchronous standby.
 * All are real processes on 127.0.0.1. The end of the scope ends the processes and removes their files. The cluster
 * needs Debian's packages postgresql-15 and pgbouncer.
 *
 *     npm run test:cluster                                        # all tests of this folder
 *     npx vitest run --config test/cluster/vitest.config.ts -t standby
 *
 *     test('…', async () => {
 *       await using cluster = await startCluster({ INTROZY_RATE_LIMIT: '100000' });
 *       const { key } = await cluster.setup();
 *       const [first] = cluster.instances;
 *       await first.call(key, 'GET', '/api/contacts');            // first.address is its URL
 *       await runAs(cluster.standby.adminUrl, ['select …']);      // as a superuser, past PgBouncer
 *       await runAs(cluster.pgbouncer.adminUrl, ['show pools']);  // PgBouncer's console
 *       await cluster.failOver();
 *     });
 *
 * Tests that change nothing for each other share a cluster from `beforeAll`; the cluster ends after the last test. Each
 * server has its `pid`, for signals: `process.kill(cluster.primary.pid, 'SIGSTOP')`. While the standby is away, commits
 * on the primary wait for the standby. `environment` adds variables to those of the instances and the command line.
 */
export async function startCluster(environment: Record<string, string> = {}) {
  const programs = findPrograms();
  const stack = new AsyncDisposableStack();
  running.add(stack);
  stack.defer(() => void running.delete(stack));
  try {
    const { path: directory } = stack.use(await makeDirectory());
    const site: Site = {
      programs,
      directory,
      passwords: { postgres: generatePassword(), introzy_owner: generatePassword() },
    };
    const primary = stack.use(await startPrimary(site));
    const standby = stack.use(await startStandby(site, primary));
    const pgbouncer = stack.use(await startPgBouncer(site, primary));
    // The service's user is not a superuser: managed PostgreSQL gives out no superuser.
    await runAs(primary.postgresUrl, [
      `create role introzy_owner login createrole password '${site.passwords.introzy_owner}'`,
      'create database introzy owner introzy_owner',
    ]);

    const settings = {
      DATABASE_URL: pgbouncer.url,
      // In transaction mode PgBouncer keeps prepared statements from version 1.21 on; Debian 12 has 1.18.
      DATABASE_PREPARE: 'false',
      INTROZY_KEY_SECRETS: generateKeySecret(),
      ...environment,
    };
    const startInstance = async (more: Record<string, string> = {}) =>
      stack.use(await startService({ ...settings, ...more }, endWithTests('SIGKILL')));
    // All instances start at once, as after an outage. The first instance to take the lock migrates the new database.
    const starts = await Promise.allSettled(Array.from({ length: INSTANCES }, () => startInstance()));
    const instances = starts.map((start) => {
      if (start.status === 'rejected') throw start.reason;
      return start.value;
    });

    return {
      instances: instances as [Instance, Instance, Instance],
      /** Starts a further instance. `PORT` chooses the port. */
      startInstance,
      primary,
      standby,
      pgbouncer,
      /** Makes an organization and its first key by the command line. The key has all scopes. */
      async setup(organization = 'One'): Promise<{ organizationId: string; key: string }> {
        const email = `${organization.toLowerCase()}@example.com`;
        const args = [CLI, 'setup', '--organization', organization, '--email', email, '--json'];
        const { PATH = '' } = process.env;
        const options = { env: { PATH, ...settings }, timeout: SETUP_WITHIN };
        const { stdout } = await promisify(execFile)(process.execPath, args, options);
        return JSON.parse(stdout);
      },
      /**
       * Kills the primary, as a failing machine does. The standby takes the primary's place, and PgBouncer connects to
       * the standby.
       */
      async failOver() {
        await primary.kill();
        await runAs(standby.postgresUrl, ['select pg_promote()']);
        await pgbouncer.pointAt(standby);
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/**
 * Calls an instance, and repeats a call that answers 503, as the API tells its callers to. A busy machine may answer
 * 503.
 */
export async function callPatiently({ call }: Instance, ...request: Parameters<Instance['call']>) {
  let answer = await call(...request);
  await until('an answer other than 503', async () => {
    if (answer.status === 503) answer = await call(...request);
    return answer.status !== 503;
  });
  return answer;
}

type Instance = Awaited<ReturnType<typeof startService>>;
export type Cluster = Awaited<ReturnType<typeof startCluster>>;
