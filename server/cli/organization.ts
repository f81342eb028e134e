import { findOrganization, listOrganizations } from '../../db/organizations.ts';
import type { Organization } from '../../shared/organizations.ts';
import type { Store } from '../start/store.ts';
import { CommandError, INTROZY } from './commandError.ts';
import { printable } from './text.ts';

/** The most organizations that a message names. */
const NAMED = 20;

/**
 * Finds the organization that `--organization` gives, by its id or name. Without the option: the only organization in
 * the database. Throws a `CommandError` that names the organizations to choose from.
 */
export async function chooseOrganization({ db }: Store, idOrName: string | boolean | undefined): Promise<Organization> {
  if (typeof idOrName === 'string') {
    const found = await findOrganization(db.root, idOrName.trim());
    if (found) return found;
  }
  const all = await listOrganizations(db.root);
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
      : 'There is no organization of the id or name that --organization gives. There is:';
  throw new CommandError(`${problem}${named.join('')}${others}`);
}
