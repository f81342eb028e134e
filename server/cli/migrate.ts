import { Command } from 'commander';
import { addAction } from './command.ts';

/** `introzy migrate` */
export function migrateCommand(): Command {
  const command = new Command('migrate')
    .description('bring the database to the newest schema, as every start of the service does too')
    .addHelpText('after', '\nJSON: {"migrated":[…]}, the names of the migrations that were run');
  return addAction(command, () => async ({ store: { migrated } }) => ({
    json: { migrated },
    text: migrated.length === 0 ? 'The database is at the newest schema.' : `Migrated: ${migrated.join(', ')}`,
  }));
}
