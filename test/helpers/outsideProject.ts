import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The client's package as npm would publish it. */
interface Packed {
  /** The path of the archive. */
  archive: string;
  files: string[];
}

declare module 'vitest' {
  interface ProvidedContext {
    package: Packed;
  }
}

/** A folder of another project, with no packages but those that a test installs. npm's cache serves the packages that it has. */
export async function outsideProject(manifest: object = { name: 'somebody', private: true, type: 'module' }) {
  const folder = await mkdtemp(join(tmpdir(), 'introzy-outside-'));
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  return {
    folder,
    /** Installs packages such as `superjson@2.2.6`, or an archive. Throws where peers do not agree. */
    install: (...packages: string[]) =>
      run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages], { cwd: folder }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
