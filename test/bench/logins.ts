import { completeLogins, rolesSql } from '../../server/cli/rolesSql.ts';
import { runAs } from '../helpers/database.ts';
import type { Environment } from './processes.ts';

/** Makes the separate logins as an operator does. Gives the service's settings for these logins. */
export async function makeLogins({ adminUrl, ownerUrl }: { adminUrl: string; ownerUrl: string }): Promise<Environment> {
  const environment = completeLogins({ DATABASE_MIGRATION_URL: ownerUrl });
  await runAs(adminUrl, [rolesSql(environment)]);
  return environment;
}
