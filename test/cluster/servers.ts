import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runAs } from '../helpers/database.ts';
import { freePort } from '../helpers/postgres.ts';
import { runProgram, startDaemon, until } from './programs.ts';

/** What the servers of a cluster have in common. */
export interface Site {
  programs: { postgresql: string; pgbouncer: string };
  /** Of the cluster alone, and the user's that the servers run as. */
  directory: string;
  /** Of the superuser `postgres` and of the service's user. */
  passwords: { postgres: string; introzy_owner: string };
}

export const generatePassword = () => randomBytes(16).toString('hex');

const urlAt = (site: Site, user: keyof Site['passwords'], [port, database]: [number, string]) =>
  `postgres://${user}:${site.passwords[user]}@127.0.0.1:${port}/${database}`;

/** A new PostgreSQL server, which answers a commit when the server that is called `standby` has it too. */
export async function startPrimary(site: Site) {
  const passwordFile = join(site.directory, 'password');
  await writeFile(passwordFile, site.passwords.postgres);
  await runProgram([
    join(site.programs.postgresql, 'initdb'),
    `--pgdata=${join(site.directory, 'primary')}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C.UTF-8',
    '--no-sync',
  ]);
  // Given here and not in the files, which the standby copies: once promoted it waits for nobody.
  return await startPostgres(site, 'primary', ['-c', 'synchronous_standby_names=standby']);
}

/** A copy of `primary` that follows it; it is there once `primary` waits for it. */
export async function startStandby(site: Site, primary: PostgresServer) {
  await runProgram(
    [
      join(site.programs.postgresql, 'pg_basebackup'),
      `--pgdata=${join(site.directory, 'standby')}`,
      `--dbname=postgres://postgres@127.0.0.1:${primary.port}/`,
      '--checkpoint=fast',
      '--write-recovery-conf',
      '--create-slot',
      '--slot=standby',
      '--no-sync',
    ],
    { PGPASSWORD: site.passwords.postgres },
  );
  // The name under which a standby follows is its `cluster_name`.
  const standby = await startPostgres(site, 'standby', ['-c', 'cluster_name=standby']);
  try {
    await until('the standby keeps in step', async () => {
      const [answer] = await runAs(primary.postgresUrl, ['select sync_state from pg_stat_replication']);
      return answer?.rows[0]?.sync_state === 'sync';
    });
  } catch (error) {
    await standby[Symbol.asyncDispose]();
    throw error;
  }
  return standby;
}

async function startPostgres(site: Site, name: 'primary' | 'standby', settings: string[]) {
  const port = await freePort();
  const data = join(site.directory, name);
  const postgresUrl = urlAt(site, 'postgres', [port, 'postgres']);
  const daemon = await startDaemon(
    [
      join(site.programs.postgresql, 'postgres'),
      ...['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      // Shared memory in the data directory, and not in /dev/shm, where a killed server leaves it.
      ...['-c', 'dynamic_shared_memory_type=mmap', ...settings],
    ],
    { directory: data, endBy: 'SIGQUIT', isReady: () => runAs(postgresUrl, ['select']) },
  );
  const lock = await readFile(join(data, 'postmaster.pid'), 'utf8');
  return {
    ...daemon,
    port,
    /** As the superuser: the database `postgres`, and the service's. */
    postgresUrl,
    adminUrl: urlAt(site, 'postgres', [port, 'introzy']),
    /** Ends it with all of its processes, as a failing machine does. */
    async kill() {
      await daemon.kill();
      // Its seventh line has the key and the id of a System V segment, which a killed server leaves.
      const segment = lock.split('\n')[6]?.trim().split(/\s+/)[1];
      if (segment) await runProgram(['ipcrm', '--shmem-id', segment]).catch(() => {});
    },
  };
}

export type PostgresServer = Awaited<ReturnType<typeof startPostgres>>;

/** PgBouncer in transaction mode, in front of `server`. */
export async function startPgBouncer(site: Site, server: PostgresServer) {
  const port = await freePort();
  const file = (name: string) => join(site.directory, name);
  const configure = (to: PostgresServer) =>
    writeFile(file('pgbouncer.ini'), settings(to.port, port, file('users.txt')));
  const users = Object.entries(site.passwords).map(([name, password]) => `"${name}" "${password}"\n`);
  await writeFile(file('users.txt'), users.join(''));
  await configure(server);
  const adminUrl = urlAt(site, 'postgres', [port, 'pgbouncer']);
  const daemon = await startDaemon([site.programs.pgbouncer, file('pgbouncer.ini')], {
    directory: site.directory,
    // Newer versions wait for their clients on any other signal; PgBouncer has nothing to save.
    endBy: 'SIGKILL',
    isReady: () => runAs(adminUrl, ['show version']),
  });
  return {
    ...daemon,
    /** What the service connects to. */
    url: urlAt(site, 'introzy_owner', [port, 'introzy']),
    /** PgBouncer's own console: `show pools`, `pause`, `reload` and so on. */
    adminUrl,
    /** From now on, `to` is the server that it leads to. */
    async pointAt(to: PostgresServer) {
      await configure(to);
      await runAs(adminUrl, ['reload']);
    },
  };
}

/** `server_login_retry`: seconds until it asks a server again that was not there; 15 unless told. */
const settings = (serverPort: number, port: number, usersFile: string) => `
[databases]
introzy = host=127.0.0.1 port=${serverPort}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${usersFile}
admin_users = postgres
pool_mode = transaction
default_pool_size = 20
max_client_conn = 1000
server_login_retry = 1
`;
