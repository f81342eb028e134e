import { eraseOldEntries } from '../../db/auditErasure.ts';
import { expand } from '../../db/expand.ts';
import { restoreRights } from '../../db/logins.ts';
import { type Finished, finishMigrations, migrate } from '../../db/migrate.ts';
import { type Database, openDatabase } from '../../db/open.ts';
import { eraseOrganizations } from '../../db/organizationErasure.ts';
import type { KeySecrets } from '../auth/keySecret.ts';
import { checkLogins } from './checkLogins.ts';
import type { Config } from './config.ts';
import { takeDataDirectory } from './dataDirectory.ts';
import { explain } from './explain.ts';

/** The database, at a schema that this version serves, and the server secrets of the keys in the database. */
export interface Store {
  db: Database;
  keySecrets: KeySecrets;
  /** The names of the migrations that ran when the store was opened. */
  migrated: string[];
  /** Does the work of migrations beside the service, until `signal`. The embedded database is opened with this work done. */
  finish(signal?: AbortSignal): Promise<Finished>;
  /** Erases the entries of the audit log that are older than AUDIT_DAYS, until `signal`. Gives the number of entries. */
  trimAuditLog(signal?: AbortSignal): Promise<number>;
  /** Erases the organizations whose days to restore are over, until `signal`. Gives their ids. */
  eraseOrganizations(signal?: AbortSignal): Promise<string[]>;
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
/** Milliseconds that a single step may take that nobody waits for, such as the index of a large table. */
export const STEP_DEADLINE = 86_400_000;

/**
 * Opens the database that `config` names, for requests or for a command of the operator, and runs the migrations that come
 * before serving. With separate logins, requests get logins that own nothing, and a command gets the owner. Throws
 * `ConfigError`.
 */
export async function openStore(config: Config, purpose: 'requests' | 'commands'): Promise<Store> {
  const { deadline: _, ...timeouts } = purpose === 'requests' ? REQUEST_LIMITS : COMMAND_LIMITS;
  const { databaseUrl, keySecrets, auditDays } = config;
  if (databaseUrl !== undefined && keySecrets !== undefined) {
    const owner = config.separateLogins ? 'DATABASE_MIGRATION_URL' : 'DATABASE_URL';
    // A migration may take longer than any request.
    const migrating = await openAsOwner(config, databaseUrl, COMMAND_LIMITS);
    try {
      const migrated = await explain(owner, expand(migrating));
      await explain(owner, restoreRights(migrating));
      const db = await (purpose === 'requests'
        ? openForRequests(config, databaseUrl, migrating)
        : openAsOwner(config, databaseUrl, COMMAND_LIMITS));
      const asOwner = async <T>(work: (working: Database) => Promise<T>) => {
        const working = await openAsOwner(config, databaseUrl, { ...COMMAND_LIMITS, deadline: STEP_DEADLINE });
        return await explain(owner, work(working)).finally(() => working.close());
      };
      const finish = (signal?: AbortSignal) => asOwner((working) => finishMigrations(working, { signal }));
      const trimAuditLog = async (signal?: AbortSignal) =>
        auditDays === undefined ? 0 : await asOwner(({ root }) => eraseOldEntries(root, { days: auditDays, signal }));
      const erase = (signal?: AbortSignal) => asOwner(({ root }) => eraseOrganizations(root, signal));
      return { db, keySecrets, migrated, finish, trimAuditLog, eraseOrganizations: erase, close: () => db.close() };
    } finally {
      await migrating.close();
    }
  }

  const directory = await takeDataDirectory(config.dataDirectory);
  try {
    const secrets = keySecrets ?? (await directory.readKeySecrets());
    const db = await openDatabase({ kind: 'embedded', timeouts, directory: directory.database });
    const close = async () => {
      await db.close();
      await directory.release();
    };
    const finish = async () => ({ migrated: [], remade: 0 });
    const trimAuditLog = async (signal?: AbortSignal) =>
      auditDays === undefined ? 0 : await eraseOldEntries(db.root, { days: auditDays, signal });
    const migrated = await explain('DATA_DIR', migrate(db));
    const erase = (signal?: AbortSignal) => eraseOrganizations(db.root, signal);
    return { db, keySecrets: secrets, migrated, finish, trimAuditLog, eraseOrganizations: erase, close };
  } catch (error) {
    await directory.release();
    throw error;
  }
}

/** Opens PostgreSQL with the login that owns the tables. */
function openAsOwner(
  { separateLogins, prepareStatements: prepare }: Config,
  databaseUrl: string,
  { deadline, ...timeouts }: { statement: number; lock: number; deadline: number },
): Promise<Database> {
  const url = separateLogins?.migrationUrl ?? databaseUrl;
  return openDatabase({ kind: 'postgres', timeouts, options: { url, poolSize: POOL_SIZE, deadline, prepare } });
}

/** Opens PostgreSQL to serve. Throws a `ConfigError` where the separate logins are not as they must be. */
async function openForRequests(config: Config, url: string, owner: Database): Promise<Database> {
  const { separateLogins, prepareStatements: prepare } = config;
  if (!separateLogins) return await openAsOwner(config, url, REQUEST_LIMITS);
  const { deadline, ...timeouts } = REQUEST_LIMITS;
  const options = { url, poolSize: POOL_SIZE, deadline, prepare };
  const accounts = { ...options, url: separateLogins.accountsUrl };
  const db = await openDatabase({ kind: 'postgres', timeouts, options, accounts });
  try {
    await checkLogins(db, owner, timeouts);
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}
