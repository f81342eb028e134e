import { Kysely, sql } from 'kysely';
import { type Links, linkDialect, withinOneDeadline } from './driver/connection.ts';
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
  readonly root: Kysely<Schema>;
  readonly links: Links;
  readonly timeouts: Timeouts;
  close(): Promise<void>;
}

/** Opens the database that `config` names. The process cannot end before `close()`. */
export async function openDatabase(config: DatabaseConfig): Promise<Database> {
  const links = config.kind === 'postgres' ? openPostgres(config.options) : await openEmbedded(config.directory);
  const root = new Kysely<Schema>({ dialect: linkDialect(links) });
  return { root, links, timeouts: config.timeouts, close: () => links.close() };
}

/** The database for a single API call: all transactions of the call share the time limit of a single transaction. */
export const forOneCall = (db: Database): Database => ({ ...db, links: withinOneDeadline(db.links) });

/** Throws `DatabaseUnavailable` where the database does not answer. */
export async function ping({ root }: Database): Promise<void> {
  await sql`select`.execute(root);
}
