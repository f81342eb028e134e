import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { eraseLateNames, erasePerson, type SoleOwnership } from '../../db/personErasure.ts';
import { DAYS_TO_RESTORE } from '../../shared/daysToRestore.ts';
import { addAction } from './command.ts';
import { CommandError, INTROZY } from './commandError.ts';
import { EMAIL, parseEmail } from './personOption.ts';
import { printable } from './text.ts';

/** Milliseconds to wait for transactions that may still write the name. A request's transaction ends within seconds. */
const PATIENCE = 60_000;

/** `introzy people erase` */
export function erasePersonCommand(): Command {
  const command = new Command('erase')
    .description(
      'take a person out of the database for good: account, sessions, memberships, invitations, names in logs',
    )
    .requiredOption(...EMAIL)
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      `
The keys that the person holds end, as when a member is removed; to keep some, remove the member in the dashboard before.
Entries of audit logs stay, and read "(erased)" in place of the person's name; their seals still hold. Contacts with the
address are the organizations' own: see "contacts erase". Refused while the person is the only owner of an organization.
JSON: {"userId","organizations","revokedKeys","invitations","auditEntries"}`,
    );
  return addAction(command, ({ options }) => {
    const email = parseEmail(options);
    return async ({ store }) => {
      if (!options.yes) await confirm(email);
      const erased = await erasePerson(store.db.root, email);
      if (Array.isArray(erased)) throw new CommandError(describeOwned(erased));
      const { userId, name, ...counts } = erased;
      if (!(await eraseLateNames(store.db.root, { email, userId, name, patience: PATIENCE }))) {
        throw new CommandError(
          'The person is erased. But another program has kept a transaction open all the while, and may yet write the name to a log: run the command again later.',
        );
      }
      const isNothing = userId === null && counts.invitations === 0 && counts.auditEntries === 0;
      return {
        json: { userId, ...counts },
        text: isNothing
          ? 'There is no account of this address, and nothing else of it.'
          : `Erased: ${printable(email)}. Memberships ended: ${counts.organizations.length}; keys revoked: ${counts.revokedKeys.length}; invitations: ${counts.invitations}; entries of logs without the name: ${counts.auditEntries}`,
      };
    };
  });
}

/** Has the operator type the address again. Throws a `CommandError` where nobody can be asked, or the address differs. */
async function confirm(email: string): Promise<void> {
  if (!process.stdin.isTTY)
    throw new CommandError('An erasure cannot be undone. Add --yes to erase without a question.');
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  const typed = await asking
    .question('An erasure cannot be undone. Type the address again: ')
    .finally(() => asking.close());
  if (typed.trim() !== email) throw new CommandError('Nothing was erased: the address differs.');
}

function describeOwned(owned: SoleOwnership[]): string {
  const lines = owned.map(({ id, name, deletedAt }) => `\n  ${id}  ${printable(name)}${deletedAt ? ', deleted' : ''}`);
  return `Nothing was erased: the person is the only owner of the organizations below. Make another member an owner, in the dashboard under Members; or delete the organization, with "${INTROZY} organizations delete ID", and erase the person once the organization is erased, ${DAYS_TO_RESTORE} days later.${lines.join('')}`;
}
