import { Command } from 'commander';
import { z } from 'zod';
import { asAccounts } from '../../db/admission.ts';
import { removeSecondFactor } from '../../db/twoFactors.ts';
import { addAction } from './command.ts';
import { CommandError } from './commandError.ts';
import { parseOptions } from './input.ts';

/** `introzy people reset-factor` */
export function resetFactorCommand(): Command {
  const command = new Command('reset-factor')
    .description("take a person's second factor and passkeys away, and end their sessions: for who has lost them")
    .requiredOption('--email <address>', "the address of the person's account")
    .addHelpText(
      'after',
      '\nMake sure who asks: afterwards the password opens the account. JSON: {"hadFactor","sessions"}',
    );
  return addAction(command, ({ options }) => {
    const { email } = parseOptions(z.object({ email: z.string() }), options);
    return async ({ store }) => {
      const removed = await removeSecondFactor(asAccounts(store.db), email);
      if (!removed) throw new CommandError('No account has this address.');
      const { hadFactor, sessions } = removed;
      const what = hadFactor ? 'The second factor is off' : 'There was no second factor';
      return { json: removed, text: `${what}. Sessions ended: ${sessions}` };
    };
  });
}
