import { Command } from 'commander';
import { asOperator } from '../../db/admission.ts';
import { eraseContacts } from '../../db/contactErasure.ts';
import { ContactEraseRequest } from '../../shared/contacts.ts';
import { addAction, ORGANIZATION } from './command.ts';
import { CommandError } from './commandError.ts';
import { parseOptions } from './input.ts';
import { chooseOrganization } from './organization.ts';

/** `introzy contacts erase ID…` */
export function eraseCommand(): Command {
  const command = new Command('erase')
    .description('take contacts out of the database for good, whether they are deleted or not')
    .argument('<id...>', 'the ids of the contacts, up to 100')
    .option(...ORGANIZATION)
    .addHelpText('after', '\nAn erasure cannot be undone. JSON: {"erased":[…]}, the ids; an unknown id is left out');
  return addAction(command, ({ args: ids, options }) => {
    const { ids: asked } = parseOptions(ContactEraseRequest, { ids });
    return async ({ store }) => {
      const { id: organizationId } = await chooseOrganization(store, options.organization);
      const outcome = await eraseContacts(asOperator(store.db, organizationId), { organizationId, ids: asked });
      if ('failure' in outcome) {
        throw new CommandError("A contact is another organization's. Name that organization with --organization.");
      }
      const { erased } = outcome;
      const unknown = new Set(asked).size - erased.length;
      const rest = unknown === 0 ? '' : `\nNot known, or erased before: ${unknown}`;
      return { json: { erased }, text: `Erased contacts: ${erased.length}${rest}` };
    };
  });
}
