import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrate } from '../../db/migrate.ts';
import { setUpOrganization } from '../../server/start/setup.ts';
import { createDatabase, runAs } from './database.ts';
import { startInstance, until } from './instance.ts';
import { startPostgres } from './postgres.ts';
import { testSecrets } from './testApp.ts';

/** An instance of the service on a PostgreSQL of its own, which may be killed and stopped. */
export async function startOutageApp() {
  const server = await startPostgres();
  const database = await createDatabase(server);
  const keySecrets = testSecrets();
  const instance = await startInstance({ url: database.url, keySecrets });
  await migrate(instance.db.root);
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
    /** Kills PostgreSQL, with all of its processes, as a failing machine does. */
    async kill() {
      const family = readFamily();
      isAway = true;
      for (const pid of family) signal(pid, 'SIGKILL');
      await until(() => !family.some(isAlive), 'the end of PostgreSQL');
    },
    /** Stops it, until the function that this answers with is called, with all of its processes: connections stay open, and nothing answers. */
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
      // To stop it is to wait for the end of its process, which must then be there.
      if (isAway) await server.cluster.start();
      await server.stop();
    },
  };
}

/** The backends of the service, and what each one does. */
export async function readBackends(adminUrl: string): Promise<{ pid: number; state: string; query: string }[]> {
  const [answer] = await runAs(adminUrl, [
    `select pid, state, query from pg_stat_activity
      where datname = current_database() and application_name = 'introzy'`,
  ]);
  return answer?.rows ?? [];
}

/** Signals a process that this test started; one that has ended already needs none. */
export function signal(pid: number, name: NodeJS.Signals) {
  try {
    process.kill(pid, name);
  } catch {}
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}

/** False for a zombie too: it holds nothing. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
