import { Command } from 'commander';
import { eraseCommand } from './eraseContacts.ts';
import { importCommand } from './import/importCommand.ts';

/** `introzy contacts …` */
export function contactsCommand(): Command {
  return new Command('contacts')
    .description("an organization's contacts")
    .addCommand(importCommand())
    .addCommand(eraseCommand());
}
