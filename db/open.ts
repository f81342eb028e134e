import { Kysely, sql } from 'kysely';
import { type Links, linkDialect, withinOneDeadline } from './driver/connection.ts';
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
  readonly links: Links;
  readonly timeouts: Timeouts;
  close(): Promise<void>;
}

/** Opens the database that `config` names. Close it to let the process end. */
export async function openDatabase(config: DatabaseConfig): Promise<Database> {
  const links = config.kind === 'postgres' ? openPostgres(config.options) : await openEmbedded(config.directory);
  const root = new Kysely<Schema>({ dialect: linkDialect(links) });
  return { root, links, timeouts: config.timeouts, close: () => links.close() };
}

/** The database for one call: all of its transactions have together the time that one may take. */
export const forOneCall = (db: Database): Database => ({ ...db, links: withinOneDeadline(db.links) });

/** Throws `DatabaseUnavailable` where the database does not answer. */
export async function ping({ root }: Database): Promise<void> {
  await sql`select`.execute(root);
}
