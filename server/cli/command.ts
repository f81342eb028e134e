import type { Command } from 'commander';
import { type Config, readConfig } from '../start/config.ts';
import { openStore, type Store } from '../start/store.ts';

/** The input of a command: the arguments in order, the options by name. */
export interface Given {
  args: string[];
  options: Record<string, string | boolean | undefined>;
}

/** The result of a command: `json` for programs, `text` for people. */
export interface Answer {
  json: unknown;
  text: string;
}

interface Session {
  store: Store;
  config: Config;
}

/** The work of a command whose input is valid. Gives no answer where the work itself has written to standard output. */
type Work = (session: Session) => Promise<Answer | undefined>;

/** The option of each command that works on a single organization. */
export const ORGANIZATION = [
  '--organization <id-or-name>',
  'the organization, by its id or name (may be left out where there is one only)',
] as const;

/**
 * Gives `command` its action. `prepare` checks the input before the database is opened, and gives the work to do on the
 * database, or the result of a command that needs no database. The result goes to standard output. The database is closed
 * whatever happens.
 */
export function addAction(command: Command, prepare: (given: Given) => Work | Answer | Promise<Answer>): Command {
  return command.option('--json', 'print JSON').action(async (...passed: unknown[]) => {
    const { args } = passed.at(-1) as Command;
    const options: Given['options'] = command.opts();
    const print = ({ json, text }: Answer) => process.stdout.write(`${options.json ? JSON.stringify(json) : text}\n`);
    const work = await prepare({ args, options });
    if (typeof work !== 'function') return void print(work);
    const config = readConfig();
    const store = await openStore(config, 'commands');
    try {
      const answer = await work({ store, config });
      if (answer) print(answer);
    } finally {
      await store.close();
    }
  });
}
