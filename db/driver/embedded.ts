import { EventEmitter } from 'node:events';
import { messages, PGlite } from '@electric-sql/pglite';
import { btree_gin } from '@electric-sql/pglite/contrib/btree_gin';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { translateError } from '../errors.ts';
import type { Connection, ConnectionSource } from './connection.ts';
import { privateNodeFS } from './privateNodeFS.ts';
import { type Flight, prepareFlight, type WireConnection } from './wire.ts';

/**
 * Opens PostgreSQL inside this process, with its files in `directory`; without a directory, in memory. The caller must
 * hold the lock on the directory: a second process on the same files destroys the files.
 */
export async function openEmbedded(directory: string | undefined): Promise<ConnectionSource> {
  const extensions = { btree_gin, pg_trgm };
  const database = await PGlite.create(
    directory === undefined ? { extensions } : { fs: privateNodeFS(directory), extensions },
  );
  const connection = createConnection(database);
  // All callers share a single connection: each caller waits until the caller before has released the connection.
  let turn: Promise<unknown> = Promise.resolve();
  let endTurn = () => {};
  let turns = 0;

  const acquire = async () => {
    const before = turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    turn = promise;
    await before;
    endTurn = resolve;
    turns += 1;
    // A caller gets the connection in any case: without an analysis, statements are slower.
    if (turns >= FIRST_ANALYSIS && Number.isInteger(Math.log2(turns))) await analyze(database).catch(() => {});
    return connection;
  };

  return {
    // No deadline: a database inside this process is always reachable, so no caller waits for ever.
    deadline: Number.POSITIVE_INFINITY,
    acquire,
    release: () => endTurn(),
    async share(statements) {
      await acquire();
      try {
        return await connection.send(statements);
      } finally {
        endTurn();
      }
    },
    close: () => database.close(),
  };
}

/** The turn before which statistics are first taken. They are taken again whenever the number of turns has doubled. */
const FIRST_ANALYSIS = 64;

/**
 * Takes statistics of the tables that grow. PostgreSQL's autovacuum does so, and PGlite has none. Without statistics the
 * planner takes every condition for as rare as every other, and walks all contacts in search of an email.
 */
async function analyze(database: PGlite) {
  const tables = ['contacts', 'contact_emails'].map((table) => `execute 'analyze ' || to_regclass('${table}');`);
  // `execute` of null, where a migration has not made a table yet, is an error.
  await database.exec(`do $$ begin ${tables.join(' ')} exception when null_value_not_allowed then null; end $$`);
}

/** A flight is a single call of PGlite, which takes the bytes that a server would read from its socket. */
function createConnection(database: PGlite): Connection {
  const events = new EventEmitter();
  let written: Buffer = Buffer.alloc(0);
  const wire: WireConnection = {
    stream: { write: (bytes) => (written = bytes) },
    on: (message, listener) => events.on(message, listener),
  };
  const exchange = async (flight: Flight) => {
    flight.submit(wire);
    // PGlite would throw an error in place of all messages, those before the error included.
    const answer = await database.execProtocolStream(written, { throwOnError: false });
    for (const message of answer) {
      if (message instanceof messages.DatabaseError) return flight.handleError(message);
      if (message instanceof messages.RowDescriptionMessage) flight.handleRowDescription(message);
      else if (message instanceof messages.DataRowMessage) flight.handleDataRow(message);
      else if (message instanceof messages.CommandCompleteMessage) flight.handleCommandComplete(message);
      else if (message.name === 'emptyQuery') flight.handleEmptyQuery();
      else events.emit(message.name);
    }
    flight.handleReadyForQuery();
  };

  return {
    send: (statements) =>
      new Promise((resolve, reject) => {
        const fail = (error: unknown) => reject(translateError(error));
        const flight = prepareFlight(statements, { prepare: true })({ done: resolve, fail });
        database.runExclusive(() => exchange(flight)).catch(fail);
      }),
  };
}
