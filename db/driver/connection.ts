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

/** An SQL statement and its parameters. Kysely's `CompiledQuery` has the same shape. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/**
 * A database connection. The statements of one `send` travel together and are one transaction: either all statements
 * take effect, or no statement does. Between `begin` and `commit` the statements belong to the open transaction
 * instead.
 */
export interface Connection {
  send(statements: readonly Statement[]): Promise<QueryResult<unknown>[]>;
}

/** Gives connections: PostgreSQL's pool, or the embedded database, which has a single connection. */
export interface ConnectionSource {
  /** Milliseconds from the request for a connection until the connection's last answer. */
  readonly deadline: number;
  /** Throws `DatabaseUnavailable` where no connection is free `within` milliseconds (default: the deadline). */
  acquire(within?: number): Promise<Connection>;
  release(connection: Connection): void;
  close(): Promise<void>;
}

/** Gives `source` for a single call: all connections that the call uses, in sequence, share a single deadline. */
export function withinOneDeadline(source: ConnectionSource): ConnectionSource {
  let left = source.deadline;
  let since = 0;
  return {
    ...source,
    async acquire() {
      since = performance.now();
      return await source.acquire(left);
    },
    release(connection) {
      left -= performance.now() - since;
      source.release(connection);
    },
  };
}

/** A statement that is sent in front of the first statement of each transaction, in the same round trip. */
export interface Entry {
  readonly statement: Statement;
  /** Receives the answer to `statement`. */
  onEnter(answer: QueryResult<unknown>): void;
}

/**
 * Makes a Kysely dialect that takes its connections from `source`. With an `entry`, each transaction begins with the
 * entry's statement; a query outside `begin` and `commit` is a transaction of its own. Only a dialect without an
 * `entry` closes `source` when Kysely is destroyed.
 */
export function createDialect(source: ConnectionSource, entry?: Entry): Dialect {
  return {
    createAdapter: () => adapter,
    createDriver: () => createDriver(source, entry),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => queryCompiler,
  };
}

const queryCompiler = new PostgresQueryCompiler();
const postgres = new PostgresAdapter();
/**
 * The methods for Kysely's migration lock do nothing: Kysely's lock is a session's advisory lock, which a transaction
 * pooler loses. migrate.ts locks a table instead.
 */
const adapter: DialectAdapter = {
  supportsCreateIfNotExists: true,
  supportsReturning: postgres.supportsReturning,
  supportsTransactionalDdl: postgres.supportsTransactionalDdl,
  acquireMigrationLock: async () => {},
  releaseMigrationLock: async () => {},
};

/** A `Connection` in the shape that Kysely asks for. */
interface KyselyConnection extends DatabaseConnection {
  readonly connection: Connection;
  isInTransaction: boolean;
}

function createDriver(source: ConnectionSource, entry: Entry | undefined): Driver {
  const command = (kysely: DatabaseConnection, sql: string) =>
    (kysely as KyselyConnection).connection.send([{ sql, parameters: [] }]);

  return {
    init: async () => {},
    acquireConnection: async () => {
      const connection = await source.acquire();
      const kysely: KyselyConnection = {
        connection,
        isInTransaction: false,
        async executeQuery<R>(query: CompiledQuery) {
          const enter = entry && !kysely.isInTransaction;
          const answers = await connection.send(enter ? [entry.statement, query] : [query]);
          if (enter) entry.onEnter(answers[0] as QueryResult<unknown>);
          return answers.at(-1) as QueryResult<R>;
        },
        streamQuery(): AsyncIterableIterator<QueryResult<never>> {
          throw new Error('Streaming is not offered: read by keyset pages instead');
        },
      };
      return kysely;
    },
    async beginTransaction(kysely) {
      const { connection } = kysely as KyselyConnection;
      const begin: Statement = { sql: 'begin', parameters: [] };
      const answers = await connection
        .send(entry ? [begin, entry.statement] : [begin])
        .catch(async (error: unknown) => {
          // Kysely does not roll back a transaction whose `beginTransaction` has failed. Without this rollback a
          // refused key would leave the connection in a failed transaction.
          await command(kysely, 'rollback').catch(() => {});
          throw error;
        });
      if (entry) entry.onEnter(answers[1] as QueryResult<unknown>);
      (kysely as KyselyConnection).isInTransaction = true;
    },
    async commitTransaction(kysely) {
      await command(kysely, 'commit');
      (kysely as KyselyConnection).isInTransaction = false;
    },
    async rollbackTransaction(kysely) {
      await command(kysely, 'rollback');
      (kysely as KyselyConnection).isInTransaction = false;
    },
    releaseConnection: async (kysely) => source.release((kysely as KyselyConnection).connection),
    destroy: () => (entry ? Promise.resolve() : source.close()),
  };
}
