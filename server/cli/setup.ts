import { Command } from 'commander';
import { z } from 'zod';
import { MailAddress, Name } from '../../shared/names.ts';
import { readLogins } from '../start/config.ts';
import { generatePassword, setUpOrganization } from '../start/setup.ts';
import { describeAwaited, sendAwaitedOwner } from './awaitedOwner.ts';
import { type Answer, addAction, type Given } from './command.ts';
import { CommandError, INTROZY } from './commandError.ts';
import { parseOptions } from './input.ts';
import { describeIssued } from './issued.ts';
import { completeLogins, rolesSql } from './rolesSql.ts';
import { printable } from './text.ts';

const Setup = z.object({ organization: Name, email: MailAddress });

/** `introzy setup` */
export function setupCommand(): Command {
  const command = new Command('setup')
    .description('migrate the database, and make an organization, its owner and a first key with all scopes')
    .option('--organization <name>', 'what the new organization is called')
    .option('--email <address>', "the owner's email address")
    .option('--roles', 'only print the SQL that makes separate logins, for an administrator of PostgreSQL to run')
    .addHelpText(
      'after',
      '\nRun it again to make another organization. JSON: {"organizationId","email","password","key"}, the password null where the owner has an account already. Where that account has not confirmed its address, also "verification":{"sentTo"} or, without a mail server, {"sentTo":null,"link"}: the owner becomes a member by the link. With --roles: {"sql","environment"}',
    );
  return addAction(command, ({ options }) => {
    if (options.roles) return printRoles(options);
    for (const [name, value] of Object.entries({ organization: '<name>', email: '<address>' })) {
      if (options[name] === undefined) command.error(`error: required option '--${name} ${value}' not specified`);
    }
    const { organization: name, email } = parseOptions(Setup, options);
    return async ({ store, config }) => {
      const { migrated } = await store.finish();
      const password = generatePassword();
      const made = await setUpOrganization(store.db, store.keySecrets, { name, email, password });
      if (!made) {
        throw new CommandError(
          `There is an organization of this name already. Choose another name, or issue a key of it: ${INTROZY} keys issue --organization NAME --name NAME`,
        );
      }
      const { organization, issued, isNewOwner, awaited: userId } = made;
      const awaited = userId && (await sendAwaitedOwner(store, config, { userId, email, organization: name }));
      const heading = `Organization ${printable(name)} (id ${organization.id}), owner ${printable(email)}`;
      const signIn = isNewOwner
        ? `Password, shown only this once: ${password}, at ${config.publicUrl}`
        : `The owner signs in with the password of their account, at ${config.publicUrl}`;
      return {
        json: {
          ...{ organizationId: organization.id, email, password: isNewOwner ? password : null, key: issued.key },
          ...(awaited && { verification: awaited }),
        },
        text: `${describeMigrated([...store.migrated, ...migrated])}${heading}\n${awaited ? describeAwaited(awaited) : signIn}\n\n${describeIssued(issued, config)}`,
      };
    };
  });
}

const describeMigrated = (names: string[]) => (names.length === 0 ? '' : `Migrated: ${names.join(', ')}\n`);

/**
 * Prints SQL and opens no database. A name of a login comes from the variable that is set already; the addresses without
 * a login of their own get the database's name and `_service`, `_accounts` or `_owner`.
 */
function printRoles({ organization, email }: Given['options']): Answer {
  if (organization !== undefined || email !== undefined) {
    throw new CommandError('--roles prints SQL and makes no organization: leave out --organization and --email.');
  }
  const environment = completeLogins(readLogins());
  const sql = rolesSql(environment);
  return { json: { sql, environment }, text: sql.trimEnd() };
}
