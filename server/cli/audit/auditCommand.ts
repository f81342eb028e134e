import { Command } from 'commander';
import { exportCommand } from './exportCommand.ts';
import { verifyCommand } from './verifyCommand.ts';

/** `introzy audit …` */
export function auditCommand(): Command {
  return new Command('audit')
    .description('verify and export the audit log')
    .addCommand(verifyCommand())
    .addCommand(exportCommand());
}
