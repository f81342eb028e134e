import { getSystemErrorMessage } from 'node:util';
import { Command } from 'commander';
import { findKeys, KEY_PREFIX } from '../../../shared/keyFormat.ts';
import { printable } from '../text.ts';
import { filesAt } from './files.ts';
import { type KeyOnLine, keysIn } from './keysIn.ts';
import type { Source } from './source.ts';
import { stagedFilesAt } from './stagedFiles.ts';

const HELP = `
Prints FILE:LINE of each line with a key, never the key. A key is told from noise by its checksum. In a folder, files that
a .gitignore names, the folder .git and symbolic links are left out; a path that is given is read in any case. With
--staged, the contents are those that git would commit, of the given paths or of the whole repository, and the names
begin at the repository's top. The exit status is 1 where keys were found, 0 where no key was found, and 2 where
something could not be read.
JSON: [{"file","line","hint"}], the hint being the first 8 characters after the key's prefix`;

/** `introzy scan` */
export function scanCommand(): Command {
  return new Command('scan')
    .description('find API keys in files')
    .argument('[path...]', 'the files and folders')
    .option('--staged', 'read what git has staged for the next commit')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (paths: string[], { staged, json }: { staged?: true; json?: true }, command: Command) => {
      if (paths.length === 0 && !staged) command.error("error: missing required argument 'path'", { exitCode: 2 });
      const { found, faults } = await scan(staged ? stagedFilesAt(paths) : filesAt(paths));
      const places = found.map(({ file, line }) => `${printable(file)}:${line}\n`);
      process.stdout.write(json ? `${JSON.stringify(found)}\n` : [...new Set(places)].join(''));
      if (found.length > 0 && !json) process.stderr.write(ADVICE);
      for (const fault of faults) process.stderr.write(`error: ${printable(withoutKeys(fault))}\n`);
      process.exitCode = found.length > 0 ? 1 : faults.length > 0 ? 2 : 0;
    });
}

const ADVICE =
  'These lines contain API keys. Take the keys out; rotate or revoke each key that others may have seen, or that a commit holds.\n';

interface Found extends KeyOnLine {
  file: string;
}

/** Scans each source once. Gives the keys, and a sentence for each source that cannot be read. */
async function scan(sources: AsyncIterable<Source>): Promise<{ found: Found[]; faults: string[] }> {
  const found: Found[] = [];
  const faults: string[] = [];
  const scanned = new Set<string>();
  for await (const { id, file, read } of sources) {
    if (scanned.has(id)) continue;
    scanned.add(id);
    try {
      for await (const key of keysIn(read())) found.push({ file: withoutKeys(file), ...key });
    } catch (error) {
      faults.push(`${file} cannot be read: ${reasonOf(error as NodeJS.ErrnoException)}`);
    }
  }
  return { found, faults };
}

const reasonOf = ({ errno, message }: NodeJS.ErrnoException) =>
  errno === undefined ? message : getSystemErrorMessage(errno);

/** A name of a file may be a key itself. */
const withoutKeys = (name: string) =>
  findKeys(name).reduce((rest, key) => rest.replaceAll(key, `${KEY_PREFIX}…`), name);
