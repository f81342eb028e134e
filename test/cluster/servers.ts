import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runAs } from '../helpers/database.ts';
import { freePort } from '../helpers/postgres.ts';
import { runProgram, startDaemon, until } from './programs.ts';

/** Settings that the servers of a cluster share. */
export interface Site {
  programs: { postgresql: string; pgbouncer: string };
  /** A folder of the cluster alone. The folder belongs to the user that the servers run as. */
  directory: string;
  /** The passwords of the superuser `postgres` and of the service's user. */
  passwords: { postgres: string; introzy_owner: string };
}

export const generatePassword = () => randomBytes(16).toString('hex');

const urlAt = (site: Site, user: keyof Site['passwords'], [port, database]: [number, string]) =>
  `postgres://${user}:${site.passwords[user]}@127.0.0.1:${port}/${database}`;

/** Starts a new PostgreSQL server. The server answers a commit once the server named `standby` has the commit too. */
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
  // The setting is an option of the command and not in a file: the standby copies the files, and must wait for no
  // standby after its promotion.
  return await startPostgres(site, 'primary', ['-c', 'synchronous_standby_names=standby']);
}

/** Starts a copy of `primary` that follows `primary`. Resolves once the commits of `primary` wait for the standby. */
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
  // `synchronous_standby_names` refers to a standby by its `cluster_name`.
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
      // The shared memory is in the data directory: in /dev/shm a killed server would leave its memory behind.
      ...['-c', 'dynamic_shared_memory_type=mmap', ...settings],
    ],
    { directory: data, endBy: 'SIGQUIT', isReady: () => runAs(postgresUrl, ['select']) },
  );
  const lock = await readFile(join(data, 'postmaster.pid'), 'utf8');
  return {
    ...daemon,
    port,
    /** URLs of the superuser: the database `postgres`, and the service's database. */
    postgresUrl,
    adminUrl: urlAt(site, 'postgres', [port, 'introzy']),
    /** Kills the server and all of its processes, as a failing machine does. */
    async kill() {
      await daemon.kill();
      // The seventh line of postmaster.pid holds the key and the id of a System V segment, which a killed server leaves
      // behind.
      const segment = lock.split('\n')[6]?.trim().split(/\s+/)[1];
      if (segment) await runProgram(['ipcrm', '--shmem-id', segment]).catch(() => {});
    },
  };
}

export type PostgresServer = Awaited<ReturnType<typeof startPostgres>>;

/** Starts PgBouncer in transaction mode in front of `server`. */
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
    // On any other signal newer versions of PgBouncer wait for their clients. PgBouncer has nothing to save.
    endBy: 'SIGKILL',
    isReady: () => runAs(adminUrl, ['show version']),
  });
  return {
    ...daemon,
    /** The URL that the service connects to. */
    url: urlAt(site, 'introzy_owner', [port, 'introzy']),
    /** PgBouncer's own console, for commands such as `show pools`, `pause` and `reload`. */
    adminUrl,
    /** Makes PgBouncer connect to the server `to` from now on. */
    async pointAt(to: PostgresServer) {
      await configure(to);
      await runAs(adminUrl, ['reload']);
    },
  };
}

/** `server_login_retry`: seconds until PgBouncer tries an absent server again. PgBouncer's default is 15. */
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
