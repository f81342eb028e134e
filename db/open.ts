import { Kysely, sql } from 'kysely';
import { type ConnectionSource, createDialect, withinOneDeadline } from './driver/connection.ts';
import { openEmbedded } from './driver/embedded.ts';
import { openPostgres, type PostgresOptions } from './driver/postgres.ts';
import type { Schema } from './schema.ts';

/** Milliseconds a transaction's statements may take, and wait for a lock, on the database's side. */
interface Timeouts {
  statement: number;
  lock: number;
}

/** Where the data is, and how long it may take to answer. */
export type DatabaseConfig = { timeouts: Timeouts } & (
  | { kind: 'postgres'; options: PostgresOptions }
  | { kind: 'embedded'; directory: string | undefined }
);

/** An open database. `root` is the connection's own role: migrations and the operator's look-ups, never a tenant's. */
export interface Database {
  readonly root: Kysely<Schema>;
  readonly connections: ConnectionSource;
  readonly timeouts: Timeouts;
  close(): Promise<void>;
}

/** Opens the database that `config` names. Close it to let the process end. */
export async function openDatabase(config: DatabaseConfig): Promise<Database> {
  const connections = config.kind === 'postgres' ? openPostgres(config.options) : await openEmbedded(config.directory);
  const root = new Kysely<Schema>({ dialect: createDialect(connections) });
  return { root, connections, timeouts: config.timeouts, close: () => connections.close() };
}

/** The database for one call: all transactions of the call share a single deadline. */
export const forOneCall = (db: Database): Database => ({
  ...db,
  connections: withinOneDeadline(db.connections),
});

/** Throws `DatabaseUnavailable` where the database does not answer. */
export async function ping({ root }: Database): Promise<void> {
  await sql`select`.execute(root);
}
