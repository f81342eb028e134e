import type { QueryResult } from 'kysely';
import {
  BEGIN,
  COMMIT,
  type Connection,
  type Connections,
  type Entry,
  ROLLBACK,
  type Statement,
} from './connection.ts';

/** A single transaction for all statements of a call. */
export interface OneTransaction {
  /** For a Kysely without an entry. Transactions and statements of that Kysely are steps of this single transaction. */
  readonly connections: Connections;
  /** True from the first statement on, until an end: the call holds a connection. */
  isBegun(): boolean;
  /** Sends the entry anew, where the caller has not been admitted with all scopes that the call has asked for. */
  admit(): Promise<void>;
  /** Ends the transaction behind `last`, in one round trip. Rolls back where `last` or the commit fails. */
  commit(last: Statement): Promise<void>;
  /** Ends the transaction, and undoes all steps. */
  rollback(): Promise<void>;
}

interface Parts {
  /** Goes before the first statement, and before a later step where `isAdmitted` says false. */
  entry: Entry;
  isAdmitted(): boolean;
  /** Follows the entry at the beginning of the transaction. */
  first: Statement;
}

const SAVEPOINT: Statement = { sql: 'savepoint step', parameters: [] };
const RELEASE: Statement = { sql: 'release savepoint step', parameters: [] };
const ROLLBACK_STEP: Statement = { sql: 'rollback to savepoint step', parameters: [] };

/**
 * Makes one transaction out of everything that a call does. The transaction begins with the first statement, in the same
 * round trip. A step that fails is undone alone, as it would be outside of this transaction; a first step is undone with
 * the whole transaction, which costs no savepoint, and the next statement begins the transaction anew.
 */
export function oneTransaction(connections: Connections, { entry, isAdmitted, first }: Parts): OneTransaction {
  let acquired: Connection | undefined;
  let isBegun = false;
  /** The transaction holds steps that a failure of the next step must not undo. */
  let hasSteps = false;
  let hasSavepoint = false;
  /** The step that is under way began with a savepoint. `undefined`: no step is under way. */
  let step: { isSaved: boolean } | undefined;
  /** Kysely's transaction is open: its statements are a single step. */
  let isInside = false;

  const send = async (statements: readonly Statement[]) => {
    acquired ??= await connections.acquire();
    return await acquired.send(statements);
  };
  const letGo = () => {
    if (acquired) connections.release(acquired);
    acquired = undefined;
    isBegun = false;
    hasSteps = false;
    hasSavepoint = false;
    step = undefined;
    isInside = false;
  };

  /** Sends statements with everything that must go in front of them. */
  const advance = async (statements: readonly Statement[]): Promise<QueryResult<unknown>[]> => {
    const entering = isBegun && isAdmitted() ? undefined : entry.statement(false);
    const front: Statement[] = [];
    if (!isBegun) front.push(BEGIN);
    if (isBegun && hasSteps && !step) {
      if (hasSavepoint) front.push(RELEASE);
      front.push(SAVEPOINT);
    }
    const isSaved = front.includes(SAVEPOINT);
    if (entering) front.push(entering);
    if (!isBegun) front.push(first);
    isBegun = true;
    hasSavepoint ||= isSaved;
    step ??= { isSaved };
    const answers = await send([...front, ...statements]);
    if (entering) entry.onEnter?.(answers[front.indexOf(entering)] as QueryResult<unknown>);
    return answers.slice(front.length);
  };
  const closeStep = () => {
    hasSteps ||= step !== undefined;
    step = undefined;
  };
  const undoStep = async () => {
    const undone = step;
    step = undefined;
    if (undone?.isSaved) await send([ROLLBACK_STEP]);
    else if (undone) {
      isBegun = false;
      await send([ROLLBACK]);
    }
  };

  const run = async (statement: Statement): Promise<QueryResult<unknown>> => {
    if (statement === BEGIN) isInside = true;
    else if (statement === COMMIT || statement === ROLLBACK) {
      isInside = false;
      if (statement === COMMIT) closeStep();
      else await undoStep();
    } else return (await runStep([statement]))[0] as QueryResult<unknown>;
    return { rows: [] };
  };
  const runStep = async (statements: readonly Statement[]) => {
    try {
      const answers = await advance(statements);
      if (!isInside) closeStep();
      return answers;
    } catch (error) {
      // On a lost connection there is nothing to undo, and the first error tells more.
      if (!isInside) await undoStep().catch(() => {});
      throw error;
    }
  };

  // Statements and transactions of the call take turns, as they would with connections of their own.
  let turn: Promise<unknown> = Promise.resolve();
  const acquire = async (): Promise<Turn> => {
    const before = turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    turn = promise;
    await before;
    return {
      end: resolve,
      async send(statements) {
        const answers: QueryResult<unknown>[] = [];
        for (const statement of statements) answers.push(await run(statement));
        return answers;
      },
    };
  };
  const inTurn = async <T>(work: (connection: Turn) => Promise<T>): Promise<T> => {
    const connection = await acquire();
    try {
      return await work(connection);
    } finally {
      connection.end();
    }
  };

  return {
    connections: {
      acquire,
      release: (connection) => (connection as Turn).end(),
      share: (statements) => inTurn((connection) => connection.send(statements)),
    },
    isBegun: () => isBegun,
    admit: () => inTurn(async () => void (await runStep([]))),
    commit: (last) =>
      inTurn(async () => {
        try {
          // `last` is no step of its own: where `last` fails, all is undone.
          step = { isSaved: false };
          await advance([last, COMMIT]);
        } catch (error) {
          await send([ROLLBACK]).catch(() => {});
          throw error;
        } finally {
          letGo();
        }
      }),
    rollback: () =>
      inTurn(async () => {
        try {
          // On a lost connection PostgreSQL rolls back by itself.
          if (isBegun) await send([ROLLBACK]).catch(() => {});
        } finally {
          letGo();
        }
      }),
  };
}

interface Turn extends Connection {
  end(): void;
}
