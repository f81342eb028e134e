import { Command } from 'commander';
import { erasePersonCommand } from './erasePerson.ts';
import { exportPersonCommand } from './exportPerson.ts';
import { resetPasswordCommand } from './resetPassword.ts';

/** `introzy people …` */
export function peopleCommand(): Command {
  return new Command('people')
    .description("people's accounts: a new password, what is kept of a person, and its erasure")
    .addCommand(resetPasswordCommand())
    .addCommand(exportPersonCommand())
    .addCommand(erasePersonCommand());
}
