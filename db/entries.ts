/** Milliseconds that the database gives a statement (`statement_timeout`), and a wait for a lock (`lock_timeout`). */
export interface Timeouts {
  statement: number;
  lock: number;
}

/** The SQL in front of each transaction, by the transaction's caller. `undefined`: nothing goes in front. */
export interface Entries {
  /** Parameters: organization, digests, scopes, address. Answers with `secret_id` and `outside`. */
  readonly key: string;
  /** Parameters: organization, session, role, scopes. */
  readonly person: string;
  /** Parameter: organization. */
  readonly operator: string;
  readonly accounts: string | undefined;
  /** For a request whose organization is not known yet. */
  readonly nobody: string | undefined;
  /**
   * Before a statement that may share a connection. PostgreSQL plans such a statement once, and not at each call: the
   * statement reads by an index whatever its values are. By its own estimate PostgreSQL would make a plan for each list
   * of a large organization, which takes twice as long as the list.
   */
  readonly short: Pick<Entries, 'key' | 'person' | 'operator'>;
}

/**
 * Milliseconds after which the database ends a transaction that waits for its next statement. No transaction of the
 * service waits for anything other than the database.
 */
export const IDLE_IN_TRANSACTION = 10_000;

/**
 * Writes the entries. With a single login, a transaction takes its role and its limits in its entry. With separated
 * logins, role and limits are the login's own, and an entry names the organization alone; only work that may take
 * longer than a request sets `timeouts` there.
 */
export function createEntries({ role: takesRole = false, timeouts }: { role?: boolean; timeouts?: Timeouts }): Entries {
  const limits = timeouts
    ? [
        set('statement_timeout', String(timeouts.statement)),
        set('lock_timeout', String(timeouts.lock)),
        set('idle_in_transaction_session_timeout', String(IDLE_IN_TRANSACTION)),
      ]
    : [];
  const own = (role?: string) => [...(takesRole && role !== undefined ? [set('role', role)] : []), ...limits];
  const select = (...columns: string[]) => (columns.length === 0 ? undefined : `select ${columns.join(', ')}`);
  // PostgreSQL evaluates the columns of a select without FROM from left to right: the role comes first.
  const tenant = (...columns: string[]) => `select ${[...own('introzy_app'), ...columns].join(', ')}`;
  const tenants = (...columns: string[]) => ({
    key: tenant(
      'introzy_admit_key_from($1, $2, $3, $4) as secret_id',
      "current_setting('introzy.outside', true) as outside",
      ...columns,
    ),
    person: tenant('introzy_admit_session($1, $2, $3, $4)', ...columns),
    operator: tenant(
      "set_config('introzy.organization_id', $1::uuid::text, true)",
      set('introzy.actor', ''),
      ...columns,
    ),
  });
  return {
    ...tenants(),
    short: tenants(set('plan_cache_mode', 'force_generic_plan')),
    accounts: select(...own('introzy_auth')),
    nobody: select(...own()),
  };
}

/** Sets `name` for the rest of the transaction. */
const set = (name: string, value: string) => `set_config('${name}', '${value}', true)`;
