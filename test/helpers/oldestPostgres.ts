import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, runProgram, startDaemon } from '../cluster/programs.ts';
import { runAs } from './database.ts';
import { freePort } from './postgres.ts';

/** The programs of the oldest PostgreSQL that the service runs on, as Debian installs them. */
const PROGRAMS = '/usr/lib/postgresql/15/bin';
export const hasOldestPostgres = ['initdb', 'postgres'].every((name) => existsSync(join(PROGRAMS, name)));

/** Starts PostgreSQL 15 on 127.0.0.1, with the superuser `postgres`. */
export async function startOldestPostgres() {
  const directory = await makeDirectory();
  const [data, passwordFile] = [join(directory.path, 'data'), join(directory.path, 'password')];
  await writeFile(passwordFile, 'postgres');
  await runProgram([
    join(PROGRAMS, 'initdb'),
    ...[`--pgdata=${data}`, '--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
    ...['--encoding=UTF8', '--locale=C.UTF-8', '--no-sync'],
  ]);
  const port = await freePort();
  const adminUrl = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`;
  const options = { listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off', full_page_writes: 'off' };
  const daemon = await startDaemon(
    [
      join(PROGRAMS, 'postgres'),
      ...['-D', data, '-p', String(port)],
      ...Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    { directory: directory.path, endBy: 'SIGQUIT', isReady: () => runAs(adminUrl, ['select']) },
  );
  return {
    adminUrl,
    async stop() {
      await daemon[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}
