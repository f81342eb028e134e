import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Source, unreadable } from './source.ts';

/** Gives the contents that git would commit, of the given paths or of the whole repository. */
export async function* stagedFilesAt(paths: string[]): AsyncGenerator<Source> {
  for (const path of paths.length > 0 ? paths : [undefined]) {
    try {
      for (const { file, id, folder } of await listStaged(path)) {
        yield { id: `${id} ${file}`, file, read: () => git(folder, ['cat-file', 'blob', id]) };
      }
    } catch (error) {
      yield unreadable(`What git has staged at ${resolve(path ?? '.')}`, { error });
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
