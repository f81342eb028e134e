import { Kysely, sql } from 'kysely';
import { type ConnectionSource, createDialect, withinOneDeadline } from './driver/connection.ts';
import { openEmbedded } from './driver/embedded.ts';
import { openPostgres, type PostgresOptions } from './driver/postgres.ts';
import type { Schema } from './schema.ts';

/** Milliseconds that the database gives a statement (`statement_timeout`), and a wait for a lock (`lock_timeout`). */
interface Timeouts {
  statement: number;
  lock: number;
}

/** The database to open, and its timeouts. An embedded database without a directory is in memory. */
export type DatabaseConfig = { timeouts: Timeouts } & (
  | { kind: 'postgres'; options: PostgresOptions }
  | { kind: 'embedded'; directory: string | undefined }
);

/** An open database. `root` acts as the connection's own role, for migrations and the operator, never for a tenant. */
export interface Database {
  readonly kind: DatabaseConfig['kind'];
  readonly root: Kysely<Schema>;
  readonly connections: ConnectionSource;
  readonly timeouts: Timeouts;
  close(): Promise<void>;
}

/** Opens the database that `config` names. The process cannot end before `close()`. */
export async function openDatabase(config: DatabaseConfig): Promise<Database> {
  const connections = config.kind === 'postgres' ? openPostgres(config.options) : await openEmbedded(config.directory);
  const root = new Kysely<Schema>({ dialect: createDialect(connections) });
  return { kind: config.kind, root, connections, timeouts: config.timeouts, close: () => connections.close() };
}

/** The database for one call: all transactions of the call share a single deadline. */
export const forOneCall = (db: Database): Database => ({
  ...db,
  connections: withinOneDeadline(db.connections),
});

/** The same database for work that may take longer than a request: `deadline` as in `PostgresOptions`. */
export const withLimits = (db: Database, { statement, lock, deadline }: Timeouts & { deadline: number }): Database => {
  const isBounded = Number.isFinite(db.connections.deadline);
  const acquire = (within = deadline) => db.connections.acquire(within);
  return {
    ...db,
    timeouts: { statement, lock },
    ...(isBounded && { connections: { ...db.connections, deadline, acquire } }),
  };
};

/** Throws `DatabaseUnavailable` where the database does not answer. */
export async function ping({ root }: Database): Promise<void> {
  await sql`select`.execute(root);
}
