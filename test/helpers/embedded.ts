import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { migrate } from '../../db/migrate.ts';
import { openDatabase } from '../../db/open.ts';
import { generateKeySecret } from '../../server/auth/keySecret.ts';
import { PATIENT_LIMITS } from './database.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CACHE = join(ROOT, 'node_modules/.cache/introzy');

/**
 * The directory of an empty embedded database at the newest schema. The directory is made once, which takes PGlite three
 * seconds, and kept for later runs with the same migrations, the same packages and the same text of this file.
 */
export async function embeddedTemplate(): Promise<string> {
  const migrations = join(ROOT, 'db/migrations');
  const files = (await readdir(migrations)).sort().map((name) => join(migrations, name));
  const hash = createHash('sha256');
  const others = [join(ROOT, 'db/migrationList.ts'), join(ROOT, 'package-lock.json'), import.meta.filename];
  for (const file of [...files, ...others]) {
    hash.update(await readFile(file));
  }
  const template = join(CACHE, `embedded-${hash.digest('hex').slice(0, 16)}`);
  if (!existsSync(template)) await makeTemplate(template);
  return template;
}

/** Makes the template beside its place and then moves it there: another run never sees a part of the template. */
async function makeTemplate(template: string) {
  const unfinished = `${template}.${process.pid}`;
  await mkdir(dirname(template), { recursive: true });
  const db = await openDatabase({ kind: 'embedded', directory: unfinished, timeouts: PATIENT_LIMITS });
  await migrate(db).finally(() => db.close());
  // PGlite writes zeros over its buffers at each start. Over 128 MB, PostgreSQL's default, that takes half of a start.
  await appendFile(join(unfinished, 'postgresql.auto.conf'), 'shared_buffers = 16MB\n');
  // Another run may have been faster.
  await rename(unfinished, template).catch(() => rm(unfinished, { recursive: true, force: true }));
}

/** Copies a database's directory. The program `cp` is ten times as fast as `cp` of node:fs, which copies file by file. */
export async function copyDatabase(from: string, to: string) {
  await promisify(execFile)('cp', ['-R', `${from}/.`, to]);
}

/** Makes the service's DATA_DIR as an earlier start has left it: with server secrets, and a database without contents. */
export async function makeDataDirectory(template: string, directory: string) {
  const database = join(directory, 'database');
  await mkdir(database, { recursive: true, mode: 0o700 });
  await copyDatabase(template, database);
  await writeFile(join(directory, 'key-secrets'), `${generateKeySecret()}\n`, { mode: 0o600 });
}
