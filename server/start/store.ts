import { migrate } from '../../db/migrate.ts';
import { type Database, openDatabase } from '../../db/open.ts';
import type { KeySecrets } from '../auth/keySecret.ts';
import { type Config, ConfigError } from './config.ts';
import { takeDataDirectory } from './dataDirectory.ts';

/** The database, at the newest schema, and the server secrets of the keys in the database. */
export interface Store {
  db: Database;
  keySecrets: KeySecrets;
  /** The names of the migrations that ran when the store was opened. */
  migrated: string[];
  close(): Promise<void>;
}

/**
 * Milliseconds that the database may take: for a statement, for a wait for a lock, and (PostgreSQL alone) from the wait
 * for a connection to the last answer. A request is answered within 2 seconds; an operator waits.
 */
export const REQUEST_LIMITS = { statement: 1_300, lock: 1_000, deadline: 1_600 } as const;
export const COMMAND_LIMITS = { statement: 300_000, lock: 30_000, deadline: 600_000 } as const;
/** The most connections to PostgreSQL. */
const POOL_SIZE = 10;

/** Opens the database that `config` names, and migrates the database. Throws `ConfigError`. */
export async function openStore(
  config: Config,
  { statement, lock, deadline }: typeof REQUEST_LIMITS | typeof COMMAND_LIMITS,
): Promise<Store> {
  const timeouts = { statement, lock };
  const { databaseUrl: url, keySecrets, prepareStatements: prepare } = config;
  if (url !== undefined && keySecrets !== undefined) {
    const connect = (limit: number) =>
      openDatabase({ kind: 'postgres', timeouts, options: { url, poolSize: POOL_SIZE, deadline: limit, prepare } });
    // A migration may take longer than any request.
    const migrating = await connect(COMMAND_LIMITS.deadline);
    const migrated = await migrateAndExplain(migrating).finally(() => migrating.close());
    const db = await connect(deadline);
    return { db, keySecrets, migrated, close: () => db.close() };
  }

  const directory = await takeDataDirectory(config.dataDirectory);
  try {
    const secrets = keySecrets ?? (await directory.readKeySecrets());
    const db = await openDatabase({ kind: 'embedded', timeouts, directory: directory.database });
    const close = async () => {
      await db.close();
      await directory.release();
    };
    return { db, keySecrets: secrets, migrated: await migrateAndExplain(db), close };
  } catch (error) {
    await directory.release();
    throw error;
  }
}

async function migrateAndExplain(db: Database): Promise<string[]> {
  try {
    return await migrate(db.root);
  } catch (error) {
    const { message, hint } = error as Error & { hint?: string };
    throw new ConfigError(`The database could not be prepared: ${message}.${hint ? ` ${hint}.` : ''}`, {
      cause: error,
    });
  }
}
