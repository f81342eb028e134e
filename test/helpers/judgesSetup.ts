import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

const JUDGES = resolve(import.meta.dirname, '../judges');

/** Installs the packages of test/judges (about 180 MB), unless the packages of the present lock file are installed. */
export default async function setup() {
  const lock = await readFile(resolve(JUDGES, 'package-lock.json'), 'utf8');
  // The note holds the lock file of the last complete installation. `npm ci` empties node_modules first, so that an
  // interrupted installation leaves no note.
  const note = resolve(JUDGES, 'node_modules/.installed');
  if ((await readFile(note, 'utf8').catch(() => undefined)) === lock) return;
  process.stdout.write('Installing the packages of test/judges: once, and after each change of its lock file.\n');
  await promisify(execFile)('npm', ['ci'], { cwd: JUDGES });
  await writeFile(note, lock);
}
