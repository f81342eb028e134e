import { CompiledQuery, Kysely, type QueryResult, type Transaction } from 'kysely';
import { createDialect, type Entry } from './driver/connection.ts';
import type { Database } from './open.ts';
import type { Schema } from './schema.ts';

/**
 * Kysely inside a single organization. Each transaction first takes the role `introzy_app` and tells row-level security
 * the organization; role and organization end with the transaction. A statement outside a transaction is a transaction
 * of its own.
 */
export type Tenant = Kysely<Schema>;

/** What the database needs to check a key: the key's digest under each server secret, and the key's organization. */
export interface KeyEntry {
  organizationId: string;
  digests: Buffer[];
  /** Called with the id of the server secret that made the stored digest of the key. */
  onAdmitted(secretId: string): void;
}

/**
 * A tenant admitted by a key. The database checks the key by its own clock, in the same transaction and the same round
 * trip as the data. A refused key aborts the transaction with `KeyRefused`.
 */
export const asKey = (db: Database, key: KeyEntry): Tenant => enter(db, keyEntry(db, key));

/** Has the database check a key, and does nothing else. Throws `KeyRefused` for a refused key. */
export const admitKey = (db: Database, key: KeyEntry): Promise<void> => admit(db, keyEntry(db, key));
/** Has the database check a person's session, and does nothing else. Throws `KeyRefused` for a session that is over. */
export const admitPerson = (db: Database, person: PersonEntry): Promise<void> => admit(db, personEntry(db, person));

async function admit(db: Database, { statement, onEnter }: Entry): Promise<void> {
  const connection = await db.connections.acquire();
  try {
    const [answer] = await connection.send([statement]);
    onEnter(answer as QueryResult<unknown>);
  } finally {
    db.connections.release(connection);
  }
}

function keyEntry(db: Database, { organizationId, digests, onAdmitted }: KeyEntry): Entry {
  const { statement, lock } = db.timeouts;
  return {
    statement: { sql: ADMIT, parameters: [organizationId, digests, statement, lock] },
    onEnter: ({ rows }) => onAdmitted((rows[0] as { secret_id: string }).secret_id),
  };
}

/** What the database needs to check a session: its organization, and the role by which the request was judged. */
export interface PersonEntry {
  organizationId: string;
  sessionId: string;
  role: string;
  onAdmitted(): void;
}

/**
 * A tenant admitted by a person's session. The database checks the session in each transaction. An ended session, an
 * ended membership or a changed role aborts the transaction with `KeyRefused`.
 */
export const asPerson = (db: Database, person: PersonEntry): Tenant => enter(db, personEntry(db, person));

function personEntry(db: Database, { organizationId, sessionId, role, onAdmitted }: PersonEntry): Entry {
  const { statement, lock } = db.timeouts;
  return {
    statement: { sql: ADMIT_PERSON, parameters: [organizationId, sessionId, role, statement, lock] },
    onEnter: onAdmitted,
  };
}

/** A tenant that needs no credential, for the command line and for what the service itself records. */
export function asOperator(db: Database, organizationId: string): Tenant {
  const { statement, lock } = db.timeouts;
  return enter(db, { statement: { sql: ENTER, parameters: [organizationId, statement, lock] }, onEnter: () => {} });
}

/**
 * The connection's own role, for a request's queries before the organization is known. Each transaction sets the
 * timeouts of a request. Without the timeouts, a statement that waits for a lock would hold a PostgreSQL backend even
 * after the service has given up the connection.
 */
export function asNobody(db: Database): Kysely<Schema> {
  const { statement, lock } = db.timeouts;
  return enter(db, { statement: { sql: BOUND, parameters: [String(statement), String(lock)] }, onEnter: () => {} });
}

/** The role of better-auth, `introzy_auth`. The role reaches accounts and sessions, but no contact and no key. */
export function asAccounts(db: Database): Kysely<Schema> {
  const { statement, lock } = db.timeouts;
  const parameters = [String(statement), String(lock)];
  return enter(db, { statement: { sql: ENTER_ACCOUNTS, parameters }, onEnter: () => {} });
}

/** Makes the rest of `trx` the operator's work on an organization, as `asOperator` does for a whole transaction. */
export async function enterAsOperator(trx: Transaction<Schema>, db: Database, organizationId: string): Promise<void> {
  const { statement, lock } = db.timeouts;
  await trx.executeQuery(CompiledQuery.raw(ENTER, [organizationId, statement, lock]));
}

/** Runs `work` in a transaction: in `db` itself where `db` is a transaction, else in a new transaction. */
export async function inTransaction<T>(db: Tenant, work: (trx: Tenant) => Promise<T>): Promise<T> {
  return db.isTransaction ? await work(db) : await db.transaction().execute(work);
}

const ADMIT = 'select introzy_admit($1, $2, $3, $4) as secret_id';
const ENTER = 'select introzy_enter($1, $2, $3)';
const ADMIT_PERSON = 'select introzy_admit_person($1, $2, $3, $4, $5)';
const BOUND = "select set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true)";
const ENTER_ACCOUNTS = `${BOUND}, set_config('role', 'introzy_auth', true)`;

function enter(db: Database, entry: Entry): Tenant {
  return new Kysely<Schema>({ dialect: createDialect(db.connections, entry) });
}
