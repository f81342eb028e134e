import { Command } from 'commander';
import { resetFactorCommand } from './resetFactor.ts';

/** `introzy people …` */
export function peopleCommand(): Command {
  return new Command('people').description("work on persons' accounts").addCommand(resetFactorCommand());
}
