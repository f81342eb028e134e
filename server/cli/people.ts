import { Command } from 'commander';
import { erasePersonCommand } from './erasePerson.ts';
import { exportPersonCommand } from './exportPerson.ts';
import { resetFactorCommand } from './resetFactor.ts';
import { resetPasswordCommand } from './resetPassword.ts';

/** `introzy people …` */
export function peopleCommand(): Command {
  return new Command('people')
    .description("people's accounts: a new password, a lost factor, what is kept of a person, and its erasure")
    .addCommand(resetPasswordCommand())
    .addCommand(resetFactorCommand())
    .addCommand(exportPersonCommand())
    .addCommand(erasePersonCommand());
}
