import { Command } from 'commander';
import { z } from 'zod';
import { asOperator } from '../../db/admission.ts';
import {
  deleteOrganization,
  type ListedOrganization,
  listOrganizations,
  renameOrganization,
  restoreOrganization,
} from '../../db/organizations.ts';
import { DAYS_TO_RESTORE } from '../../shared/daysToRestore.ts';
import { Name } from '../../shared/names.ts';
import { addAction } from './command.ts';
import { CommandError, INTROZY } from './commandError.ts';
import { parseOptions } from './input.ts';
import { chooseOrganization, findDeleted } from './organization.ts';
import { minuteOf, printable, table } from './text.ts';

/** `introzy organizations …` */
export function organizationsCommand(): Command {
  return new Command('organizations')
    .description('list, rename, delete and restore organizations')
    .addCommand(listCommand())
    .addCommand(renameCommand())
    .addCommand(deleteCommand())
    .addCommand(restoreCommand());
}

const ARGUMENT = ['<id-or-name>', 'the organization, by its id or name'] as const;

function listCommand() {
  const command = new Command('list')
    .description('list the organizations, oldest first, with those that are deleted and not erased yet')
    .addHelpText('after', '\nJSON: {"items":[{"id","name","state","createdAt","deletedAt","erasedAt"}]}');
  return addAction(command, () => async ({ store }) => {
    const listed = await listOrganizations(store.db.root);
    const items = listed.map((organization) => ({ ...organization, state: stateOf(organization) }));
    if (items.length === 0) return { json: { items }, text: 'There is no organization yet.' };
    const headings = ['ID', 'NAME', 'STATE', 'CREATED (UTC)', 'DELETED (UTC)', 'ERASED AFTER (UTC)'];
    const shown = (date: Date | null) => (date ? minuteOf(date) : '');
    return {
      json: { items },
      text: table(
        headings,
        items.map(({ id, name, state, createdAt, deletedAt, erasedAt }) => [
          ...[id, name, state],
          ...[createdAt, deletedAt, erasedAt].map(shown),
        ]),
      ),
    };
  });
}

const stateOf = ({ deletedAt }: ListedOrganization) => (deletedAt === null ? 'active' : 'deleted');

const Renaming = z.object({ newName: Name });

function renameCommand() {
  const command = new Command('rename')
    .description('give an organization another name')
    .argument(...ARGUMENT)
    .argument('<name>', 'the new name, 1 to 100 characters')
    .addHelpText('after', '\nJSON: {"organization":{"id","name"}}');
  return addAction(command, ({ args: [named, newName] }) => {
    const { newName: name } = parseOptions(Renaming, { newName });
    return async ({ store }) => {
      const { id } = await chooseOrganization(store, named);
      const organization = await renameOrganization(asOperator(store.db, id), { organizationId: id, name });
      if (!('failure' in organization))
        return { json: { organization }, text: `Renamed: ${printable(name)} (id ${id})` };
      throw new CommandError(
        organization.failure === 'nameTaken'
          ? 'Another organization has this name, perhaps an organization that is deleted and not erased yet. Choose another name.'
          : 'The organization has just been deleted.',
      );
    };
  });
}

function deleteCommand() {
  const command = new Command('delete')
    .description(
      `delete an organization: its keys and sessions are refused at once; it can be restored for ${DAYS_TO_RESTORE} days, and is then erased`,
    )
    .argument(...ARGUMENT)
    .addHelpText('after', '\nJSON: {"organization":{"id","name","deletedAt","erasedAt"}}');
  return addAction(command, ({ args: [named] }) => async ({ store }) => {
    const { id } = await chooseOrganization(store, named);
    const organization = await deleteOrganization(asOperator(store.db, id), id);
    if ('failure' in organization) throw new CommandError('The organization has just been deleted.');
    const { name, erasedAt } = organization;
    return {
      json: { organization },
      text: `Deleted: ${printable(name)} (id ${id}). Its API keys and sessions are refused from now on.\nIt can be restored until ${minuteOf(erasedAt)} UTC: ${INTROZY} organizations restore ${id}`,
    };
  });
}

function restoreCommand() {
  const command = new Command('restore')
    .description(`undo the deletion of an organization, within ${DAYS_TO_RESTORE} days`)
    .argument(...ARGUMENT)
    .addHelpText('after', '\nJSON: {"organization":{"id","name"}}');
  return addAction(command, ({ args: [named] }) => async ({ store }) => {
    const { id } = await findDeleted(store, named);
    const organization = await restoreOrganization(asOperator(store.db, id), id);
    if ('failure' in organization) {
      throw new CommandError(
        `The organization was deleted more than ${DAYS_TO_RESTORE} days ago: it is being erased, and cannot be restored.`,
      );
    }
    const { name } = organization;
    return {
      json: { organization },
      text: `Restored: ${printable(name)} (id ${id}). Its API keys work again, unless they have expired.`,
    };
  });
}
