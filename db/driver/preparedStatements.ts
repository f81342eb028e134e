/** The part of a pg.Connection that tells how far a statement's preparation has come. */
interface Announcing {
  on(message: 'parseComplete' | 'noData', listener: () => void): unknown;
}

/**
 * The largest number of distinct statements that a connection keeps prepared. A further statement takes the place of
 * the statement that has been unused for longest.
 */
const PREPARED_LIMIT = 256;

/** A column of an answer, and the function that reads the column's text. */
export type Column = { name: string; parse: (text: string) => unknown };

/** A statement and the state of the statement on one connection. */
export interface Plan {
  readonly sql: string;
  /** The name under which the server keeps the statement, such as `introzy7`; `''` for a statement that is not kept. */
  readonly name: string;
  /**
   * True once the server has confirmed the Parse message. The server then keeps the statement, even where a later
   * message of the same flight fails.
   */
  isParsed: boolean;
  /** `undefined` until the server has described the columns. A failure may come before the description. */
  columns: Column[] | undefined;
}

/** The statements that the server keeps prepared for one connection. */
export interface PreparedStatements {
  /** Plans by their SQL, in the order of use: the statement that has been unused for longest comes first. */
  readonly bySql: Map<string, Plan>;
  /** Names of replaced and of forgotten statements that the server has still to close. */
  readonly forgotten: string[];
  /** The statement that the server's next message belongs to. */
  current: Plan | undefined;
  /** The number of names given so far. A name is never used again, so no two statements share a name. */
  names: number;
}

const preparedByConnection = new WeakMap<Announcing, PreparedStatements>();

/** The statements that are prepared on a connection. */
export function preparedOn(connection: Announcing): PreparedStatements {
  const known = preparedByConnection.get(connection);
  if (known) return known;
  const prepared: PreparedStatements = { bySql: new Map(), forgotten: [], current: undefined, names: 0 };
  preparedByConnection.set(connection, prepared);
  // The connection emits these two messages, and node-postgres calls no method of the query for either message.
  connection.on('parseComplete', () => {
    if (prepared.current) prepared.current.isParsed = true;
  });
  connection.on('noData', () => {
    if (prepared.current) prepared.current.columns = [];
  });
  return prepared;
}

/** Forgets all statements: the connection's next flight closes them, and each statement is prepared anew. */
export function forgetPlans({ bySql, forgotten }: PreparedStatements): void {
  for (const { name } of bySql.values()) forgotten.push(name);
  bySql.clear();
}

/**
 * Gives the plan that the connection has for a statement, or else a new plan, which `prepared` remembers. Without
 * `prepared` the plan is always new and has no name.
 */
export function planOf(sql: string, prepared: PreparedStatements | undefined): Plan {
  if (!prepared) return { sql, name: '', isParsed: false, columns: undefined };
  const { bySql, forgotten } = prepared;
  const known = bySql.get(sql);
  if (known) {
    // The order of use is kept only near the limit, where the order decides which statement is replaced.
    if (bySql.size > PREPARED_LIMIT / 2) {
      bySql.delete(sql);
      bySql.set(sql, known);
    }
    return known;
  }
  const [oldest] = bySql.values();
  if (oldest && bySql.size >= PREPARED_LIMIT) {
    bySql.delete(oldest.sql);
    forgotten.push(oldest.name);
  }
  prepared.names += 1;
  const plan: Plan = { sql, name: `introzy${prepared.names}`, isParsed: false, columns: undefined };
  bySql.set(sql, plan);
  return plan;
}
