import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { generateKeySecret, type KeySecrets, parseKeySecrets } from './auth/keySecret.ts';
import { ConfigError } from './config.ts';

/** The directory of an embedded database, held by this process alone. */
export interface DataDirectory {
  /** PostgreSQL's own files. */
  database: string;
  readKeySecrets(): Promise<KeySecrets>;
  release(): void;
}

interface Holder {
  pid: number;
}

/**
 * Takes the directory for this process, or throws and names the process that has it. PGlite locks nothing, and a second
 * process would destroy its files. The lock is SQLite's on a file beside them: the operating system's, so that it ends
 * with its holder however that ends, and no age or process id has to be guessed about.
 */
export async function takeDataDirectory(directory: string): Promise<DataDirectory> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const holderFile = join(directory, 'holder.json');
  const lock = new DatabaseSync(join(directory, 'lock'), { timeout: 0 });
  try {
    lock.exec('begin exclusive');
  } catch (error) {
    lock.close();
    if (!/locked/.test(String(error))) throw error;
    throw new ConfigError(
      `The embedded database in ${directory} is in use by ${await describeHolder(holderFile)}. It serves one process: stop that one first, or use PostgreSQL (DATABASE_URL).`,
    );
  }
  const holder: Holder = { pid: process.pid };
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
    release: () => lock.close(),
  };
}

async function describeHolder(file: string): Promise<string> {
  try {
    const { pid } = JSON.parse(await readFile(file, 'utf8')) as Holder;
    return `process ${pid}`;
  } catch {
    return 'another process, which is just starting';
  }
}

/** Writes a file that only its owner may read, wholly or not at all. */
async function writePrivately(file: string, text: string) {
  const temporary = `${file}.${process.pid}`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
