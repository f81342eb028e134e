import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject } from 'vitest';
import { outsideProject } from './outsideProject.ts';

/** The page that is not ours. */
export const EXAMPLE = resolve(import.meta.dirname, '../../client/example');
const NOT_SOURCE = ['node_modules', 'dist', 'package-lock.json'];

interface Served {
  /** The address of the service. */
  service: string;
  key: string;
  /** The port of the page. */
  port: number;
  /** Takes the place of the example's `src`: the code of `src/main.tsx`. */
  main?: string | undefined;
}

/** Installs the example and the packed client in an empty folder, builds the page, and serves the page and its backend. */
export async function serveExample({ service, key, port, main }: Served) {
  const project = await outsideProject();
  const { PATH = '', HOME = '' } = process.env;
  const options = { cwd: project.folder, env: { PATH, HOME, INTROZY_URL: service, INTROZY_API_KEY: key } };
  const leftOut = main === undefined ? NOT_SOURCE : [...NOT_SOURCE, 'Contacts.tsx', 'EditContact.tsx', 'api.ts'];
  await cp(EXAMPLE, project.folder, { recursive: true, filter: (path) => !leftOut.includes(basename(path)) });
  if (main !== undefined) await writeFile(join(project.folder, 'src/main.tsx'), main);
  await project.install('--no-save', inject('package').archive);
  // The compiler's complaints are in standard output.
  await promisify(execFile)('npm', ['run', 'build'], options).catch(({ stdout }) => expect.fail(stdout));
  const vite = join(project.folder, 'node_modules/vite/bin/vite.js');
  const place = ['--host', '127.0.0.1', '--port', String(port), '--strictPort'];
  const server = spawn(process.execPath, [vite, 'preview', ...place], {
    ...options,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(server.stdout, 'data');
  return {
    folder: project.folder,
    async [Symbol.asyncDispose]() {
      const ended = once(server, 'exit');
      server.kill();
      await ended;
      await project[Symbol.asyncDispose]();
    },
  };
}
