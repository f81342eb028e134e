import type { Command } from 'commander';
import { type Config, readConfig } from '../start/config.ts';
import { COMMAND_LIMITS, openStore, type Store } from '../start/store.ts';

/** What a command was given: its arguments in order, its options by name. */
export interface Given {
  args: string[];
  options: Record<string, string | boolean | undefined>;
}

/** What a command has to say, to programs and to people. */
interface Answer {
  json: unknown;
  text: string;
}

interface Session {
  store: Store;
  config: Config;
}

/** The work of a command that was well called. */
type Work = (session: Session) => Promise<Answer>;

/** The option of the commands that work on one organization. */
export const ORGANIZATION = [
  '--organization <id-or-name>',
  'the organization, by its id or name (may be left out where there is one only)',
] as const;

/**
 * Makes `command` do what `prepare` says: that looks at what is given, before the database is opened, and answers with
 * the work to do on it. The database is closed whatever happens.
 */
export function addAction(command: Command, prepare: (given: Given) => Work): Command {
  return command.option('--json', 'print JSON').action(async (...passed: unknown[]) => {
    const { args } = passed.at(-1) as Command;
    const options: Given['options'] = command.opts();
    const work = prepare({ args, options });
    const config = readConfig();
    const store = await openStore(config, COMMAND_LIMITS);
    try {
      const { json, text } = await work({ store, config });
      process.stdout.write(`${options.json ? JSON.stringify(json) : text}\n`);
    } finally {
      await store.close();
    }
  });
}
