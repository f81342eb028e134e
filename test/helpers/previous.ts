import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const ROOT = resolve(import.meta.dirname, '../..');
/** The service of the version before, as `npm run previous` keeps the files. */
export const PREVIOUS_FILE = join(ROOT, 'test/fixtures/previous.tar.gz');

/**
 * Unpacks the version before, with the packages of the present version, until the end of the scope. `released` names the
 * migrations that the version contains. Node runs no TypeScript below `node_modules`, so the directory is elsewhere.
 */
export async function unpackPrevious() {
  const directory = await mkdtemp(join(tmpdir(), 'introzy-previous-'));
  await promisify(execFile)('tar', ['-xzf', PREVIOUS_FILE, '-C', directory]);
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  const files = await readdir(join(directory, 'db/migrations'));
  const released: ReadonlySet<string> = new Set(files.map((file) => basename(file, '.ts')));
  return { directory, released, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}
