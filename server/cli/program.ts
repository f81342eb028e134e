import { Command } from 'commander';
import { DatabaseUnavailable } from '../../db/errors.ts';
import { ImportError } from '../../shared/csv/importError.ts';
import { KEY_ANYWHERE, KEY_PREFIX } from '../../shared/keyFormat.ts';
import { ConfigError } from '../start/config.ts';
import { auditCommand } from './audit/auditCommand.ts';
import { CommandError, INTROZY } from './commandError.ts';
import { contactsCommand } from './contacts.ts';
import { keysCommand } from './keys.ts';
import { mcpCommand } from './mcp.ts';
import { migrateCommand } from './migrate.ts';
import { organizationsCommand } from './organizations.ts';
import { peopleCommand } from './people.ts';
import { scanCommand } from './scan/scanCommand.ts';
import { secretsCommand } from './secrets.ts';
import { setupCommand } from './setup.ts';

const HELP = `
Run it as:  ${INTROZY} <command>

It works on the database that the service uses: DATABASE_URL and INTROZY_KEY_SECRETS, or the embedded one in DATA_DIR
(.data), which serves one process: stop the service first. Every command has --help, and those that do something and end
have --json. What goes wrong is said on stderr, and the exit status is 1 (of scan: 2).`;

/** Makes the whole command line. */
export function createProgram(): Command {
  const program = new Command('introzy')
    .description("The operator's commands of the Introzy API: organizations, API keys, contacts, the audit log")
    .addHelpText('after', HELP)
    .addCommand(setupCommand())
    .addCommand(organizationsCommand())
    .addCommand(peopleCommand())
    .addCommand(keysCommand())
    .addCommand(contactsCommand())
    .addCommand(secretsCommand())
    .addCommand(auditCommand())
    .addCommand(migrateCommand())
    .addCommand(scanCommand())
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

/** Characters from which a text with a key's prefix counts as a key. Hints and the database's names are shorter. */
const SECRET = 32;
/** Takes keys out of a message: a person may have pasted a key where an id belongs. */
const redact = (text: string) =>
  text.replace(KEY_ANYWHERE, (found) => (found.length < SECRET ? found : `${KEY_PREFIX}…`));

/** The errors whose message is meant for the operator. Any other error is a defect. */
const EXPECTED = [CommandError, ConfigError, ImportError, DatabaseUnavailable];
/** Characters of a stack trace's line that are printed. PGlite is minified: a line of its trace is half a megabyte. */
const STACK_WIDTH = 300;

/** The text to print for an error: the message of an expected error, or a defect's message with its stack trace. */
export function printedError(error: unknown): string {
  if (!(error instanceof Error)) return redact(`error: ${String(error)}`);
  if (EXPECTED.some((type) => error instanceof type)) return redact(`error: ${error.message}`);
  const stack = (error.stack ?? error.message).split('\n').map((line) => line.slice(0, STACK_WIDTH));
  return redact(`error: This should not have happened. ${stack.join('\n')}`);
}
