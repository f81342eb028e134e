import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { text } from 'node:stream/consumers';
import { getSystemErrorMessage } from 'node:util';
import { Command } from 'commander';
import ignore, { type Ignore } from 'ignore';
import { findKeys, hintOf, KEY_PREFIX } from '../../shared/keyFormat.ts';
import { printable } from './text.ts';

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

/** A key in a file. */
interface Found {
  file: string;
  /** From 1. */
  line: number;
  hint: string;
}

/** A file to scan. `read` throws where the file cannot be read. */
interface Source {
  file: string;
  read(): AsyncIterable<Buffer>;
}

async function scan(sources: AsyncIterable<Source>): Promise<{ found: Found[]; faults: string[] }> {
  const found: Found[] = [];
  const faults: string[] = [];
  for await (const { file, read } of sources) {
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
  findKeys(name).reduce((rest, { key }) => rest.replaceAll(key, `${KEY_PREFIX}…`), name);

const NULS = '\\0{0,3}';
/** A key as bytes of UTF-8, UTF-16 or UTF-32, whose characters have none, one or three NULs between them. */
const KEY_IN_BYTES = new RegExp(`${[...KEY_PREFIX].join(NULS)}(?:${NULS}[0-9a-f]){64}`, 'g');
/** The most bytes of a key: 72 characters, with 3 NULs between each two. */
const LONGEST = 72 * 4;

/** Finds the keys in a stream of bytes, of which no more than a chunk is in memory. */
export async function* keysIn(chunks: AsyncIterable<Buffer>): AsyncGenerator<Omit<Found, 'file'>> {
  let line = 1;
  let isLineEnd: LineEnd | undefined;
  // Begins at an even place of the stream, as the characters of UTF-16 do.
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk]);
    isLineEnd ??= lineEndOf(bytes);
    let counted = 0;
    let end = 0;
    for (const { 0: match, index } of bytes.toString('latin1').matchAll(KEY_IN_BYTES)) {
      end = index + match.length;
      const [found] = findKeys(match.replaceAll('\0', ''));
      if (!found) continue;
      line += countLines(bytes.subarray(0, index + 1), { from: counted, isLineEnd });
      counted = index;
      yield { line, hint: hintOf(found.key) };
    }
    const keepFrom = Math.max(end, bytes.length - LONGEST, 0) & ~1;
    line += countLines(bytes.subarray(0, keepFrom), { from: counted, isLineEnd });
    rest = bytes.subarray(keepFrom);
  }
}

/** True where the byte 10 at a place ends a line. In UTF-16 the byte is also a half of other characters. */
type LineEnd = (bytes: Buffer, at: number) => boolean;

function countLines(bytes: Buffer, { from, isLineEnd }: { from: number; isLineEnd: LineEnd }): number {
  let count = 0;
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1)) if (isLineEnd(bytes, at)) count++;
  return count;
}

/** Tells UTF-16 by its byte order mark, or by the NULs of its ASCII characters, which stand at every second place. */
function lineEndOf(bytes: Buffer): LineEnd {
  const sample = bytes.subarray(0, 4096);
  const nuls = [0, 0] as [number, number];
  sample.forEach((byte, at) => {
    if (byte === 0) nuls[(at % 2) as 0 | 1]++;
  });
  const [even, odd] = nuls;
  const many = sample.length / 8;
  if (sample.indexOf('\u00ff\u00fe', 0, 'latin1') === 0 || (odd > many && odd > 4 * even)) {
    return (some, at) => at % 2 === 0 && some[at + 1] === 0;
  }
  if (sample.indexOf('\u00fe\u00ff', 0, 'latin1') === 0 || (even > many && even > 4 * odd)) {
    return (some, at) => at % 2 === 1 && some[at - 1] === 0;
  }
  return () => true;
}

/** The rules of the `.gitignore` in a folder. */
interface Rules {
  folder: string;
  rules: Ignore;
}

async function* filesAt(paths: string[]): AsyncGenerator<Source> {
  const given = new Set<string>();
  for (const path of paths) {
    for await (const source of filesOf(path)) {
      const place = resolve(source.file);
      if (!given.has(place)) yield source;
      given.add(place);
    }
  }
}

async function* filesOf(path: string): AsyncGenerator<Source> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    if (isFolder) yield* filesIn(path, await rulesAbove(path));
    else yield fileAt(path);
  } catch (error) {
    yield unreadable(path, error);
  }
}

/**
 * Gives the files in a folder that the rules above and in the folder do not ignore. Links are not followed: the target
 * is in the folder itself, or is not asked for. Rules that ignore the whole folder, which is read nevertheless, as the
 * folder was given or a deeper `.gitignore` says so, do not count.
 */
async function* filesIn(folder: string, above: Rules[]): AsyncGenerator<Source> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const levels = [...above.filter((level) => !judge(level, folder + sep).ignored), ...(await rulesIn(folder))];
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      const isFolder = entry.isDirectory();
      if (entry.name === '.git' || isIgnored(isFolder ? path + sep : path, levels)) continue;
      if (isFolder) yield* filesIn(path, levels);
      else if (entry.isFile()) yield fileAt(path);
    }
  } catch (error) {
    yield unreadable(folder, error);
  }
}

const fileAt = (file: string): Source => ({ file, read: () => createReadStream(file, { highWaterMark: 1 << 18 }) });

const unreadable = (file: string, error: unknown): Source => ({
  file,
  read() {
    throw error;
  },
});

async function rulesIn(folder: string): Promise<Rules[]> {
  try {
    const written = await readFile(join(folder, '.gitignore'), 'utf8');
    return [{ folder, rules: ignore({ ignorecase: false }).add(written.replace(/^\uFEFF/, '')) }];
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EISDIR') return [];
    throw error;
  }
}

/** The rules in the `.gitignore` files above a path, up to the top of the repository. Outside of a repository: none. */
async function rulesAbove(path: string): Promise<Rules[]> {
  const folders: string[] = [];
  for (let folder = resolve(path); !existsSync(join(folder, '.git')); folder = folders[0] as string) {
    if (dirname(folder) === folder) return [];
    folders.unshift(dirname(folder));
  }
  return (await Promise.all(folders.map(rulesIn))).flat();
}

/** The deepest `.gitignore` that names a path decides. A folder's path ends with a separator. */
const isIgnored = (path: string, levels: Rules[]) =>
  levels
    .toReversed()
    .map((level) => judge(level, path))
    .find(({ ignored, unignored }) => ignored || unignored)?.ignored === true;

const judge = ({ folder, rules }: Rules, path: string) =>
  rules.test(relative(folder, path).split(sep).join('/') + (path.endsWith(sep) ? '/' : ''));

async function* stagedFilesAt(paths: string[]): AsyncGenerator<Source> {
  const given = new Set<string>();
  for (const path of paths.length > 0 ? paths : [undefined]) {
    try {
      for (const { file, id, folder } of await listStaged(path)) {
        if (!given.has(`${id} ${file}`)) yield { file, read: () => git(folder, ['cat-file', 'blob', id]) };
        given.add(`${id} ${file}`);
      }
    } catch (error) {
      yield unreadable(`What git has staged at ${resolve(path ?? '.')}`, error);
    }
  }
}

/** Lists the files in git's index that differ from the last commit, each with the id of its content. */
async function listStaged(path: string | undefined): Promise<{ file: string; id: string; folder: string }[]> {
  const folder = folderOf(resolve(path ?? '.'));
  // Outside of a repository `git diff` compares two files instead of failing.
  await readAll(git(folder, ['rev-parse', '--show-toplevel']));
  const form = ['--raw', '-z', '--no-abbrev', '--no-renames', '--no-relative', '--diff-filter=ACMT'];
  const pathspec = path === undefined ? [] : ['--', resolve(path)];
  const fields = (await readAll(git(folder, ['diff', '--cached', ...form, ...pathspec]))).split('\0');
  // Each file is two fields, such as `:100644 100644 1a2b… 3c4d… M` and `src/app.ts`.
  return fields.flatMap((entry, index) => {
    const [, mode, , id] = index % 2 === 0 ? entry.split(' ') : [];
    return id === undefined || mode === SUBMODULE ? [] : [{ file: fields[index + 1] as string, id, folder }];
  });
}

const SUBMODULE = '160000';

/** The folder to run git in: the path's own, or the nearest folder above that exists. */
const folderOf = (path: string): string =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : folderOf(dirname(path));

const readAll = async (chunks: AsyncIterable<Buffer>) => Buffer.concat(await Array.fromAsync(chunks)).toString();

/** Runs git, and gives its output. Throws with the words of git where git fails. */
async function* git(folder: string, args: string[]): AsyncGenerator<Buffer> {
  const child = spawn('git', ['-C', folder, '--literal-pathspecs', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  await once(child, 'spawn').catch(() => {
    throw new Error('git is not there: install git, or put git on the PATH');
  });
  const closed = once(child, 'close');
  const said = text(child.stderr);
  yield* child.stdout;
  const [status] = await closed;
  if (status !== 0) throw new Error((await said).trim());
}
