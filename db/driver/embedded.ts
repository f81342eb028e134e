import { PGlite } from '@electric-sql/pglite';
import { btree_gin } from '@electric-sql/pglite/contrib/btree_gin';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import type { QueryResult } from 'kysely';
import { translateError } from '../errors.ts';
import type { Connection, ConnectionSource, Statement } from './connection.ts';

/**
 * Opens PostgreSQL inside this process, with its files in `directory`; without a directory, in memory. The caller must
 * hold the lock on the directory: a second process on the same files destroys the files.
 */
export async function openEmbedded(directory: string | undefined): Promise<ConnectionSource> {
  const extensions = { btree_gin, pg_trgm };
  const database = await PGlite.create(directory === undefined ? { extensions } : { dataDir: directory, extensions });
  const connection = createConnection(database);
  // All callers share a single connection: each caller waits until the caller before has released the connection.
  let turn: Promise<unknown> = Promise.resolve();
  let endTurn = () => {};

  return {
    // No deadline: a database inside this process is always reachable, so no caller waits for ever.
    deadline: Number.POSITIVE_INFINITY,
    async acquire() {
      const before = turn;
      const { promise, resolve } = Promise.withResolvers<void>();
      turn = promise;
      await before;
      endTurn = resolve;
      return connection;
    },
    release: () => endTurn(),
    close: () => database.close(),
  };
}

function createConnection(database: PGlite): Connection {
  let isInTransaction = false;
  const run = async ({ sql, parameters }: Statement): Promise<QueryResult<unknown>> => {
    const { rows, affectedRows } = await database.query(sql, [...parameters]);
    return affectedRows === undefined ? { rows } : { rows, numAffectedRows: BigInt(affectedRows) };
  };
  const runAll = async (statements: readonly Statement[]) => {
    const answers: QueryResult<unknown>[] = [];
    for (const statement of statements) answers.push(await run(statement));
    return answers;
  };

  return {
    async send(statements) {
      const first = statements[0]?.sql;
      if (first === 'begin') isInTransaction = true;
      if (first === 'commit' || first === 'rollback') isInTransaction = false;
      try {
        if (isInTransaction || statements.length < 2) return await runAll(statements);
        await database.exec('begin');
        try {
          const answers = await runAll(statements);
          await database.exec('commit');
          return answers;
        } catch (error) {
          await database.exec('rollback');
          throw error;
        }
      } catch (error) {
        throw translateError(error);
      }
    },
  };
}
