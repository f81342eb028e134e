import { findOrganization, type ListedOrganization, listOrganizations } from '../../db/organizations.ts';
import type { Organization } from '../../shared/organizations.ts';
import type { Store } from '../start/store.ts';
import { CommandError, INTROZY } from './commandError.ts';
import { printable } from './text.ts';

/** The most organizations that a message names. */
const NAMED = 20;

/**
 * Finds the organization that `--organization` gives, by its id or name. Without the option: the only organization in
 * the database. An organization that is deleted is not found. Throws a `CommandError` that names the organizations to
 * choose from.
 */
export async function chooseOrganization({ db }: Store, idOrName: string | boolean | undefined): Promise<Organization> {
  const every = await listOrganizations(db.root);
  const all = every.filter(({ deletedAt }) => deletedAt === null);
  if (typeof idOrName === 'string') {
    const found = await findOrganization(db.root, idOrName.trim());
    const deleted = every.find(({ id, deletedAt }) => id === found?.id && deletedAt !== null);
    if (deleted) {
      throw new CommandError(
        `The organization is deleted. To undo the deletion: ${INTROZY} organizations restore ${deleted.id}`,
      );
    }
    if (found) return found;
  }
  const [only] = all;
  if (!only) {
    throw new CommandError(
      `There is no organization yet. Make one: ${INTROZY} setup --organization NAME --email ADDRESS`,
    );
  }
  if (idOrName === undefined && all.length === 1) return only;
  const named = all.slice(0, NAMED).map(({ id, name }) => `\n  ${id}  ${printable(name)}`);
  const others = all.length > NAMED ? `\n  and ${all.length - NAMED} more` : '';
  const problem =
    idOrName === undefined
      ? `There are ${all.length} organizations. Name one with --organization, by its id or name:`
      : 'There is no organization of this id or name. There is:';
  throw new CommandError(`${problem}${named.join('')}${others}`);
}

/** Finds a deleted organization by its id or name. Throws a `CommandError` where no deleted organization has it. */
export async function findDeleted({ db }: Store, idOrName = ''): Promise<ListedOrganization> {
  const found = await findOrganization(db.root, idOrName.trim());
  const listed = (await listOrganizations(db.root)).find(({ id }) => id === found?.id);
  if (!listed) {
    throw new CommandError(`There is no organization of this id or name. See them: ${INTROZY} organizations list`);
  }
  if (listed.deletedAt === null)
    throw new CommandError('The organization is not deleted: there is nothing to restore.');
  return listed;
}
