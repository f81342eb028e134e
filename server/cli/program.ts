import { Command } from 'commander';
import { DatabaseUnavailable } from '../../db/errors.ts';
import { ImportError } from '../../shared/csv/importError.ts';
import { KEY_ANYWHERE, KEY_PREFIX } from '../../shared/keyFormat.ts';
import { ConfigError } from '../start/config.ts';
import { CommandError, INTROZY } from './commandError.ts';
import { contactsCommand } from './contacts.ts';
import { keysCommand } from './keys.ts';
import { mcpCommand } from './mcp.ts';
import { migrateCommand } from './migrate.ts';
import { setupCommand } from './setup.ts';

const HELP = `
Run it as:  ${INTROZY} <command>

It works on the database that the service uses: DATABASE_URL and INTROZY_KEY_SECRETS, or the embedded one in DATA_DIR
(.data), which serves one process: stop the service first. Every command has --help, and those that do something and end
have --json. What goes wrong is said on stderr, and the exit status is 1.`;

/** The whole command line. */
export function createProgram(): Command {
  const program = new Command('introzy')
    .description("The operator's commands of the Introzy API: organizations, API keys, contacts")
    .addHelpText('after', HELP)
    .addCommand(setupCommand())
    .addCommand(keysCommand())
    .addCommand(contactsCommand())
    .addCommand(migrateCommand())
    .addCommand(mcpCommand());
  return eachCommand(program, (command) =>
    command
      .configureOutput({ outputError: (message, write) => write(redact(message)) })
      .showHelpAfterError('Add --help to see how it is used.'),
  );
}

function eachCommand(command: Command, configure: (command: Command) => void): Command {
  configure(command);
  for (const child of command.commands) eachCommand(child, configure);
  return command;
}

/** Characters of a key that are more than its hint and than any of the database's names, which begin as keys do. */
const SECRET = 32;
/** A key that was pasted where an id belongs is not repeated. */
const redact = (text: string) =>
  text.replace(KEY_ANYWHERE, (found) => (found.length < SECRET ? found : `${KEY_PREFIX}…`));

const EXPECTED = [CommandError, ConfigError, ImportError, DatabaseUnavailable];
/** PGlite is one minified file: a line of its stack trace is half a megabyte. */
const STACK_WIDTH = 300;

/** What to print of an error: of one that was to be expected its sentence, of a defect where it comes from too. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return redact(`error: ${String(error)}`);
  if (EXPECTED.some((type) => error instanceof type)) return redact(`error: ${error.message}`);
  const stack = (error.stack ?? error.message).split('\n').map((line) => line.slice(0, STACK_WIDTH));
  return redact(`error: This should not have happened. ${stack.join('\n')}`);
}
