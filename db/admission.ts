import { CompiledQuery, type Kysely, type QueryResult, type Transaction } from 'kysely';
import { type Connections, createKysely, type Entry, type Statement } from './driver/connection.ts';
import { type OneTransaction, oneTransaction } from './driver/oneTransaction.ts';
import type { Entries } from './entries.ts';
import { ScopeRefused } from './errors.ts';
import type { CallDatabase, Database } from './open.ts';
import type { Schema } from './schema.ts';

/**
 * Kysely inside a single organization. Each transaction first names the organization to row-level security, and has the
 * database check the caller; organization and caller end with the transaction. A statement outside a transaction is a
 * transaction of its own.
 */
export type Tenant = Kysely<Schema>;

/**
 * The parts of a call that the database judges: a key, a person's session, or the operator, who needs no credential.
 */
export type Caller = KeyCaller | PersonCaller | { type: 'operator'; organizationId: string };

/** A key, by its digest under each server secret, newest secret first. */
interface KeyCaller {
  type: 'key';
  organizationId: string;
  digests: Buffer[];
  /** The caller's address in canonical form; `undefined` where the address is not known. */
  address?: string | undefined;
}

/** A session, and the role by which the request was judged. The database refuses a role that has changed since. */
interface PersonCaller {
  type: 'person';
  organizationId: string;
  sessionId: string;
  role: string;
}

/** The way of a call to an organization's data. */
export interface Admission {
  /**
   * Each transaction checks the caller by the database's clock, in the same round trip as the data. A refused caller
   * aborts the transaction with `KeyRefused`, a lacking scope with `ScopeRefused`.
   */
  tenant(): Tenant;
  /** The tenant of a dry run: each transaction checks and answers as ever, and is rolled back at its end. */
  dryTenant(): Tenant;
  /**
   * Makes a single transaction of everything that the call does from now on. The transaction begins with the check of the
   * caller and with `first`, once the tenant is used, and holds a connection until its end. `tenant()` gives another
   * tenant before, within and after.
   */
  hold(first: Statement): Pick<OneTransaction, 'isBegun' | 'commit' | 'rollback'>;
  /** Gives the transactions that begin from now on more time than a request's: so many milliseconds together. */
  giveTime(milliseconds: number): void;
  /** Has the database check the caller, and does nothing else. Throws as the tenant does. */
  admit(): Promise<void>;
  /** True once the database has admitted the caller with every scope that the call has asked for. */
  isAdmitted(): boolean;
  /** Asks for further scopes, in each transaction from now on. */
  askFor(scopes: readonly string[]): void;
}

/** What an admission tells of the caller. A caller who was accepted and lacks a scope has neither part. */
export interface Admitted {
  /** The id of the server secret that made the stored digest of a key. */
  secretId?: string | undefined;
  /** The caller's address is not among the key's allowed addresses, and is only to be reported. */
  isOutside?: boolean;
}

/** Enters an organization as `caller`. `onAdmitted` is called at the first admission. */
export function enter(
  { connections, entries }: CallDatabase,
  caller: Caller,
  onAdmitted?: (admitted: Admitted) => void,
): Admission {
  let tenant: Tenant | undefined;
  let held: OneTransaction | undefined;
  let scopes: readonly string[] = [];
  let isNoted = false;
  let isAdmitted = false;
  const note = (admitted: Admitted) => {
    if (!isNoted) onAdmitted?.(admitted);
    isNoted = true;
  };
  // No getters here or below: V8 makes a hidden class for each object with a getter of its own, which is slow, and
  // fills the old generation with garbage at each call.
  const entry: Entry = {
    statement: (mayShare) => statementOf(mayShare ? entries.short : entries, caller, scopes),
    onEnter({ rows }) {
      isAdmitted = true;
      const { secret_id, outside } = rows[0] as { secret_id?: string | null; outside?: string | null };
      note({ secretId: secret_id ?? undefined, isOutside: outside === 'true' });
    },
  };
  return {
    tenant: () => (tenant ??= createKysely<Schema>(connections, entry)),
    hold(first) {
      const holding = oneTransaction(connections, { entry, isAdmitted: () => isAdmitted, first });
      held = holding;
      tenant = createKysely<Schema>(holding.connections);
      const thenLetGo = async (ending: Promise<void>) => {
        tenant = undefined;
        held = undefined;
        await ending;
      };
      return {
        isBegun: holding.isBegun,
        commit: (last) => thenLetGo(holding.commit(last)),
        rollback: () => thenLetGo(holding.rollback()),
      };
    },
    dryTenant: () => createKysely<Schema>(connections, { ...entry, isDry: true }),
    giveTime: (milliseconds) => connections.giveTime?.(milliseconds),
    isAdmitted: () => isAdmitted,
    askFor(further) {
      scopes = scopes.length === 0 ? further : [...new Set([...scopes, ...further])];
      isAdmitted = false;
    },
    async admit() {
      try {
        // Another connection would wait for the embedded database's single connection, which the call holds.
        if (held?.isBegun()) return await held.admit();
        const [answer] = await connections.share([entry.statement(true)]);
        entry.onEnter?.(answer as QueryResult<unknown>);
      } catch (error) {
        if (error instanceof ScopeRefused) note({});
        throw error;
      }
    },
  };
}

function statementOf(entries: Entries['short'], caller: Caller, scopes: readonly string[]) {
  const { type, organizationId } = caller;
  if (type === 'key') {
    return { sql: entries.key, parameters: [organizationId, caller.digests, scopes, caller.address ?? null] };
  }
  if (type === 'operator') return { sql: entries.operator, parameters: [organizationId] };
  return { sql: entries.person, parameters: [organizationId, caller.sessionId, caller.role, scopes] };
}

/** A tenant for the command line and for the service's own records. */
export const asOperator = (db: CallDatabase, organizationId: string): Tenant =>
  enter(db, { type: 'operator', organizationId }).tenant();

/**
 * The login itself, for a request's queries before the organization is known. The queries have a request's time limits.
 * Without the limits, a statement that waits for a lock would hold a PostgreSQL backend even after the service has
 * given up the connection.
 */
export const asNobody = ({ connections, entries }: CallDatabase): Kysely<Schema> =>
  outside(connections, entries.nobody);

/** The accounts, for better-auth: reaches people and their sessions in all organizations, but no contact and no key. */
export const asAccounts = ({ accounts, entries }: Pick<Database, 'accounts' | 'entries'>): Kysely<Schema> =>
  outside(accounts, entries.accounts);

const outside = (connections: Connections, sql: string | undefined) =>
  createKysely<Schema>(connections, sql === undefined ? undefined : { statement: () => ({ sql, parameters: [] }) });

/** Makes the rest of `trx` the operator's work on an organization, as `asOperator` does for a whole transaction. */
export async function enterAsOperator(trx: Transaction<Schema>, { entries }: CallDatabase, organizationId: string) {
  await trx.executeQuery(CompiledQuery.raw(entries.operator, [organizationId]));
}

/** Runs `work` in a transaction: in `db` itself where `db` is a transaction, else in a new transaction. */
export async function inTransaction<T>(db: Tenant, work: (trx: Tenant) => Promise<T>): Promise<T> {
  return db.isTransaction ? await work(db) : await db.transaction().execute(work);
}
