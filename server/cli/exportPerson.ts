import { Command } from 'commander';
import { readPerson } from '../../db/personData.ts';
import { addAction } from './command.ts';
import { CommandError } from './commandError.ts';
import { EMAIL, parseEmail } from './personOption.ts';

/** `introzy people export` */
export function exportPersonCommand(): Command {
  const command = new Command('export')
    .description('print everything that is kept of a person, as JSON, without secrets')
    .requiredOption(...EMAIL)
    .addHelpText(
      'after',
      `
An address without an account may still have invitations and entries of audit logs. Contacts with the address are the
organizations' own, and are left out.
JSON, in one line with --json: {"account","sessions","passkeys","organizations":[{"id","name","membership","invitations","keys","failedSignIns","expiryNotices","auditLog"}]}`,
    );
  return addAction(command, ({ options }) => {
    const email = parseEmail(options);
    return async ({ store }) => {
      const data = await readPerson(store.db.root, email);
      if (data.account === null && data.organizations.length === 0) {
        throw new CommandError('Nothing is kept of a person of this address.');
      }
      return { json: data, text: JSON.stringify(data, null, 2) };
    };
  });
}
