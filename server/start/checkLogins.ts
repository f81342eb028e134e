import { asAccounts, asNobody } from '../../db/admission.ts';
import { IDLE_IN_TRANSACTION } from '../../db/entries.ts';
import { findLoginFaults, type Place, readPlace } from '../../db/logins.ts';
import type { Database } from '../../db/open.ts';
import { ConfigError, PRINT_ROLES } from './config.ts';
import { explain } from './explain.ts';

/** Milliseconds: see `REQUEST_LIMITS`. */
interface Limits {
  statement: number;
  lock: number;
}

/**
 * Checks the separate logins of `db`, after the migrations. Throws a `ConfigError` where the logins of `db` and `owner`
 * lead to several databases, where a serving login may do more than its part, and where its limits are above `limits`.
 */
export async function checkLogins(db: Database, owner: Database, limits: Limits): Promise<void> {
  const home = await explain('DATABASE_MIGRATION_URL', readPlace(owner.root));
  for (const { variable, role, login } of [
    { variable: 'DATABASE_URL', role: 'introzy_app', login: asNobody(db) },
    { variable: 'DATABASE_ACCOUNTS_URL', role: 'introzy_auth', login: asAccounts(db) },
  ] as const) {
    const place = await explain(variable, readPlace(login));
    refuseElsewhere(variable, place, home);
    const wanted = {
      role,
      owner: home,
      limits: {
        statement_timeout: limits.statement,
        lock_timeout: limits.lock,
        idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION,
      },
    };
    const faults = await explain(variable, findLoginFaults(login, wanted));
    if (faults.length === 0) continue;
    // One statement may take several faults away, and one fault may take several statements.
    const sentence = [...new Set(faults.map(({ fault }) => fault))].join('; ');
    const mends = [...new Set(faults.map(({ mend }) => `  ${mend};`))].join('\n');
    throw new ConfigError(
      `The login ${place.login} in ${variable} ${sentence}. Run this as an administrator, in the database ${place.database}:\n${mends}\n${PRINT_ROLES}`,
    );
  }
}

function refuseElsewhere(variable: string, place: Place, home: Place) {
  if (place.identity === home.identity) return;
  throw new ConfigError(
    `${variable} leads to another database than DATABASE_MIGRATION_URL: to ${place.database}, and to ${home.database}, on one server or on two servers. All addresses must lead to one database.`,
  );
}
