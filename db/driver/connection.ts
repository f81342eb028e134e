import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type DialectAdapter,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely';

/** A statement and its parameters; a Kysely `CompiledQuery` is one. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/**
 * A database connection. The statements of one `send` travel together and are one transaction: all of them take effect
 * or none does. Inside `BEGIN` … `COMMIT` they belong to that transaction instead.
 */
export interface Link {
  send(statements: readonly Statement[]): Promise<QueryResult<unknown>[]>;
}

/** Where connections come from: PostgreSQL's pool, or the one of the embedded database. */
export interface Links {
  /** Milliseconds from asking for a connection until its last answer. */
  readonly deadline: number;
  /** Throws `DatabaseUnavailable` where none is free `within` milliseconds: all of the deadline unless told. */
  acquire(within?: number): Promise<Link>;
  release(link: Link): void;
  close(): Promise<void>;
}

/** `links` for one call: all of its connections, one after the other, have together the time that one may take. */
export function withinOneDeadline(links: Links): Links {
  let left = links.deadline;
  let since = 0;
  return {
    ...links,
    async acquire() {
      since = performance.now();
      return await links.acquire(left);
    },
    release(link) {
      left -= performance.now() - since;
      links.release(link);
    },
  };
}

/** Asked for before the first statement of each transaction, in the same flight; its answer goes to `onEnter`. */
export interface Entry {
  readonly statement: Statement;
  onEnter(answer: QueryResult<unknown>): void;
}

/** Kysely over `links`. With an `entry`, each transaction (a lone statement is one) begins with it. */
export function linkDialect(links: Links, entry?: Entry): Dialect {
  return {
    createAdapter: () => adapter,
    createDriver: () => linkDriver(links, entry),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => queryCompiler,
  };
}

const queryCompiler = new PostgresQueryCompiler();
const postgres = new PostgresAdapter();
/** Kysely's own migration lock is a session's advisory lock, which a transaction pooler loses: see migrate.ts. */
const adapter: DialectAdapter = {
  supportsCreateIfNotExists: true,
  supportsReturning: postgres.supportsReturning,
  supportsTransactionalDdl: postgres.supportsTransactionalDdl,
  acquireMigrationLock: async () => {},
  releaseMigrationLock: async () => {},
};

interface LinkConnection extends DatabaseConnection {
  readonly link: Link;
  open: boolean;
}

function linkDriver(links: Links, entry: Entry | undefined): Driver {
  const command = (connection: DatabaseConnection, sql: string) =>
    (connection as LinkConnection).link.send([{ sql, parameters: [] }]);

  return {
    init: async () => {},
    acquireConnection: async () => {
      const link = await links.acquire();
      const connection: LinkConnection = {
        link,
        open: false,
        async executeQuery<R>(query: CompiledQuery) {
          const enter = entry && !connection.open;
          const answers = await link.send(enter ? [entry.statement, query] : [query]);
          if (enter) entry.onEnter(answers[0] as QueryResult<unknown>);
          return answers.at(-1) as QueryResult<R>;
        },
        streamQuery(): AsyncIterableIterator<QueryResult<never>> {
          throw new Error('Streaming is not offered: read by keyset pages instead');
        },
      };
      return connection;
    },
    async beginTransaction(connection) {
      const { link } = connection as LinkConnection;
      const begin: Statement = { sql: 'begin', parameters: [] };
      const answers = await link.send(entry ? [begin, entry.statement] : [begin]).catch(async (error: unknown) => {
        // Kysely ends only what has begun, and a refused key would leave the connection in a failed transaction.
        await command(connection, 'rollback').catch(() => {});
        throw error;
      });
      if (entry) entry.onEnter(answers[1] as QueryResult<unknown>);
      (connection as LinkConnection).open = true;
    },
    async commitTransaction(connection) {
      await command(connection, 'commit');
      (connection as LinkConnection).open = false;
    },
    async rollbackTransaction(connection) {
      await command(connection, 'rollback');
      (connection as LinkConnection).open = false;
    },
    releaseConnection: async (connection) => links.release((connection as LinkConnection).link),
    destroy: () => (entry ? Promise.resolve() : links.close()),
  };
}
