import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { generateKeySecret, type KeySecrets, parseKeySecrets } from '../auth/keySecret.ts';
import { ConfigError } from './config.ts';

/** The directory of an embedded database, held by this process alone. */
export interface DataDirectory {
  /** PostgreSQL's own files. */
  database: string;
  readKeySecrets(): Promise<KeySecrets>;
  release(): Promise<void>;
}

/** Which process has the directory. */
interface Holder {
  pid: number;
  /** When it started, where the system tells: another process may have the same id later. */
  startedAt: string | null;
}

/** Another process has the directory; the message names it. */
export class DirectoryInUse extends ConfigError {
  override readonly name = 'DirectoryInUse';
}

/**
 * Takes the directory for this process, or throws and names the process that has it. PGlite locks nothing, and a second
 * process would destroy its files. The lock is SQLite's on a file beside them: the operating system's, so that it ends
 * with its holder however that ends, and no age has to be guessed about. Should somebody have deleted that file, the
 * holder that is noted beside it still counts while it lives.
 */
export async function takeDataDirectory(directory: string): Promise<DataDirectory> {
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new ConfigError(`DATA_DIR (${directory}) cannot be used: ${error.message}. Name a directory of yours.`);
  });
  const holderFile = join(directory, 'holder.json');
  const lock = new DatabaseSync(join(directory, 'lock'), { timeout: 0 });
  const refuse = (holder: Holder | undefined) => {
    lock.close();
    const who = holder ? `process ${holder.pid}` : 'another process, which is just starting';
    return new DirectoryInUse(
      `The embedded database in ${directory} is in use by ${who}. It serves one process: stop that one first, or use PostgreSQL (DATABASE_URL).`,
    );
  };
  try {
    lock.exec('begin exclusive');
  } catch (error) {
    if (!/locked/.test(String(error))) throw error;
    throw refuse(await readHolder(holderFile));
  }
  const before = await readHolder(holderFile);
  if (before && (await isAlive(before))) throw refuse(before);
  const holder: Holder = { pid: process.pid, startedAt: await readStart(process.pid) };
  await writeFile(holderFile, JSON.stringify(holder));

  const database = join(directory, 'database');
  const secretsFile = join(directory, 'key-secrets');
  return {
    database,
    async readKeySecrets() {
      if (!existsSync(secretsFile)) {
        if (existsSync(database)) {
          throw new ConfigError(
            `${secretsFile} is missing, and without it no key in ${directory} verifies. Put it back, or set INTROZY_KEY_SECRETS to what it held.`,
          );
        }
        await writePrivately(secretsFile, `${generateKeySecret()}\n`);
      }
      try {
        return parseKeySecrets((await readFile(secretsFile, 'utf8')).trim());
      } catch (error) {
        throw new ConfigError(`${secretsFile} is not valid: ${(error as Error).message}.`);
      }
    },
    async release() {
      await rm(holderFile, { force: true });
      lock.close();
    },
  };
}

/** The holder that is noted; `undefined` where there is none, or its note is not whole yet. */
async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/** True where the holder is surely a process that runs, and not this one. */
async function isAlive({ pid, startedAt }: Holder): Promise<boolean> {
  return pid !== process.pid && startedAt !== null && startedAt === (await readStart(pid));
}

/** When a process that runs started, in ticks since the machine did (proc(5)); `null` for none, and where no /proc is. */
async function readStart(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // From the third field on: the second, the program's name, may hold blanks and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const isZombie = fields[0] === 'Z';
    return isZombie ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

/** Writes a file that only its owner may read, wholly or not at all. */
async function writePrivately(file: string, text: string) {
  const temporary = `${file}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
