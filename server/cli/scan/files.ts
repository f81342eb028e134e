import { createReadStream, existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import ignore, { type Ignore } from 'ignore';
import { type Source, unreadable } from './source.ts';

/** The rules of the `.gitignore` in a folder. */
interface Rules {
  folder: string;
  rules: Ignore;
}

/** Gives the files at paths: each file that is named, and the files in each folder that no `.gitignore` names. */
export async function* filesAt(paths: string[]): AsyncGenerator<Source> {
  for (const path of paths) yield* filesOf(path);
}

async function* filesOf(path: string): AsyncGenerator<Source> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    if (isFolder) yield* filesIn(path, await rulesAbove(path));
    else yield fileAt(path);
  } catch (error) {
    yield unreadable(path, { id: resolve(path), error });
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
    yield unreadable(folder, { id: resolve(folder), error });
  }
}

const fileAt = (file: string): Source => ({
  id: resolve(file),
  file,
  read: () => createReadStream(file, { highWaterMark: 1 << 18 }),
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
