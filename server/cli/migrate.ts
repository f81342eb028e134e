import { Command } from 'commander';
import { addAction } from './command.ts';

/** `introzy migrate` */
export function migrateCommand(): Command {
  const command = new Command('migrate')
    .description(
      'bring the database to the newest schema, and wait for the part that a start of the service does beside serving',
    )
    .addHelpText('after', '\nJSON: {"migrated":[…]}, the names of the migrations that were run');
  return addAction(command, () => async ({ store }) => {
    const { migrated, remade } = await store.finish();
    const names = [...store.migrated, ...migrated];
    const text = names.length === 0 ? 'The database is at the newest schema.' : `Migrated: ${names.join(', ')}`;
    return { json: { migrated: names }, text: remade === 0 ? text : `${text}\nContacts made anew: ${remade}` };
  });
}
