import {
  type CompiledQuery,
  type ConnectionProvider,
  type DatabaseConnection,
  DefaultQueryExecutor,
  type Dialect,
  type DialectAdapter,
  type Driver,
  Kysely,
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

/** Gives out connections, and takes each connection back. */
export interface Connections {
  acquire(): Promise<Connection>;
  release(connection: Connection): void;
}

/** PostgreSQL's pool, or the embedded database, which has a single connection. */
export interface ConnectionSource extends Connections {
  /** Milliseconds from the request for a connection until the connection's last answer. */
  readonly deadline: number;
  /** Throws `DatabaseUnavailable` where no connection is free `within` milliseconds (default: the deadline). */
  acquire(within?: number): Promise<Connection>;
  close(): Promise<void>;
}

/** Gives `source` for a single call: all connections that the call uses, in sequence, share a single deadline. */
export function withinOneDeadline(source: ConnectionSource): Connections {
  let left = source.deadline;
  let since = 0;
  return {
    acquire() {
      since = performance.now();
      return source.acquire(left);
    },
    release(connection) {
      left -= performance.now() - since;
      source.release(connection);
    },
  };
}

/** A statement that is sent in front of the first statement of each transaction, in the same round trip. */
export interface Entry {
  statement(): Statement;
  /** Receives the answer to the statement. */
  onEnter?(answer: QueryResult<unknown>): void;
}

/**
 * Makes a Kysely on connections that are open already. With an `entry`, each transaction begins with the entry's
 * statement; a query outside `begin` and `commit` is a transaction of its own.
 *
 * A call of the API makes its own Kysely, so the parts that are the same for every Kysely are made once.
 */
export function createKysely<DB>(connections: Connections, entry?: Entry): Kysely<DB> {
  const provider: ConnectionProvider = {
    async provideConnection(consumer) {
      const connection = await connections.acquire();
      try {
        return await consumer(toKyselyConnection(connection, entry));
      } finally {
        connections.release(connection);
      }
    },
  };
  return new Kysely<DB>({ config, dialect, driver, executor: new DefaultQueryExecutor(compiler, adapter, provider) });
}

/** A `Connection` in the shape that Kysely asks for. */
interface KyselyConnection extends DatabaseConnection {
  readonly connection: Connection;
  readonly entry: Entry | undefined;
  isInTransaction: boolean;
}

function toKyselyConnection(connection: Connection, entry: Entry | undefined): KyselyConnection {
  const kysely: KyselyConnection = {
    connection,
    entry,
    isInTransaction: false,
    async executeQuery<R>(query: CompiledQuery) {
      if (!entry || kysely.isInTransaction) return (await connection.send([query]))[0] as QueryResult<R>;
      const [entered, answer] = await connection.send([entry.statement(), query]);
      entry.onEnter?.(entered as QueryResult<unknown>);
      return answer as QueryResult<R>;
    },
    streamQuery(): AsyncIterableIterator<QueryResult<never>> {
      throw new Error('Streaming is not offered: read by keyset pages instead');
    },
  };
  return kysely;
}

const BEGIN: Statement = { sql: 'begin', parameters: [] };

async function end(kysely: DatabaseConnection, sql: 'commit' | 'rollback') {
  await (kysely as KyselyConnection).connection.send([{ sql, parameters: [] }]);
  (kysely as KyselyConnection).isInTransaction = false;
}

const refuse = async () => {
  throw new Error('A Kysely of this service opens and closes no connection');
};

const driver: Driver = {
  init: async () => {},
  acquireConnection: refuse,
  async beginTransaction(kysely) {
    const { connection, entry } = kysely as KyselyConnection;
    const answers = await connection
      .send(entry ? [BEGIN, entry.statement()] : [BEGIN])
      .catch(async (error: unknown) => {
        // Kysely does not roll back a transaction whose `beginTransaction` has failed. Without this rollback a refused key
        // would leave the connection in a failed transaction.
        await end(kysely, 'rollback').catch(() => {});
        throw error;
      });
    entry?.onEnter?.(answers[1] as QueryResult<unknown>);
    (kysely as KyselyConnection).isInTransaction = true;
  },
  commitTransaction: (kysely) => end(kysely, 'commit'),
  rollbackTransaction: (kysely) => end(kysely, 'rollback'),
  releaseConnection: refuse,
  destroy: refuse,
};

const compiler = new PostgresQueryCompiler();
const postgres = new PostgresAdapter();
/**
 * The methods for Kysely's migration lock do nothing: Kysely's lock is a session's advisory lock, which a transaction
 * pooler loses. expand.ts locks a table instead.
 */
const adapter: DialectAdapter = {
  supportsCreateIfNotExists: true,
  supportsReturning: postgres.supportsReturning,
  supportsTransactionalDdl: postgres.supportsTransactionalDdl,
  acquireMigrationLock: async () => {},
  releaseMigrationLock: async () => {},
};
const dialect: Dialect = {
  createAdapter: () => adapter,
  createDriver: () => driver,
  createIntrospector: (db) => new PostgresIntrospector(db),
  createQueryCompiler: () => compiler,
};
const config = { dialect };
