import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const ROOT = resolve(import.meta.dirname, '../..');
/** The service of the version before, as `npm run previous` keeps the files. */
export const PREVIOUS_FILE = join(ROOT, 'test/fixtures/previous.tar.gz');

/**
 * Unpacks the version before, below `node_modules`, where Node finds the packages of the present version. Gives the
 * directory, and the names of the migrations that the version contains.
 */
export async function readPrevious(): Promise<{ directory: string; released: ReadonlySet<string> }> {
  const hash = createHash('sha256').update(await readFile(PREVIOUS_FILE));
  const directory = join(ROOT, 'node_modules/.cache/introzy', `previous-${hash.digest('hex').slice(0, 16)}`);
  if (!existsSync(directory)) {
    const unfinished = `${directory}.${process.pid}`;
    await mkdir(unfinished, { recursive: true });
    await promisify(execFile)('tar', ['-xzf', PREVIOUS_FILE, '-C', unfinished]);
    // Another run may have been faster.
    await rename(unfinished, directory).catch(() => rm(unfinished, { recursive: true, force: true }));
  }
  const files = await readdir(join(directory, 'db/migrations'));
  return { directory, released: new Set(files.map((file) => basename(file, '.ts'))) };
}
