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
import { ClientGone, isChangedPlan } from '../errors.ts';

/** An SQL statement and its parameters. Kysely's `CompiledQuery` has the same shape. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  /**
   * True for a statement that reads a few rows by an index, and so neither takes long nor waits for a lock: outside a
   * transaction the statement may share a connection with statements of other calls.
   */
  readonly mayShare?: boolean;
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
  /** Sends the statements of one transaction, over a connection that other calls may use at the same time. */
  share(statements: readonly Statement[]): Promise<QueryResult<unknown>[]>;
  /** Gives the call more time: `milliseconds` from now on. Connections without a deadline have no such function. */
  giveTime?(milliseconds: number): void;
}

/** PostgreSQL's pool, or the embedded database, which has a single connection. */
export interface ConnectionSource extends Connections {
  /** Milliseconds from the request for a connection until the connection's last answer. */
  readonly deadline: number;
  /** Throws `DatabaseUnavailable` where no connection is free `within` milliseconds (default: the deadline). */
  acquire(within?: number): Promise<Connection>;
  share(statements: readonly Statement[], within?: number): Promise<QueryResult<unknown>[]>;
  close(): Promise<void>;
}

/**
 * Gives `source` for a single call: all connections that the call uses, in sequence, share a single deadline. Where `isGone`
 * says that the call's client went away while the call waited for a connection, the connection goes back, and the call ends
 * with `ClientGone`. Statements that share a connection only read, and do not ask.
 */
export function withinOneDeadline(source: ConnectionSource, isGone: () => boolean = () => false): Connections {
  let left = source.deadline;
  let since = 0;
  return {
    async share(statements) {
      const begun = performance.now();
      try {
        return await source.share(statements, left);
      } finally {
        left -= performance.now() - begun;
      }
    },
    async acquire() {
      since = performance.now();
      const connection = await source.acquire(left);
      if (!isGone()) return connection;
      source.release(connection);
      throw new ClientGone();
    },
    release(connection) {
      left -= performance.now() - since;
      source.release(connection);
    },
    giveTime: (milliseconds) => void (left = Math.max(left, milliseconds)),
  };
}

/** A statement that is sent in front of the first statement of each transaction, in the same round trip. */
export interface Entry {
  /** `mayShare`: see the statement that follows. */
  statement(mayShare: boolean): Statement;
  /** Receives the answer to the statement. */
  onEnter?(answer: QueryResult<unknown>): void;
  /** Each transaction is rolled back at its end: its statements answer as ever, and write nothing. */
  readonly isDry?: boolean;
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
      const kysely = new KyselyConnection(connections, entry);
      try {
        return await consumer(kysely);
      } finally {
        kysely.release();
      }
    },
  };
  return new Kysely<DB>({ config, dialect, driver, executor: new DefaultQueryExecutor(compiler, adapter, provider) });
}

/** A connection in the shape that Kysely asks for. The connection is acquired when the first statement needs it. */
class KyselyConnection implements DatabaseConnection {
  readonly connections: Connections;
  readonly entry: Entry | undefined;
  acquired: Connection | undefined;
  isInTransaction = false;
  /** The transaction has run nothing but its entry. */
  isFresh = false;

  constructor(connections: Connections, entry: Entry | undefined) {
    this.connections = connections;
    this.entry = entry;
  }

  async send(statements: readonly Statement[]) {
    this.acquired ??= await this.connections.acquire();
    return await this.acquired.send(statements);
  }

  sendOutside(statements: readonly Statement[], mayShare: boolean) {
    return mayShare ? this.connections.share(statements) : this.send(statements);
  }

  release() {
    if (this.acquired) this.connections.release(this.acquired);
  }

  /**
   * A statement whose columns a migration has changed is sent once more, where PostgreSQL has done nothing for the
   * transaction yet.
   */
  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return (this.isInTransaction ? this.executeInside(query) : this.executeOutside(query)) as Promise<QueryResult<R>>;
  }

  async executeOutside(query: CompiledQuery): Promise<QueryResult<unknown>> {
    const { entry } = this;
    if (entry?.isDry) return await this.executeDry(query);
    const { mayShare = false } = query as Statement;
    const statements = entry ? [entry.statement(mayShare), query] : [query];
    let answers: QueryResult<unknown>[];
    try {
      answers = await this.sendOutside(statements, mayShare);
    } catch (error) {
      if (!isChangedPlan(error)) throw error;
      answers = await this.sendOutside(statements, mayShare);
    }
    if (entry) entry.onEnter?.(answers[0] as QueryResult<unknown>);
    return answers[entry ? 1 : 0] as QueryResult<unknown>;
  }

  async executeDry(query: CompiledQuery): Promise<QueryResult<unknown>> {
    await begin(this);
    try {
      return await this.executeInside(query);
    } finally {
      await end(this, ROLLBACK);
    }
  }

  async executeInside(query: CompiledQuery): Promise<QueryResult<unknown>> {
    const { isFresh, entry } = this;
    this.isFresh = false;
    try {
      return (await this.send([query]))[0] as QueryResult<unknown>;
    } catch (error) {
      if (!isFresh || !isChangedPlan(error)) throw error;
      // All in one flight: no statement that the transaction's caller sends at the same time runs outside the transaction.
      const answers = await this.send([ROLLBACK, BEGIN, ...(entry ? [entry.statement(false)] : []), query]);
      if (entry) entry.onEnter?.(answers[2] as QueryResult<unknown>);
      return answers.at(-1) as QueryResult<unknown>;
    }
  }

  streamQuery(): AsyncIterableIterator<QueryResult<never>> {
    throw new Error('Streaming is not offered: read by keyset pages instead');
  }
}

export const BEGIN: Statement = { sql: 'begin', parameters: [] };
export const COMMIT: Statement = { sql: 'commit', parameters: [] };
export const ROLLBACK: Statement = { sql: 'rollback', parameters: [] };

async function begin(kysely: KyselyConnection) {
  const { entry } = kysely;
  const answers = await kysely.send(entry ? [BEGIN, entry.statement(false)] : [BEGIN]).catch(async (error: unknown) => {
    // Kysely does not roll back a transaction whose `beginTransaction` has failed. Without this rollback a refused key
    // would leave the connection in a failed transaction.
    if (kysely.acquired) await end(kysely, ROLLBACK).catch(() => {});
    throw error;
  });
  entry?.onEnter?.(answers[1] as QueryResult<unknown>);
  kysely.isInTransaction = true;
  kysely.isFresh = true;
}

async function end(kysely: KyselyConnection, statement: Statement) {
  await kysely.send([statement]);
  kysely.isInTransaction = false;
}

const refuse = async () => {
  throw new Error('A Kysely of this service opens and closes no connection');
};

const driver: Driver = {
  init: async () => {},
  acquireConnection: refuse,
  beginTransaction: (connection) => begin(connection as KyselyConnection),
  async commitTransaction(connection) {
    const kysely = connection as KyselyConnection;
    await end(kysely, kysely.entry?.isDry ? ROLLBACK : COMMIT);
  },
  rollbackTransaction: (connection) => end(connection as KyselyConnection, ROLLBACK),
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
