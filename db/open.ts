import { type Kysely, sql } from 'kysely';
import { type ConnectionSource, type Connections, createKysely, withinOneDeadline } from './driver/connection.ts';
import { openPostgres, type PostgresOptions } from './driver/postgres.ts';
import { createEntries, type Entries, type Timeouts } from './entries.ts';
import type { Schema } from './schema.ts';

/**
 * The database to open, and its timeouts. An embedded database without a directory is in memory. `accounts` opens a
 * second login and makes the logins separated: the first is a member of `introzy_app` alone, the second of
 * `introzy_auth` alone. `timeouts` then count for neither, as the logins have their own.
 */
export type DatabaseConfig = { timeouts: Timeouts } & (
  | { kind: 'postgres'; options: PostgresOptions; accounts?: PostgresOptions | undefined }
  | { kind: 'embedded'; directory: string | undefined }
);

/** An open database. */
export interface Database {
  readonly kind: DatabaseConfig['kind'];
  /**
   * Acts as the login of `connections`. A single login owns the tables: then `root` is for migrations and the operator.
   * With separate logins `root` has the rights of the role `introzy_app`.
   */
  readonly root: Kysely<Schema>;
  readonly connections: ConnectionSource;
  /** The connections of the accounts' login. The same as `connections` with a single login. */
  readonly accounts: ConnectionSource;
  /** The logins are separated, and own nothing. */
  readonly isSeparated: boolean;
  readonly entries: Entries;
  close(): Promise<void>;
}

/** Opens the database that `config` names. The process cannot end before `close()`. */
export async function openDatabase(config: DatabaseConfig): Promise<Database> {
  const connections =
    config.kind === 'postgres' ? openPostgres(config.options) : await openEmbeddedAt(config.directory);
  const separate = config.kind === 'postgres' && config.accounts ? openPostgres(config.accounts) : undefined;
  return {
    kind: config.kind,
    root: createKysely<Schema>(connections),
    connections,
    accounts: separate ?? connections,
    isSeparated: separate !== undefined,
    entries: createEntries(separate ? {} : { role: true, timeouts: config.timeouts }),
    close: async () => void (await Promise.all([connections.close(), separate?.close()])),
  };
}

/** PGlite is loaded only where used: a service on PostgreSQL would hold its modules in memory for nothing. */
async function openEmbeddedAt(directory: string | undefined): Promise<ConnectionSource> {
  const { openEmbedded } = await import('./driver/embedded.ts');
  return await openEmbedded(directory);
}

/** The parts of a database that a call needs: all transactions of the call share a single deadline. */
export interface CallDatabase extends Pick<Database, 'entries'> {
  readonly connections: Connections;
}
/** `isGone` as in `withinOneDeadline`. */
export const forOneCall = ({ connections, entries }: Database, isGone?: () => boolean): CallDatabase => ({
  connections: withinOneDeadline(connections, isGone),
  entries,
});

/** The same database for work that may take longer than a request: `deadline` as in `PostgresOptions`. */
export const withLimits = (db: Database, { deadline, ...timeouts }: Timeouts & { deadline: number }): Database => {
  const widen = (source: ConnectionSource): ConnectionSource =>
    Number.isFinite(source.deadline)
      ? {
          ...source,
          deadline,
          acquire: (within = deadline) => source.acquire(within),
          share: (statements, within = deadline) => source.share(statements, within),
        }
      : source;
  const { isSeparated } = db;
  const connections = widen(db.connections);
  return {
    ...db,
    root: createKysely<Schema>(connections),
    connections,
    accounts: widen(db.accounts),
    entries: createEntries({ role: !isSeparated, timeouts }),
  };
};

/** Throws `DatabaseUnavailable` where the database does not answer. */
export async function ping({ root }: Database): Promise<void> {
  await sql`select`.execute(root);
}
