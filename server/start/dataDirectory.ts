import { chmodSync, existsSync, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { generateKeySecret, type KeySecrets, parseKeySecrets } from '../auth/keySecret.ts';
import { ConfigError } from './config.ts';

/** The directory of an embedded database, which no other process may use. */
export interface DataDirectory {
  /** The path of PostgreSQL's own files. */
  database: string;
  /** Reads the server secrets, made at the first start. Throws a `ConfigError` where a used database lacks secrets. */
  readKeySecrets(): Promise<KeySecrets>;
  release(): Promise<void>;
}

/** The process that has the directory, as noted in `holder.json`. */
interface Holder {
  pid: number;
  /** The time of the process's start, as `readStart` gives it: another process may have the same id later. */
  startedAt: string | null;
}

/** Another process has the directory; the message names the process. */
export class DirectoryInUse extends ConfigError {
  override readonly name = 'DirectoryInUse';
}

/**
 * Takes the directory for this process. Throws `DirectoryInUse` where another process has the directory, `ConfigError`
 * where the directory cannot be made, or is a program's. PGlite locks nothing, and a second process would destroy the
 * database's files. So SQLite locks a file beside the database. The operating system drops the lock when the holder ends,
 * however the holder ends: no age of a lock has to be guessed. Where somebody has deleted the locked file, the process in
 * `holder.json` still counts as the holder while the process lives.
 */
export async function takeDataDirectory(directory: string): Promise<DataDirectory> {
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new ConfigError(`DATA_DIR (${directory}) cannot be used: ${error.message}. Name a directory of yours.`);
  });
  refuseProgram(directory);
  closeToOthers(directory);
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

/** Refuses the directory of a program, such as `DATA_DIR=.`: its files would be closed to others, and run no more. */
function refuseProgram(directory: string) {
  const found = ['package.json', '.git'].find((name) => existsSync(join(directory, name)));
  if (found === undefined) return;
  throw new ConfigError(
    `DATA_DIR (${directory}) is the directory of a program: it has ${found}. Name a directory for the data alone, as all in it is closed to others.`,
  );
}

/**
 * Has the directory and all in it be for this process's user alone (modes 0700 and 0600): it may have been there before.
 * New files are private by the umask that the programs set, and by `privateNodeFS`. Throws a `ConfigError` where a mode
 * cannot be changed.
 */
function closeToOthers(directory: string) {
  const root = realpathSync(directory);
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' });
  for (const path of [root, ...names.map((name) => join(root, name))]) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    // The process that has the directory may be deleting a file; the mode of a symbolic link says nothing.
    if (!stat || stat.isSymbolicLink() || (stat.mode & 0o077) === 0) continue;
    try {
      chmodSync(path, stat.isDirectory() ? 0o700 : 0o600);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') continue;
      throw new ConfigError(
        `${path} is open to others, and cannot be closed: ${message}. Make it your own, mode 0600.`,
      );
    }
  }
}

/** Reads the note of the holder; `undefined` where there is no note, or the note is not whole yet. */
async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/** True where the noted process surely runs still, and is not this process. Without a known start, nothing is sure. */
async function isAlive({ pid, startedAt }: Holder): Promise<boolean> {
  return pid !== process.pid && startedAt !== null && startedAt === (await readStart(pid));
}

/** The start of a running process, in ticks since the machine's (proc(5)); `null` if not running, or without /proc. */
async function readStart(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // From the third field on: the second field, the program's name, may hold blanks and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const isZombie = fields[0] === 'Z';
    return isZombie ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

/** Writes a file for its owner alone (mode 0600): the whole file, or nothing. */
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
