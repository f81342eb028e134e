import type { TestProject } from 'vitest/node';
import { completeLogins, rolesSql } from '../../server/cli/rolesSql.ts';
import { createTemplate, runAs } from './database.ts';
import { startPostgres } from './postgres.ts';

/** The service connects with the logins that `introzy setup --roles` makes. The limits are those of a patient test. */
export default async function setup(project: TestProject) {
  const { adminUrl, ownerUrl, stop } = await startPostgres({ fsync: 'off', full_page_writes: 'off' });
  const as = (username: string) => Object.assign(new URL(ownerUrl), { username, password: '' }).href;
  const environment = completeLogins({
    DATABASE_URL: as('introzy_service'),
    DATABASE_ACCOUNTS_URL: as('introzy_accounts'),
    DATABASE_MIGRATION_URL: ownerUrl,
  });
  await runAs(adminUrl, [
    rolesSql(environment),
    ...['introzy_service', 'introzy_accounts'].flatMap((login) => [
      `alter role ${login} set statement_timeout = '20s'`,
      `alter role ${login} set lock_timeout = '20s'`,
    ]),
  ]);
  const { name: template } = await createTemplate({ adminUrl, ownerUrl });
  const logins = { service: environment.DATABASE_URL, accounts: environment.DATABASE_ACCOUNTS_URL };
  project.provide('database', { kind: 'postgres', adminUrl, ownerUrl, template, logins });
  return stop;
}
