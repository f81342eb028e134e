import { Command } from 'commander';
import { asOperator } from '../../db/admission.ts';
import { eraseContacts } from '../../db/contacts.ts';
import { ContactEraseRequest } from '../../shared/contacts.ts';
import { addAction, ORGANIZATION } from './command.ts';
import { CommandError } from './commandError.ts';
import { parseOptions } from './input.ts';
import { chooseOrganization } from './organization.ts';

/** `introzy contacts erase` */
export function eraseContactsCommand(): Command {
  const command = new Command('erase')
    .description('erase contacts for good, deleted or not: all of them, or none where an id is unknown')
    .argument('<ids...>', 'the ids of up to 100 contacts, separated by spaces')
    .option(...ORGANIZATION)
    .addHelpText('after', '\nThis cannot be undone. JSON: {"ids":[…]}');
  return addAction(command, ({ args, options }) => {
    const { ids } = parseOptions(ContactEraseRequest, { ids: args });
    return async ({ store }) => {
      const { id: organizationId, name } = await chooseOrganization(store, options.organization);
      const erased = await eraseContacts(asOperator(store.db, organizationId), { organizationId, ids });
      if ('failure' in erased) {
        throw new CommandError(`Nothing was erased: not every id is the id of a contact of ${name}.`);
      }
      return { json: erased, text: `Erased for good: ${erased.ids.length}` };
    };
  });
}
