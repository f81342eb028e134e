import { runAs } from '../helpers/database.ts';
import type { Environment } from './processes.ts';

/**
 * Limits of a serving login. With a single login the service sets the limits in each transaction; a login of its own has
 * the limits from the beginning of a connection.
 */
const LIMITS = [
  `statement_timeout = '1300ms'`,
  `lock_timeout = '1000ms'`,
  `idle_in_transaction_session_timeout = '5s'`,
  'search_path = public, pg_temp',
];

const login = (name: string, role: string) => [
  `create role ${name} login password '${name}'`,
  `grant ${role} to ${name}`,
  ...LIMITS.map((limit) => `alter role ${name} set ${limit}`),
];

/** Makes the serving logins of the separated form, which own nothing. Gives the service's settings for this form. */
export async function makeLogins({ adminUrl, ownerUrl }: { adminUrl: string; ownerUrl: string }): Promise<Environment> {
  await runAs(adminUrl, [...login('bench_app', 'introzy_app'), ...login('bench_accounts', 'introzy_auth')]);
  const as = (name: string) => Object.assign(new URL(adminUrl), { username: name, password: name }).href;
  return {
    DATABASE_URL: as('bench_app'),
    DATABASE_ACCOUNTS_URL: as('bench_accounts'),
    DATABASE_MIGRATION_URL: ownerUrl,
  };
}
