import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { asAccounts } from '../../db/admission.ts';
import { insertReset } from '../../db/passwordResets.ts';
import { findAccount } from '../../db/verifiedAddress.ts';
import { digestText } from '../auth/textDigest.ts';
import { resetMail } from '../mail/messages.ts';
import { addAction } from './command.ts';
import { CommandError } from './commandError.ts';
import { EMAIL, parseEmail } from './personOption.ts';
import { printable } from './text.ts';

/** `introzy people reset-password` */
export function resetPasswordCommand(): Command {
  const command = new Command('reset-password')
    .description('print a link by which a person sets a new password; it works once, for an hour')
    .requiredOption(...EMAIL)
    .addHelpText(
      'after',
      '\nNothing is mailed: hand the link to the person, and to nobody else. Earlier links of the person end now. The new password ends all sessions of the person. JSON: {"email","link","expiresAt"}',
    );
  return addAction(command, ({ options }) => {
    const email = parseEmail(options);
    return async ({ store: { db, keySecrets }, config: { publicUrl } }) => {
      const account = await findAccount(db.root, email);
      if (!account) throw new CommandError('There is no account of this address.');
      const token = randomBytes(24).toString('base64url');
      // better-auth seeks a reset by this identifier.
      const identifier = digestText(keySecrets[0], `reset-password:${token}`, 'verifications.identifier');
      const expiresAt = await insertReset(asAccounts(db), { userId: account.id, identifier });
      const { link } = resetMail({ email, token, publicUrl });
      return {
        json: { email, link, expiresAt },
        text: `A new password for ${printable(email)}, once and within an hour, by this link:\n  ${link}\nHand it to the person, and to nobody else.`,
      };
    };
  });
}
