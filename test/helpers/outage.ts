import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrate } from '../../db/migrate.ts';
import { setUpOrganization } from '../../server/start/setup.ts';
import { createDatabase, runAs } from './database.ts';
import { startInstance, until } from './instance.ts';
import { startPostgres } from './postgres.ts';
import { childrenOf, isAlive, signal } from './processes.ts';
import { testSecrets } from './testApp.ts';

/** Starts an instance of the service on a PostgreSQL of its own, which the test may kill and stop. */
export async function startOutageApp() {
  const server = await startPostgres();
  const database = await createDatabase(server);
  const keySecrets = testSecrets();
  const instance = await startInstance({ url: database.url, keySecrets });
  await migrate(instance.db);
  const made = await setUpOrganization(instance.db, keySecrets, { name: 'One', email: 'one@example.com' });
  if (!made) throw new Error('The organization exists');
  const { key, apiKey } = made.issued;

  const readFamily = () => {
    const postmaster = Number.parseInt(readFileSync(join(server.directory, 'postmaster.pid'), 'utf8'), 10);
    return [postmaster, ...childrenOf(postmaster)];
  };

  let isAway = false;
  return {
    ...instance,
    adminUrl: database.adminUrl,
    key,
    keyId: apiKey.id,
    /** Kills all processes of PostgreSQL, as a failing machine does. */
    async kill() {
      const family = readFamily();
      isAway = true;
      for (const pid of family) signal(pid, 'SIGKILL');
      await until(() => !family.some(isAlive), 'the end of PostgreSQL');
    },
    /**
     * Stops all processes of PostgreSQL until the returned function is called. Connections stay open; queries get no
     * answer.
     */
    freeze() {
      const family = readFamily();
      for (const member of family) signal(member, 'SIGSTOP');
      return () => {
        for (const member of family) signal(member, 'SIGCONT');
      };
    },
    async restart() {
      await server.cluster.start();
      isAway = false;
    },
    async [Symbol.asyncDispose]() {
      await instance[Symbol.asyncDispose]();
      // `server.stop` waits for the end of the server's process, so that a killed server must run again first.
      if (isAway) await server.cluster.start();
      await server.stop();
    },
  };
}

/** The service's connections on the server, with the state and the last query of each connection. */
export async function readBackends(adminUrl: string): Promise<{ pid: number; state: string; query: string }[]> {
  const [answer] = await runAs(adminUrl, [
    `select pid, state, query from pg_stat_activity
      where datname = current_database() and application_name = 'introzy'`,
  ]);
  return answer?.rows ?? [];
}
