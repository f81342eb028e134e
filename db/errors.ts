import type { KeyRefusal } from '../shared/errors.ts';

/** The database cannot be reached, or does not answer in time. The caller may try again. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
}

/** The client went away while its call waited for the database. Nothing of the transaction was done. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** Why a secret ended early: a rotation replaced the secret, or the secret that minted a token has ended. */
type Ended = 'rotated' | 'minted';

/** A transaction was refused, because its key or session is not valid. Nothing of the transaction was done. */
export class KeyRefused extends Error {
  override readonly name = 'KeyRefused';
  readonly refusal: KeyRefusal;
  readonly ended: Ended | undefined;

  constructor(refusal: KeyRefusal, ended?: Ended) {
    super(`The API key is ${refusal}`);
    this.refusal = refusal;
    this.ended = ended;
  }
}

/** A transaction was refused, because its caller lacks scopes. Nothing of the transaction was done. */
export class ScopeRefused extends Error {
  override readonly name = 'ScopeRefused';
  /** A key, a key's token, a person's role, or the role of the person who holds the key's secret. */
  readonly whose: 'key' | 'token' | 'role' | 'holder';
  readonly scopes: readonly string[];

  constructor(whose: ScopeRefused['whose'], scopes: readonly string[]) {
    super(`The ${whose} lacks ${scopes.join(', ')}`);
    this.whose = whose;
    this.scopes = scopes;
  }
}

/**
 * A transaction was refused, because the key may not be used from the caller's address. Nothing of the transaction was
 * done.
 */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
}

/**
 * A transaction was refused, because the answer of an earlier call with the same idempotency key is kept. Nothing of the
 * transaction was done.
 */
export class AnswerKept extends Error {
  override readonly name = 'AnswerKept';
}

/** A patch would make a contact's custom fields larger than a contact may have. The statement wrote nothing. */
export class FieldsTooLarge extends Error {
  override readonly name = 'FieldsTooLarge';
  /** What the statement calls the row: see `patchedFields`. */
  readonly row: string;

  constructor(row: string) {
    super('The custom fields are too large');
    this.row = row;
  }
}

/** SQLSTATEs (PostgreSQL's documentation, appendix A) after which the same request may succeed later. */
const TRANSIENT = new Set([
  '25P03', // idle_in_transaction_session_timeout
  '25006', // read_only_sql_transaction: connected to a standby during a failover
  '26000', // invalid_sql_statement_name: a pooler gave the connection another session
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '53000', // insufficient_resources
  '53100', // disk_full
  '53200', // out_of_memory
  '53300', // too_many_connections
  '55P03', // lock_not_available: lock_timeout
  '57014', // query_canceled: statement_timeout
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout
  '58000', // system_error
]);

/**
 * The SQLSTATEs that an admission raises. The message is a `KeyRefusal`, or `key`, `token`, `role` or `holder` and the
 * lacking scopes. The hint is an `Ended`, or `address` where the address is not allowed.
 */
const KEY_REFUSED = 'IZ401';
const SCOPE_REFUSED = 'IZ403';
/** What introzy_claim_answer raises. */
const ANSWER_KEPT = 'IZ409';
/** What introzy_patched_fields raises. The message names the row. */
const FIELDS_TOO_LARGE = 'IZ413';

/** Properties of drivers' errors. The properties repeat values of rows or statements, which no log may show. */
const WITH_VALUES = ['detail', 'params'];

type Raised = Error & { hint?: string };

/**
 * Translates a driver's error: `KeyRefused`, `ScopeRefused`, `AddressRefused`, `AnswerKept`, `FieldsTooLarge`, `DatabaseUnavailable` for a transient
 * SQLSTATE, for class 08 (connection exception) and for a changed plan, or else the same error without the properties in
 * `WITH_VALUES`.
 */
export function translateError(error: unknown): unknown {
  const code = sqlState(error);
  for (const name of WITH_VALUES) if (error instanceof Error && name in error) Reflect.deleteProperty(error, name);
  if (code === KEY_REFUSED) {
    const { message, hint } = error as Raised;
    return new KeyRefused(message as KeyRefusal, (hint || undefined) as Ended | undefined);
  }
  if (code === SCOPE_REFUSED) {
    const { message, hint } = error as Raised;
    if (hint === 'address') return new AddressRefused('The address is not allowed');
    const [whose, ...scopes] = message.split(' ');
    return new ScopeRefused(whose as ScopeRefused['whose'], scopes);
  }
  if (code === ANSWER_KEPT) return new AnswerKept('The answer is kept');
  if (code === FIELDS_TOO_LARGE) return new FieldsTooLarge((error as Error).message);
  if (code !== undefined && (TRANSIENT.has(code) || code.startsWith('08') || isChangedPlan(error))) {
    return new DatabaseUnavailable((error as Error).message, { cause: error });
  }
  return error;
}

/** True where `error` is a violation (SQLSTATE 23505) of the named unique constraint or index. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  return sqlState(error) === '23505' && (error as { constraint?: string }).constraint === constraint;
}

/** True where another contact of the organization has an email, as its email or as another email. */
export const isEmailTaken = (error: unknown): boolean =>
  isUniqueViolation(error, 'contacts_email') || isUniqueViolation(error, 'contact_emails_pkey');

/** True where a row was to refer to a person who has been erased meanwhile (SQLSTATE 23503). */
export function isOfErasedPerson(error: unknown): boolean {
  const { constraint } = error as { constraint?: string };
  return sqlState(error) === '23503' && constraint?.endsWith('_user_id_fkey') === true;
}

/** True where a statement ended because other transactions hold its locks: `lock_timeout` or a deadlock. */
export function isLockFailure(error: unknown): boolean {
  const state = error instanceof DatabaseUnavailable ? sqlState(error.cause) : undefined;
  return state === '55P03' || state === '40P01';
}

/**
 * True where PostgreSQL refused a prepared statement, as the statement's columns have changed since: a migration gave the
 * table of a `select *` another column. SQLSTATE 0A000 stands for much else too, and a message may be translated, so the
 * name of PostgreSQL's routine decides.
 */
export function isChangedPlan(error: unknown): boolean {
  const raised = error instanceof DatabaseUnavailable ? error.cause : error;
  return sqlState(raised) === '0A000' && (raised as { routine?: string }).routine === 'RevalidateCachedQuery';
}

function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}
