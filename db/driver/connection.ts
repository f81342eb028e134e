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
export interface Connection {
  send(statements: readonly Statement[]): Promise<QueryResult<unknown>[]>;
}

/** Where connections come from: PostgreSQL's pool, or the embedded database, which has a single connection. */
export interface ConnectionSource {
  /** Milliseconds from asking for a connection until its last answer. */
  readonly deadline: number;
  /** Throws `DatabaseUnavailable` where no connection is free `within` milliseconds (default: the deadline). */
  acquire(within?: number): Promise<Connection>;
  release(connection: Connection): void;
  close(): Promise<void>;
}

/** `source` for one call: all connections that the call uses, one after the other, share a single deadline. */
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

/** A statement that is sent before the first statement of each transaction, in the same flight. */
export interface Entry {
  readonly statement: Statement;
  /** Takes the statement's answer. */
  onEnter(answer: QueryResult<unknown>): void;
}

/** Kysely over `source`. With an `entry`, each transaction (a lone statement is one) begins with it. */
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
/** Kysely's own migration lock is a session's advisory lock, which a transaction pooler loses: see migrate.ts. */
const adapter: DialectAdapter = {
  supportsCreateIfNotExists: true,
  supportsReturning: postgres.supportsReturning,
  supportsTransactionalDdl: postgres.supportsTransactionalDdl,
  acquireMigrationLock: async () => {},
  releaseMigrationLock: async () => {},
};

/** A connection as Kysely knows it. */
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
          // Kysely ends only what has begun, and a refused key would leave the connection in a failed transaction.
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
