import { CompiledQuery, Kysely, type QueryResult, type Transaction } from 'kysely';
import { createDialect, type Entry } from './driver/connection.ts';
import type { Database } from './open.ts';
import type { Schema } from './schema.ts';

/**
 * Kysely inside one organization: each transaction (a lone statement is one) first takes the role `introzy_app` and
 * names the organization to row-level security, for that transaction alone.
 */
export type Tenant = Kysely<Schema>;

/** What a key presents: its digest under each server secret, and the organization that it was issued by. */
export interface KeyEntry {
  organizationId: string;
  digests: Buffer[];
  /** Called with the id of the server secret that the database knows the key by. */
  onAdmitted(secretId: string): void;
}

/**
 * A tenant by its key: the database checks the key, on its own clock, in the transaction and the round trip of the data.
 * A refused key aborts the transaction with `KeyRefused`.
 */
export const asKey = (db: Database, key: KeyEntry): Tenant => enter(db, keyEntry(db, key));

/** Has the database check a key, and do nothing else. Throws `KeyRefused` as any transaction of the key's would. */
export const admitKey = (db: Database, key: KeyEntry): Promise<void> => admit(db, keyEntry(db, key));
/** The same for a person's session. */
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

/** What a signed-in person's request presents: the session, and the membership that the request was judged by. */
export interface PersonEntry {
  organizationId: string;
  sessionId: string;
  role: string;
  onAdmitted(): void;
}

/** A tenant by a person's session, which the database checks as it does a key; `KeyRefused` where it no longer holds. */
export const asPerson = (db: Database, person: PersonEntry): Tenant => enter(db, personEntry(db, person));

function personEntry(db: Database, { organizationId, sessionId, role, onAdmitted }: PersonEntry): Entry {
  const { statement, lock } = db.timeouts;
  return {
    statement: { sql: ADMIT_PERSON, parameters: [organizationId, sessionId, role, statement, lock] },
    onEnter: onAdmitted,
  };
}

/** A tenant by the operator's word: for the command line, and for what the service records on its own account. */
export function asOperator(db: Database, organizationId: string): Tenant {
  const { statement, lock } = db.timeouts;
  return enter(db, { statement: { sql: ENTER, parameters: [organizationId, statement, lock] }, onEnter: () => {} });
}

/**
 * The connection's own role within a request's timeouts: for what is asked before an organization is known. Without them a
 * statement that waits for a lock would wait on after its connection is given up, and its backend with it.
 */
export function asNobody(db: Database): Kysely<Schema> {
  const { statement, lock } = db.timeouts;
  return enter(db, { statement: { sql: BOUND, parameters: [String(statement), String(lock)] }, onEnter: () => {} });
}

/** The role of better-auth, which keeps accounts and sessions; it has no way to a contact or a key. */
export function asAccounts(db: Database): Kysely<Schema> {
  const { statement, lock } = db.timeouts;
  const parameters = [String(statement), String(lock)];
  return enter(db, { statement: { sql: ENTER_ACCOUNTS, parameters }, onEnter: () => {} });
}

/** Turns the rest of `trx` into the operator's work on an organization. */
export async function enterAsOperator(trx: Transaction<Schema>, db: Database, organizationId: string): Promise<void> {
  const { statement, lock } = db.timeouts;
  await trx.executeQuery(CompiledQuery.raw(ENTER, [organizationId, statement, lock]));
}

/** Runs `work` in a transaction: the one that `db` is, or one of its own. */
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
